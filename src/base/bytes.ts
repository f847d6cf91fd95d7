/**
 * Byte strings: joining, comparing and spelling them. Portable; allocates only what it returns.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Text of UTF-8 bytes; throws a TypeError on bytes that are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const joined = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Lexicographic order of unsigned bytes, a prefix before what it begins: the order of every store key. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** Bytes of lower-case hexadecimal; throws a TypeError on anything else. */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >>> 1);
  let wrong = text.length % 2;
  for (let i = 0, at = 0; i < bytes.length; i++, at += 2) {
    const high = digitOf(text.charCodeAt(at));
    const low = digitOf(text.charCodeAt(at + 1));
    wrong |= high | low;
    bytes[i] = (high << 4) | low;
  }
  // Digits lie in the low four bits; anything else sets a bit above them.
  if (wrong !== 0 && (text.length % 2 !== 0 || wrong > 15)) throw new TypeError('not lower-case hexadecimal');
  return bytes;
}

function digitOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  return 256;
}

const CHUNK_BYTES = 0x8000;

/** Unpadded base64 (Matrix style). */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let i = 0; i < bytes.length; i += CHUNK_BYTES)
    binary += String.fromCharCode(...bytes.subarray(i, i + CHUNK_BYTES));
  return btoa(binary).replace(/=+$/, '');
}

/** Bytes of unpadded base64 in its one canonical spelling; throws a TypeError on anything else. */
export function fromBase64(text: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(text);
  } catch (cause) {
    throw new TypeError('not base64', { cause });
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  if (toBase64(bytes) !== text) throw new TypeError('not canonical unpadded base64');
  return bytes;
}

/** The 8 big-endian bytes of an index or number, which keep numeric order in store keys; throws a RangeError on others. */
export function uint64Bytes(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('not an integer from 0 to 2^53-1');
  const bytes = new Uint8Array(8);
  const data = new DataView(bytes.buffer);
  data.setUint32(0, Math.floor(value / 0x1_0000_0000));
  data.setUint32(4, value >>> 0);
  return bytes;
}

/** The number of 8 big-endian bytes at `offset`; throws a RangeError beyond 2^53-1. */
export function readUint64(bytes: Uint8Array, offset = 0): number {
  const value = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(offset));
  if (!Number.isSafeInteger(value)) throw new RangeError('integer beyond 2^53-1');
  return value;
}
