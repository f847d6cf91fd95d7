/** Dates as header fields spell them (RFC 5322, section 3.3, with what is obsolete in it) and as JMAP does (RFC 3339). */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DATE =
  /^\s*(?:[a-z]{2,9}\.?\s*,?\s*)?(\d{1,2})[\s-]+([a-z]{3})[a-z]*\.?[\s-]+(\d{2,4})\s+(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2}))?(?:[.,]\d+)?\s*(am|pm)?\s*([+-]\d{4}|[a-z]{1,5})?/i;
const ZONES: Readonly<Record<string, number>> = {
  EST: -300,
  EDT: -240,
  CST: -360,
  CDT: -300,
  MST: -420,
  MDT: -360,
  PST: -480,
  PDT: -420,
};

export interface ZonedTime {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly offsetMinutes: number;
}

/** The time of a Date header field, without its comments; nothing if it is none. */
export function parseDateField(text: string): ZonedTime | undefined {
  // Long runs of white space would be divided in every way between the places that allow some.
  const match = DATE.exec(text.replace(/\s+/g, ' '));
  if (match === null) return undefined;
  const [, day = '', monthName = '', yearText = '', hourText = '', minute = '', second = '0', half, zone = ''] = match;
  const month = MONTHS.indexOf(monthName.toLowerCase());
  if (month < 0) return undefined;
  let year = Number(yearText);
  if (yearText.length === 2) year += year < 50 ? 2000 : 1900;
  else if (yearText.length === 3) year += 1900;
  let hour = Number(hourText);
  if (half !== undefined) hour = (hour % 12) + (half.toLowerCase() === 'pm' ? 12 : 0);
  const offsetMinutes = zoneMinutes(zone);
  if (offsetMinutes === undefined || hour > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const local = Date.UTC(year, month, Number(day), hour, Number(minute), Math.min(59, Number(second)));
  const check = new Date(local);
  if (check.getUTCDate() !== Number(day) || check.getUTCMonth() !== month) return undefined;
  return { at: local - offsetMinutes * 60_000, offsetMinutes };
}

/** Unknown zones count as UTC, as RFC 5322, section 4.3, says of them. */
function zoneMinutes(zone: string): number | undefined {
  if (!/^[+-]/.test(zone)) return ZONES[zone.toUpperCase()] ?? 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3, 5));
  if (minutes >= 24 * 60) return undefined;
  return zone.startsWith('-') ? -minutes : minutes;
}

/** JMAP's Date: local time and offset, without a fraction when it is zero. */
export function spellDate({ at, offsetMinutes }: ZonedTime): string {
  const local = spellUtcDate(at + offsetMinutes * 60_000).slice(0, -1);
  if (offsetMinutes === 0) return `${local}Z`;
  const minutes = Math.abs(offsetMinutes);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${local}${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** JMAP's UTCDate. */
export function spellUtcDate(at: number): string {
  return new Date(at).toISOString().replace('.000Z', 'Z');
}

const JMAP_DATE = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** A JMAP Date, or, when `isUtc`, UTCDate; nothing if it is none (RFC 8620, section 1.4). */
export function parseJmapDate(text: string, isUtc: boolean): ZonedTime | undefined {
  const match = JMAP_DATE.exec(text);
  if (match === null || (isUtc && match[4] !== 'Z') || /^\.0+$/.test(match[3] ?? '')) return undefined;
  const at = Date.parse(text);
  // Date.parse rolls the 31st of February over.
  if (Number.isNaN(at) || new Date(Date.parse(`${match[1]}T00:00:00Z`)).toISOString().slice(0, 10) !== match[1])
    return undefined;
  const zone = match[4] as string;
  const offsetMinutes =
    zone === 'Z' ? 0 : (zone.startsWith('-') ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4)));
  return { at, offsetMinutes };
}

/** The Date header field of a time (RFC 5322). */
export function spellDateField({ at, offsetMinutes }: ZonedTime): string {
  const local = new Date(at + offsetMinutes * 60_000);
  const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
  const month = MONTHS[local.getUTCMonth()] ?? '';
  const two = (value: number): string => String(value).padStart(2, '0');
  const zone = Math.abs(offsetMinutes);
  return (
    `${days[local.getUTCDay()]}, ${two(local.getUTCDate())} ${month[0]?.toUpperCase()}${month.slice(1)} ${local.getUTCFullYear()} ` +
    `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())} ` +
    `${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(zone / 60))}${two(zone % 60)}`
  );
}
