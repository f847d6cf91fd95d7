/** The content of a part as base64 (RFC 2045, section 6.8), of any size and a little at a time, with the fields that tell of it. */
import { spellParameters } from './header-writing.ts';

/** RFC 2045, 6.8: of a line, at most. */
const LINE_CHARACTERS = 76;
/** RFC 2046, section 5: what is a message or has parts of its own may not be encoded so. It is a file then. */
const NOT_ENCODED = /^(?:message|multipart)\//i;
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/i;

/** Type, encoding, and the empty line before the content. */
export function base64Fields(type: string, name: string): Uint8Array {
  const said = MEDIA_TYPE.test(type) && !NOT_ENCODED.test(type) ? type : 'application/octet-stream';
  const parameters = new Map(name === '' ? [] : [['name', name]]);
  return Buffer.from(`${spellParameters('Content-Type', said, parameters)}Content-Transfer-Encoding: base64\r\n\r\n`);
}

/** Octets of the encoded content, whose last line has no end. */
export function base64Size(octets: number, lineCharacters: number = LINE_CHARACTERS): number {
  const characters = Math.ceil(octets / 3) * 4;
  return characters + 2 * Math.max(0, Math.ceil(characters / lineCharacters) - 1);
}

/** Others than this program write shorter lines, or longer ones; always in fours. */
export async function* base64Octets(
  content: AsyncIterable<Uint8Array>,
  lineCharacters: number = LINE_CHARACTERS,
): AsyncGenerator<Uint8Array> {
  const lineOctets = (lineCharacters / 4) * 3;
  const line = new RegExp(`.{1,${lineCharacters}}`, 'g');
  let held: Uint8Array = new Uint8Array(0);
  let isFirst = true;
  const encode = (octets: Uint8Array): Uint8Array => {
    const lines = Buffer.from(octets).toString('base64').match(line) ?? [];
    const before = isFirst ? '' : '\r\n';
    isFirst = false;
    return Buffer.from(before + lines.join('\r\n'));
  };
  for await (const piece of content) {
    const octets = held.length === 0 ? piece : Buffer.concat([held, piece]);
    const whole = octets.length - (octets.length % lineOctets);
    if (whole > 0) yield encode(octets.subarray(0, whole));
    held = octets.slice(whole);
  }
  if (held.length > 0) yield encode(held);
}
