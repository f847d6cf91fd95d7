/** Times as people say them, in the reader's own zone. */
const DAY_MS = 86_400_000;

/** Of a row: the time today, the weekday this week, else the date. */
export function shortDate(iso: string, locale: string, now: number = Date.now()): string {
  const at = new Date(iso);
  const today = new Date(now);
  if (at.toDateString() === today.toDateString())
    return at.toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit' });
  if (now - at.getTime() < 6 * DAY_MS && at.getTime() <= now)
    return at.toLocaleDateString(locale, { weekday: 'short' });
  if (at.getFullYear() === today.getFullYear())
    return at.toLocaleDateString(locale, { day: 'numeric', month: 'short' });
  return at.toLocaleDateString(locale, { day: '2-digit', month: '2-digit', year: '2-digit' });
}

export function fullDate(iso: string, locale: string): string {
  return new Date(iso).toLocaleString(locale, { dateStyle: 'full', timeStyle: 'short' });
}

export function longDate(iso: string, locale: string): string {
  return new Date(iso).toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'short' });
}
