/** Octets as people say them. */
const STEP = 1000;

export function sizeText(octets: number, locale: string): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  const at = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, octets)) / 3));
  const style = { style: 'unit', unit: units[at] as string, maximumFractionDigits: at < 2 ? 0 : 1 } as const;
  return new Intl.NumberFormat(locale, style).format(octets / STEP ** at);
}
