/** Header fields from their parsed forms (RFC 5322; text outside of ASCII as RFC 2047 encodes it). Values are judged before. */
import type { AddressGroup, EmailAddress } from './address-list.ts';
import { spellDateField, type ZonedTime } from './dates.ts';

/** Lines are folded before this column where they can be; RFC 5322 recommends 78. */
const LINE_COLUMNS = 76;
/** Of an encoded word, RFC 2047 allows 75 characters with its frame. */
const WORD_OCTETS = 42;

export function spellField(name: string, value: string): string {
  return `${name}: ${value}\r\n`;
}

/** A value in Raw form, which brings its own leading space and folding. */
export function spellRawField(name: string, value: string): string {
  return `${name}:${value.startsWith(' ') || value.startsWith('\t') ? '' : ' '}${value}\r\n`;
}

export function spellText(name: string, text: string): string {
  return spellField(name, fold(isPlain(text) ? text.split(' ') : encodeWords(text), name.length + 2));
}

export function spellAddresses(name: string, addresses: readonly EmailAddress[]): string {
  return spellField(name, fold(withCommas(addresses.map(mailbox)), name.length + 2));
}

export function spellGroups(name: string, groups: readonly AddressGroup[]): string {
  const items = groups.flatMap(({ name: group, addresses }) =>
    group === null ? addresses.map(mailbox) : [`${phrase(group)}: ${addresses.map(mailbox).join(', ')};`],
  );
  return spellField(name, fold(withCommas(items), name.length + 2));
}

export function spellMessageIds(name: string, ids: readonly string[]): string {
  return spellField(
    name,
    fold(
      ids.map((id) => `<${id}>`),
      name.length + 2,
    ),
  );
}

export function spellUrls(name: string, urls: readonly string[]): string {
  return spellField(name, fold(withCommas(urls.map((url) => `<${url}>`)), name.length + 2));
}

export function spellTime(name: string, time: ZonedTime): string {
  return spellField(name, spellDateField(time));
}

/** Parameters of Content-Type and Content-Disposition, each on a line of its own (RFC 2231 outside of ASCII). */
export function spellParameters(name: string, value: string, parameters: ReadonlyMap<string, string>): string {
  const spelled = [...parameters].flatMap(([parameter, text]) => spellParameter(parameter, text));
  return spellField(name, [value, ...spelled].join(';\r\n '));
}

function spellParameter(name: string, text: string): string[] {
  if (isPlain(text) && text.length < LINE_COLUMNS - name.length)
    return [`${name}=${/^[A-Za-z0-9!#$&.+^_-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`}`];
  const encoded = [...Buffer.from(text)].map((byte) =>
    /[A-Za-z0-9.-]/.test(String.fromCharCode(byte))
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  );
  const lines: string[] = ["utf-8''"];
  for (const character of encoded) {
    const last = lines.length - 1;
    if ((lines[last] ?? '').length + character.length > LINE_COLUMNS - name.length - 8) lines.push(character);
    else lines[last] += character;
  }
  return lines.length === 1 ? [`${name}*=${lines[0]}`] : lines.map((line, index) => `${name}*${index}*=${line}`);
}

function withCommas(items: readonly string[]): string[] {
  return items.map((item, index) => (index === items.length - 1 ? item : `${item},`));
}

function mailbox({ name, email }: EmailAddress): string {
  if (name !== null && name !== '') return `${phrase(name)} <${email}>`;
  // Bare, the port of a loopback home would make `alice@localhost:7896` the name of a group.
  return email.includes(':') ? `<${email}>` : email;
}

/** A display name: as it is, in quotes, or as encoded words. */
function phrase(name: string): string {
  if (!isPlain(name)) return encodeWords(name).join(' ');
  return /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*$/.test(name) && !name.includes('=?')
    ? name
    : `"${name.replace(/["\\]/g, '\\$&')}"`;
}

function isPlain(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text) && !text.includes('=?') && !/ {2}|^ | $/.test(text);
}

/** Whole characters in words that are short enough. */
function encodeWords(text: string): string[] {
  const words: string[] = [];
  let piece = '';
  let octets = 0;
  const flush = (): void => {
    if (piece !== '') words.push(`=?UTF-8?B?${Buffer.from(piece).toString('base64')}?=`);
    piece = '';
    octets = 0;
  };
  for (const character of text) {
    const size = Buffer.byteLength(character);
    if (octets + size > WORD_OCTETS) flush();
    piece += character;
    octets += size;
  }
  flush();
  return words;
}

/** Joins words with spaces, and with line breaks where a line would become too long. */
function fold(words: readonly string[], column: number): string {
  let text = '';
  let at = column;
  for (const [index, word] of words.entries()) {
    const breaks = index > 0 && at + 1 + word.length > LINE_COLUMNS && word !== '';
    if (index > 0) text += breaks ? '\r\n ' : ' ';
    at = breaks ? 1 + word.length : at + 1 + word.length;
    text += word;
  }
  return text;
}
