/**
 * A message from its parts. Header fields and parts were judged before; this decides on encodings, boundaries and the order
 * of things, and what it writes reads back as what went in.
 */

export interface DraftPart {
  /** Fields as they are written, each with its line break. Without Content-Type of a multipart and the encoding. */
  readonly headers: readonly string[];
  readonly content: DraftContent;
}

export type DraftContent =
  | { readonly kind: 'octets'; readonly bytes: Uint8Array; readonly type: string }
  | { readonly kind: 'multipart'; readonly subtype: string; readonly parts: readonly DraftPart[] };

/** `boundary` yields a new one each time it is called. */
export function composeMessage(headers: readonly string[], root: DraftPart, boundary: () => string): Buffer {
  return Buffer.concat([Buffer.from(`${headers.join('')}MIME-Version: 1.0\r\n`), ...partOctets(root, boundary)]);
}

function partOctets({ headers, content }: DraftPart, boundary: () => string): Uint8Array[] {
  if (content.kind === 'multipart') {
    const mark = boundary();
    const head = `Content-Type: multipart/${content.subtype}; boundary="${mark}"\r\n${headers.join('')}\r\n`;
    const parts = content.parts.flatMap((part) => [
      Buffer.from(`--${mark}\r\n`),
      ...partOctets(part, boundary),
      Buffer.from('\r\n'),
    ]);
    return [Buffer.from(head), ...parts, Buffer.from(`--${mark}--\r\n`)];
  }
  const { name, bytes } = encode(content.bytes, content.type);
  return [Buffer.from(`${headers.join('')}Content-Transfer-Encoding: ${name}\r\n\r\n`), bytes];
}

function encode(bytes: Uint8Array, type: string): { name: string; bytes: Uint8Array } {
  const shape = shapeOf(bytes);
  // RFC 2046, section 5.2: attached messages are not encoded.
  if (type.startsWith('message/') && type !== 'message/global') return { name: shape.isAscii ? '7bit' : '8bit', bytes };
  if (shape.isAscii && shape.hasShortLines && type.startsWith('text/')) return { name: '7bit', bytes };
  if (type.startsWith('text/') && shape.isMostlyAscii)
    return { name: 'quoted-printable', bytes: Buffer.from(quotedPrintable(bytes)) };
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,76}/g) ?? [];
  return { name: 'base64', bytes: Buffer.from(lines.join('\r\n')) };
}

/** RFC 5322, section 2.1.1: a line has at most 998 octets. */
const LINE_OCTETS = 998;

function shapeOf(bytes: Uint8Array): { isAscii: boolean; isMostlyAscii: boolean; hasShortLines: boolean } {
  let high = 0;
  let odd = 0;
  let longest = 0;
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte >= 128) high++;
    else if (byte === 0 || (byte === 13 && bytes[at + 1] !== 10) || (byte === 10 && bytes[at - 1] !== 13)) odd++;
    length = byte === 10 ? 0 : length + 1;
    longest = Math.max(longest, length);
  }
  return {
    isAscii: high === 0 && odd === 0,
    isMostlyAscii: high * 4 <= bytes.length,
    hasShortLines: longest <= LINE_OCTETS,
  };
}

const QP_COLUMNS = 75;

function quotedPrintable(bytes: Uint8Array): string {
  let text = '';
  let column = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === 13 && bytes[at + 1] === 10) {
      text += '\r\n';
      column = 0;
      at++;
      continue;
    }
    const endsLine = at + 1 === bytes.length || (bytes[at + 1] === 13 && bytes[at + 2] === 10);
    const isLiteral = (byte > 32 && byte < 127 && byte !== 61) || ((byte === 32 || byte === 9) && !endsLine);
    const spelled = isLiteral ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    if (column + spelled.length > QP_COLUMNS) {
      text += '=\r\n';
      column = 0;
    }
    text += spelled;
    column += spelled.length;
  }
  return text;
}
