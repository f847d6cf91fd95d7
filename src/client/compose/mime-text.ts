/**
 * The spellings that MIME asks for: encoded words (RFC 2047), quoted-printable and base64 lines (RFC 2045), parameters
 * (RFC 2231), dates (RFC 5322). Control characters never reach a header, so no text can add one.
 */
import { toBase64, utf8 } from '../../base/index.ts';

/** RFC 5322, 2.1.1: lines should stay within 78 characters. */
const LINE_CHARACTERS = 78;
/** RFC 2045, 6.7 and 6.8. */
const ENCODED_LINE_CHARACTERS = 76;
/** RFC 2047, 2 allows encoded words of 75 characters; these have 64, so that one fits beside a field name. */
const WORD_BYTES = 39;

/** One header field, folded, with its line end. `value` is free text. */
export function textHeader(name: string, value: string): string {
  const text = withoutControls(value);
  return fold(name, isPlain(text) ? text.split(' ') : encodedWords(text));
}

/** One header field of values that are spelled already, separated by commas. */
export function listHeader(name: string, values: readonly string[]): string {
  const last = values.length - 1;
  return fold(
    name,
    values.map((value, i) => (i === last ? value : `${value},`)),
  );
}

/** `; name="value"`, by RFC 2231 where the value is not ASCII. */
export function parameter(name: string, value: string): string {
  const text = withoutControls(value);
  if (/^[\x20-\x7e]*$/.test(text)) return `;\r\n ${name}="${text.replace(/[\\"]/g, '\\$&')}"`;
  // encodeURIComponent leaves !'()* alone, of which only these belong to RFC 2231's syntax.
  const percent = encodeURIComponent(text).replace(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `;\r\n ${name}*=UTF-8''${percent}`;
}

/** Octets in one line of base64. */
export const LINE_OCTETS: number = (ENCODED_LINE_CHARACTERS / 4) * 3;

/** Characters that `base64Lines` makes of so many bytes. */
export function base64Length(bytes: number): number {
  const characters = Math.ceil(bytes / 3) * 4;
  return characters + 2 * Math.max(0, Math.ceil(characters / ENCODED_LINE_CHARACTERS) - 1);
}

/** Bytes as lines of base64. */
export function base64Lines(bytes: Uint8Array): string {
  const text = toBase64(bytes);
  const padded = text.padEnd(Math.ceil(text.length / 4) * 4, '=');
  const lines: string[] = [];
  for (let i = 0; i < padded.length; i += ENCODED_LINE_CHARACTERS)
    lines.push(padded.slice(i, i + ENCODED_LINE_CHARACTERS));
  return lines.join('\r\n');
}

/** Text, its line ends made CRLF, in quoted-printable. */
export function quotedPrintable(text: string): string {
  return crlf(text)
    .split('\r\n')
    .map((line) => softBreaks(quoteLine(line)))
    .join('\r\n');
}

export function crlf(text: string): string {
  return text.replace(/\r\n|\r|\n/g, '\r\n');
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
const DAY_MS = 86_400_000;

/** RFC 5322 date, in UTC. `ms` since 1970. By arithmetic, since a date object would bring the machine's zone along. */
export function mailDate(ms: number): string {
  const days = Math.floor(ms / DAY_MS);
  const seconds = Math.floor((ms - days * DAY_MS) / 1000);
  const { year, month, day } = civilDate(days);
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
  const weekday = DAYS[(((days + 4) % 7) + 7) % 7];
  return `${weekday}, ${day} ${MONTHS[month - 1]} ${String(year).padStart(4, '0')} ${time} +0000`;
}

/** Days since 1970 to a date of the Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
function civilDate(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** A display name as RFC 5322 and RFC 2047 let it stand before an address. */
export function phrase(text: string): string {
  const plain = withoutControls(text);
  return isPlain(plain) ? `"${plain.replace(/[\\"]/g, '\\$&')}"` : encodedWords(plain).join('\r\n ');
}

function withoutControls(text: string): string {
  return text.toWellFormed().replace(/[\u0000-\u001f\u007f]+/g, ' ');
}

/** ASCII that no reader takes for an encoded word, in words short enough to fold. */
function isPlain(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text) && !text.includes('=?') && !/\S{60}/.test(text) && !/^ | $| {2}/.test(text);
}

function encodedWords(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let size = 0;
  for (const character of text) {
    const bytes = utf8(character).length;
    if (size + bytes > WORD_BYTES) {
      words.push(word);
      word = '';
      size = 0;
    }
    word += character;
    size += bytes;
  }
  words.push(word);
  return words.map((part) => {
    const code = toBase64(utf8(part));
    return `=?UTF-8?B?${code.padEnd(Math.ceil(code.length / 4) * 4, '=')}?=`;
  });
}

function fold(name: string, words: readonly string[]): string {
  let text = `${name}:`;
  let column = text.length;
  for (const word of words) {
    const breaks = column + 1 + word.length > LINE_CHARACTERS && column > name.length + 1;
    text += breaks ? `\r\n ${word}` : ` ${word}`;
    column = breaks ? 1 + word.length : column + 1 + word.length;
  }
  return `${text}\r\n`;
}

function quoteLine(line: string): string {
  let quoted = '';
  const bytes = utf8(line);
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    const space = (byte === 0x20 || byte === 0x09) && i < bytes.length - 1;
    const plain = byte >= 0x21 && byte <= 0x7e && byte !== 0x3d;
    quoted += plain || space ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return quoted;
}

/** Breaks a quoted line so that no escape is torn. */
function softBreaks(line: string): string {
  const parts: string[] = [];
  let rest = line;
  while (rest.length > ENCODED_LINE_CHARACTERS) {
    let end = ENCODED_LINE_CHARACTERS - 1;
    if (rest[end - 1] === '=') end -= 1;
    else if (rest[end - 2] === '=') end -= 2;
    parts.push(`${rest.slice(0, end)}=`);
    rest = rest.slice(end);
  }
  parts.push(rest);
  return parts.join('\r\n');
}
