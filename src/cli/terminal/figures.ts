/** Numbers and times as people read them, in their own zone; JSON carries numbers and ISO 8601 instead. */

const grouped = new Intl.NumberFormat('en', { useGrouping: true, maximumFractionDigits: 0 });

/** `12 345`: grouped by thin columns of three, as the numbers in design and docs are. */
export function showCount(value: number): string {
  return grouped.format(value).replaceAll(',', ' ');
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `831 B`, `12.3 MB`: powers of 1024. */
export function showBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `0:07`, `12:34`, `3:04:05`. */
export function showDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `14:03` for today, `9 Mar 14:03` within some months, `9 Mar 2019` else; in the reader's zone. */
export function showTime(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const now = new Date(nowMs);
  const clock = at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
  if (at.toDateString() === now.toDateString()) return clock;
  const day = at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
  return Math.abs(nowMs - atMs) < HALF_A_YEAR_MS ? `${day} ${clock}` : `${day} ${at.getFullYear()}`;
}

const HALF_A_YEAR_MS = 182 * 86_400_000;

/** `Mon, 9 Mar 2026, 14:03:22 CET`. */
export function showFullTime(atMs: number): string {
  return new Date(atMs).toLocaleString('en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short',
  });
}

export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** `1 message`, `2 messages`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${showCount(count)} ${count === 1 ? noun : plural}`;
}

/** `20G`, `512 MiB`, `1000000`: bytes; undefined when it is none of these. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?$/i.exec(text.trim());
  if (match === null) return undefined;
  const bytes = Math.round(Number(match[1]) * 1024 ** ' kmgtp'.indexOf((match[2] || ' ').toLowerCase()));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
