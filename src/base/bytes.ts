/**
 * Byte strings: joining, comparing and spelling them. Portable; allocates only what it returns.
 */

/** Arguments of one call, far below what any engine takes. */
const CHUNK_BYTES = 0x8000;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Text of UTF-8 bytes; throws a TypeError on bytes that are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Bytes of a slab: what one small array that lives long may keep alive. */
const SLAB_BYTES = 8192;

let slab = new ArrayBuffer(SLAB_BYTES);
let slabUsed = 0;

/**
 * A new zeroed array that shares its memory's allocation with others made around the same time: a tenth of the cost of one with
 * an allocation of its own, which counts where every message makes dozens. Not for secrets, nor for what goes to another thread:
 * its `buffer` is everybody's.
 */
export function smallBytes(size: number): Uint8Array<ArrayBuffer> {
  if (size > SLAB_BYTES / 8) return new Uint8Array(size);
  if (slabUsed + size > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    slabUsed = 0;
  }
  const bytes = new Uint8Array(slab, slabUsed, size);
  slabUsed += size;
  return bytes;
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

const HEX_DIGITS: readonly number[] = [...'0123456789abcdef'].map((digit) => digit.charCodeAt(0));

export function toHex(bytes: Uint8Array): string {
  // Calls take some ten thousands of arguments.
  if (bytes.length > CHUNK_BYTES / 2)
    return toHex(bytes.subarray(0, CHUNK_BYTES / 2)) + toHex(bytes.subarray(CHUNK_BYTES / 2));
  const codes = new Array<number>(bytes.length * 2);
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    codes[2 * i] = HEX_DIGITS[byte >> 4] as number;
    codes[2 * i + 1] = HEX_DIGITS[byte & 15] as number;
  }
  return String.fromCharCode.apply(null, codes);
}

/** Four bits of each lower-case hexadecimal digit by its code, 16 for every other code. */
const HEX_VALUES = new Uint8Array(128).fill(16);
for (const [value, digit] of [...'0123456789abcdef'].entries()) HEX_VALUES[digit.charCodeAt(0)] = value;

/** Bytes of lower-case hexadecimal; throws a TypeError on anything else. */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >>> 1);
  writeHex(bytes, 0, text);
  return bytes;
}

/** Writes the bytes that `text` spells at `offset`; throws as `fromHex`. */
export function writeHex(bytes: Uint8Array, offset: number, text: string): void {
  let wrong = text.length % 2 === 0 ? 0 : 16;
  for (let at = 0, to = offset; at + 1 < text.length; at += 2, to++) {
    const high = HEX_VALUES[text.charCodeAt(at)] ?? 16;
    const low = HEX_VALUES[text.charCodeAt(at + 1)] ?? 16;
    wrong |= high | low;
    bytes[to] = (high << 4) | low;
  }
  if (wrong > 15) throw new TypeError('not lower-case hexadecimal');
}

/** Unpadded base64 (Matrix style). */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let i = 0; i < bytes.length; i += CHUNK_BYTES)
    binary += String.fromCharCode(...bytes.subarray(i, i + CHUNK_BYTES));
  return btoa(binary).replace(/=+$/, '');
}

/** Six bits of each base64 digit by its code, 64 for every other code. */
const BASE64_VALUES = new Uint8Array(128).fill(64);
for (const [value, digit] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries())
  BASE64_VALUES[digit.charCodeAt(0)] = value;

/** Bytes of unpadded base64 in its one canonical spelling; throws a TypeError on anything else. */
export function fromBase64(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let wrong = text.length % 4 === 1 ? 64 : 0;
  let bits = 0;
  let size = 0;
  for (let i = 0; i < text.length; i++) {
    const value = BASE64_VALUES[text.charCodeAt(i)] ?? 64;
    wrong |= value;
    bits = (bits << 6) | value;
    if (i % 4 === 0) continue;
    bytes[size++] = bits >> (6 - 2 * (i % 4));
  }
  // The bits after the last byte are zero in the one canonical spelling.
  const left = text.length % 4 === 2 ? 15 : text.length % 4 === 3 ? 3 : 0;
  if (wrong > 63 || (bits & left) !== 0) throw new TypeError('not canonical unpadded base64');
  return bytes;
}

/** The 8 big-endian bytes of an index or number, which keep numeric order in store keys; throws a RangeError on others. */
export function uint64Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeUint64(bytes, 0, value);
  return bytes;
}

/** Writes them at `offset`; throws a RangeError on what is not an integer from 0 to 2^53-1. */
export function writeUint64(bytes: Uint8Array, offset: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('not an integer from 0 to 2^53-1');
  writeUint32(bytes, offset, Math.floor(value / 0x1_0000_0000));
  writeUint32(bytes, offset + 4, value >>> 0);
}

/** Writes the low 32 bits of an integer, big-endian. */
export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

/** The number of 8 big-endian bytes at `offset`; throws a RangeError beyond 2^53-1 and beyond the end. */
export function readUint64(bytes: Uint8Array, offset = 0): number {
  const value = readUint32(bytes, offset) * 0x1_0000_0000 + readUint32(bytes, offset + 4);
  if (!Number.isSafeInteger(value)) throw new RangeError('integer beyond 2^53-1');
  return value;
}

/** The number of 4 big-endian bytes at `offset`; throws a RangeError beyond the end. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  if (offset + 4 > bytes.length) throw new RangeError('a number ends beyond its bytes');
  const [a, b, c, d] = [bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]];
  return (((a as number) << 24) | ((b as number) << 16) | ((c as number) << 8) | (d as number)) >>> 0;
}
