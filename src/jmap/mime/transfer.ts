/** Content transfer encodings (RFC 2045, section 6): whole bodies, and chunk by chunk for downloads. */

import { UuDecoder } from './uuencode.ts';

export type TransferEncoding = 'identity' | 'base64' | 'quoted-printable' | 'uuencode' | 'unknown';

export function parseTransferEncoding(value: string | undefined): TransferEncoding {
  switch (value) {
    case undefined:
    case '':
    case '7bit':
    case '8bit':
    case 'binary':
      return 'identity';
    case 'base64':
    case 'quoted-printable':
      return value;
    case 'x-uuencode':
    case 'x-uue':
    case 'uuencode':
      return 'uuencode';
    default:
      return 'unknown';
  }
}

/** Decodes a stream piece by piece: `push` what came, then `end`. */
export interface TransferDecoder {
  push(bytes: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

export function createDecoder(encoding: TransferEncoding): TransferDecoder {
  if (encoding === 'base64') return new Base64Decoder();
  if (encoding === 'quoted-printable') return new QuotedPrintableDecoder();
  if (encoding === 'uuencode') return new UuDecoder();
  return { push: (bytes) => bytes, end: () => new Uint8Array(0) };
}

export function decodeTransfer(bytes: Uint8Array, encoding: TransferEncoding): Uint8Array {
  if (encoding === 'identity' || encoding === 'unknown') return bytes;
  const decoder = createDecoder(encoding);
  const decoded = decoder.push(bytes);
  const rest = decoder.end();
  return rest.length === 0 ? decoded : Buffer.concat([decoded, rest]);
}

const VALUES = new Uint8Array(256).fill(255);
for (const [value, digit] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries())
  VALUES[digit.charCodeAt(0)] = value;
const PAD = 61;

/** Skips what is no digit; padding ends a group, so encodings that were joined come out whole. */
class Base64Decoder implements TransferDecoder {
  #bits = 0;
  #digits = 0;

  push(bytes: Uint8Array): Uint8Array {
    const decoded = new Uint8Array(Math.ceil(((bytes.length + this.#digits) * 3) / 4) + 3);
    let size = 0;
    for (const byte of bytes) {
      const value = VALUES[byte] as number;
      if (value === 255) {
        if (byte === PAD) size = this.#flush(decoded, size);
        continue;
      }
      this.#bits = (this.#bits << 6) | value;
      if (++this.#digits < 4) continue;
      decoded[size++] = this.#bits >> 16;
      decoded[size++] = this.#bits >> 8;
      decoded[size++] = this.#bits;
      this.#bits = 0;
      this.#digits = 0;
    }
    return decoded.subarray(0, size);
  }

  end(): Uint8Array {
    const decoded = new Uint8Array(3);
    return decoded.subarray(0, this.#flush(decoded, 0));
  }

  #flush(decoded: Uint8Array, start: number): number {
    let size = start;
    if (this.#digits >= 2) {
      const bits = this.#bits << (6 * (4 - this.#digits));
      decoded[size++] = bits >> 16;
      if (this.#digits === 3) decoded[size++] = bits >> 8;
    }
    this.#bits = 0;
    this.#digits = 0;
    return size;
  }
}

const EQUALS = 61;
const CR = 13;
const LF = 10;

function hexValue(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** Keeps what is malformed as it is written; white space at the end of a line is not content. */
class QuotedPrintableDecoder implements TransferDecoder {
  /** What cannot be judged before more has come: an escape that is cut, or white space that may end a line. */
  #held: Uint8Array[] = [];

  push(bytes: Uint8Array): Uint8Array {
    const last = this.#held.at(-1)?.at(-1);
    let end = bytes.length;
    while (end > 0 && isHeldBack(bytes[end - 1], end > 1 ? bytes[end - 2] : last)) end--;
    // Megabytes of white space come in many pieces: each is looked at once.
    const decoded =
      end === 0 ? new Uint8Array(0) : decodeQuotedPrintable(Buffer.concat([...this.#held, bytes.subarray(0, end)]));
    if (end > 0) this.#held = [];
    if (end < bytes.length) this.#held.push(bytes.slice(end));
    return decoded;
  }

  end(): Uint8Array {
    const rest = decodeQuotedPrintable(Buffer.concat(this.#held));
    this.#held = [];
    return rest;
  }
}

function isHeldBack(byte: number | undefined, before: number | undefined): boolean {
  if (byte === 32 || byte === 9 || byte === CR || byte === EQUALS) return true;
  return before === EQUALS && byte !== LF;
}

function decodeQuotedPrintable(input: Uint8Array): Uint8Array {
  const decoded = new Uint8Array(input.length);
  let size = 0;
  for (let i = 0; i < input.length; i++) {
    const byte = input[i] as number;
    if (byte === EQUALS) {
      const high = hexValue(input[i + 1]);
      const low = hexValue(input[i + 2]);
      if (high >= 0 && low >= 0) {
        decoded[size++] = (high << 4) | low;
        i += 2;
        continue;
      }
      const next = skipBlanks(input, i + 1);
      if (next >= input.length) break; // a soft break at the very end
      if (input[next] === LF || (input[next] === CR && input[next + 1] === LF)) {
        i = input[next] === LF ? next : next + 1;
        continue;
      }
    } else if (byte === 32 || byte === 9) {
      const next = skipBlanks(input, i);
      if (input[next] === LF || (input[next] === CR && input[next + 1] === LF)) {
        i = next - 1;
        continue;
      }
      while (i < next) decoded[size++] = input[i++] as number;
      i--;
      continue;
    }
    decoded[size++] = byte;
  }
  return decoded.subarray(0, size);
}

function skipBlanks(input: Uint8Array, start: number): number {
  let at = start;
  while (input[at] === 32 || input[at] === 9) at++;
  return at;
}

/** How many octets a body has once it is decoded. */
export function decodedSize(bytes: Uint8Array, encoding: TransferEncoding): number {
  if (encoding === 'identity' || encoding === 'unknown') return bytes.length;
  const decoder = createDecoder(encoding);
  let size = 0;
  for (let at = 0; at < bytes.length; at += DECODED_AT_ONCE_BYTES)
    size += decoder.push(bytes.subarray(at, at + DECODED_AT_ONCE_BYTES)).length;
  return size + decoder.end().length;
}

const DECODED_AT_ONCE_BYTES = 65_536;
