/** Times as people say them, in the reader's own zone. */
const DAY_MS = 86_400_000;

const FORMATS = {
  time: { hour: '2-digit', minute: '2-digit' },
  weekday: { weekday: 'short' },
  day: { day: 'numeric', month: 'short' },
  date: { day: '2-digit', month: '2-digit', year: '2-digit' },
  full: { dateStyle: 'full', timeStyle: 'short' },
  long: { dateStyle: 'medium', timeStyle: 'short' },
} as const satisfies Readonly<Record<string, Intl.DateTimeFormatOptions>>;

/** Making one takes longer than a row of the list has. */
const made = new Map<string, Intl.DateTimeFormat>();

/** What is no date is said to be none. */
function say(at: Date, format: keyof typeof FORMATS, locale: string): string {
  if (Number.isNaN(at.getTime())) return '–';
  // Whoever travels has another zone without a new page.
  const key = `${format} ${locale} ${new Date().getTimezoneOffset()}`;
  const formatter = made.get(key) ?? new Intl.DateTimeFormat(locale, FORMATS[format]);
  made.set(key, formatter);
  return formatter.format(at);
}

/** Of a row: the time today, the weekday this week, else the date. */
export function shortDate(iso: string, locale: string, now: number = Date.now()): string {
  const at = new Date(iso);
  const today = new Date(now);
  if (at.toDateString() === today.toDateString()) return say(at, 'time', locale);
  if (now - at.getTime() < 6 * DAY_MS && at.getTime() <= now) return say(at, 'weekday', locale);
  if (at.getFullYear() === today.getFullYear()) return say(at, 'day', locale);
  return say(at, 'date', locale);
}

export function fullDate(iso: string, locale: string): string {
  return say(new Date(iso), 'full', locale);
}

export function longDate(iso: string, locale: string): string {
  return say(new Date(iso), 'long', locale);
}
