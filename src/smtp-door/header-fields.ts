/** The header of a message as fields, each with its octets as they came. What ends the header is the first empty line. */
import { concatBytes } from '../base/index.ts';

export interface HeaderField {
  /** In lower case, without the space that old programs put before the colon. Empty: the line is no field. */
  readonly name: string;
  /** With its continuation lines and line ends. */
  readonly octets: Uint8Array;
}

export interface SplitMessage {
  readonly fields: readonly HeaderField[];
  /** All of it. */
  readonly octets: Uint8Array;
  /** From the empty line on. */
  readonly rest: Uint8Array;
}

const [TAB, LF, CR, SPACE, COLON] = [9, 10, 13, 32, 58];

/** Whose lines end with CR LF. */
export function splitMessage(message: Uint8Array): SplitMessage {
  const fields: HeaderField[] = [];
  let at = 0;
  while (at < message.length && message[at] !== CR) {
    const end = fieldEnd(message, at);
    const octets = message.subarray(at, end);
    fields.push({ name: nameOf(octets), octets });
    at = end;
  }
  return { fields, octets: message, rest: message.subarray(at) };
}

/** As it was, if no field was left out. */
export function joinMessage({ fields, rest }: Omit<SplitMessage, 'octets'>): Uint8Array {
  return concatBytes(...fields.map(({ octets }) => octets), rest);
}

/** What is no UTF-8 is read too: headers are written by anybody. */
const decoder = new TextDecoder();

export function textOf({ octets }: HeaderField): string {
  return decoder.decode(octets);
}

/** What follows the colon, in one line. */
export function fieldText(field: HeaderField): string {
  const text = textOf(field);
  return text
    .slice(text.indexOf(':') + 1)
    .replace(/\r\n/g, '')
    .trim();
}

function fieldEnd(message: Uint8Array, from: number): number {
  for (let at = from; ; ) {
    const end = message.indexOf(LF, at) + 1;
    if (end === 0) return message.length;
    if (message[end] !== SPACE && message[end] !== TAB) return end;
    at = end;
  }
}

function nameOf(octets: Uint8Array): string {
  const colon = octets.indexOf(COLON);
  const name = colon < 0 ? '' : decoder.decode(octets.subarray(0, colon)).trimEnd().toLowerCase();
  return /^[\x21-\x39\x3b-\x7e]+$/.test(name) ? name : '';
}
