/**
 * Run-length coding of bitfields as npm's `bitfield-rle` 2 writes it: what Have messages carry. A varint h that is odd is a
 * run of h>>2 bytes, ones if h&2; even, h>>1 literal bytes follow. Zero bytes at the end are not written.
 */
import { FeedError } from './feed-error.ts';
import { VARINT_BYTES_MAX } from './limits.ts';

/** hypercore decodes with `align(4)`: the result is filled up with zeros to whole 32-bit words. */
const ALIGNMENT = 4;

export function encodeBitfieldRle(bits: Uint8Array): Uint8Array {
  const end = trimmedLength(bits);
  const output: number[] = [];
  let literalFrom = 0; // bytes from here on are not written yet
  for (let at = 0; at < end; ) {
    const value = bits[at] as number;
    if (value !== 0 && value !== 255) {
      at += 1;
      continue;
    }
    const from = at;
    while (at < end && bits[at] === value) at += 1;
    // A run is worth its own header only if that is shorter than carrying on with literals.
    const run = (at - from) * 4 + (value === 255 ? 2 : 0) + 1;
    const literals = from - literalFrom;
    const cost = (literals === 0 ? 0 : varintLength(2 * literals) + literals) + varintLength(run);
    if (cost >= varintLength(2 * (at - literalFrom)) + at - literalFrom) continue;
    writeLiterals(output, bits, literalFrom, from);
    writeVarint(output, run);
    literalFrom = at;
  }
  writeLiterals(output, bits, literalFrom, end);
  return Uint8Array.from(output);
}

/**
 * The bytes of a bitfield, at most `maxBytes` of them, which is checked before they are allocated. Throws FeedError
 * `malformed` or `too_large`.
 */
export function decodeBitfieldRle(encoded: Uint8Array, maxBytes: number): Uint8Array {
  let size = 0;
  for (const part of partsOf(encoded)) {
    size += part.size;
    if (size > maxBytes) throw new FeedError('too_large', `a bitfield of more than ${maxBytes} bytes`);
  }
  const bits = new Uint8Array(Math.ceil(size / ALIGNMENT) * ALIGNMENT);
  let offset = 0;
  for (const part of partsOf(encoded)) {
    if (part.literals === undefined) bits.fill(part.value, offset, offset + part.size);
    else bits.set(part.literals, offset);
    offset += part.size;
  }
  return bits;
}

type Part =
  | { readonly size: number; readonly literals: Uint8Array }
  | { readonly size: number; readonly literals: undefined; readonly value: 0 | 255 };

function* partsOf(encoded: Uint8Array): Generator<Part> {
  for (let at = 0; at < encoded.length; ) {
    const { value: header, next } = readVarint(encoded, at);
    at = next;
    if (header % 2 === 1) {
      yield { size: Math.floor(header / 4), literals: undefined, value: header % 4 === 3 ? 255 : 0 };
      continue;
    }
    const size = header / 2;
    if (size > encoded.length - at) throw new FeedError('malformed', 'a bitfield ends within its literals');
    yield { size, literals: encoded.subarray(at, at + size) };
    at += size;
  }
}

function readVarint(bytes: Uint8Array, from: number): { readonly value: number; readonly next: number } {
  let value = 0;
  for (let i = 0; i < VARINT_BYTES_MAX && from + i < bytes.length; i++) {
    const byte = bytes[from + i] as number;
    value += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) {
      if (!Number.isSafeInteger(value)) break;
      return { value, next: from + i + 1 };
    }
  }
  throw new FeedError('malformed', 'a bitfield holds a number that is cut off or too long');
}

function trimmedLength(bits: Uint8Array): number {
  let end = bits.length;
  while (end > 0 && bits[end - 1] === 0) end -= 1;
  return end;
}

function writeLiterals(output: number[], bits: Uint8Array, from: number, to: number): void {
  if (from === to) return;
  writeVarint(output, 2 * (to - from));
  for (let i = from; i < to; i++) output.push(bits[i] as number);
}

function writeVarint(output: number[], value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) output.push((rest % 128) | 128);
  output.push(rest);
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length += 1;
  return length;
}
