/**
 * Messages between the store and its threads: all lengths in one buffer, all bytes in another, so that a message of a
 * thousand rows is two transfers and no object. Both ends are this program, so nothing is checked here.
 */

import type { Scan, ScanResult } from '../engine.ts';
import type { KeySpan } from '../key-span.ts';
import type { Row } from '../store.ts';
import { DELETED, type WriteSet } from '../write-set.ts';
import { UINT32_MAX } from './limits.ts';

/** Of a buffer that grows. */
const FIRST_BYTES = 64 * 1024;

export interface Packed {
  /** Unsigned 32-bit integers. */
  readonly numbers: ArrayBuffer;
  /** All in a row; there may be room behind them. */
  readonly bytes: ArrayBuffer;
}

export function transferOf({ numbers, bytes }: Packed): readonly ArrayBuffer[] {
  return [numbers, bytes];
}

/**
 * Grows as needed; `pack` hands out what was added and empties it. A small message is copied out of a buffer that stays; a
 * large one is that buffer itself, since a copy of it would be as much memory again, for as long as nobody collects garbage.
 */
export class Packer {
  #numbers = new Uint32Array(1024);
  #numberCount = 0;
  #bytes = new Uint8Array(FIRST_BYTES);
  #byteCount = 0;
  readonly #keptBytes: number;

  /** It holds on to a buffer of up to `keptBytes` between messages. */
  constructor(keptBytes: number) {
    this.#keptBytes = keptBytes;
  }

  /** So many bytes will be added: it grows once, and by no more. */
  expect(size: number): void {
    this.#grow(size);
    this.#byteCount -= size;
  }

  /** Where the next number goes, to come back with `setNumber` or `rewind`. */
  get position(): { readonly numbers: number; readonly bytes: number } {
    return { numbers: this.#numberCount, bytes: this.#byteCount };
  }

  addNumber(number: number): void {
    if (this.#numberCount === this.#numbers.length) {
      const grown = new Uint32Array(this.#numbers.length * 2);
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[this.#numberCount++] = number;
  }

  setNumber(index: number, number: number): void {
    this.#numbers[index] = number;
  }

  addBytes(bytes: Uint8Array): void {
    const start = this.#grow(bytes.length);
    this.#bytes.set(bytes, start);
  }

  /** Room for the caller to write into before anything else is added. */
  reserve(size: number): Uint8Array {
    const start = this.#grow(size);
    return this.#bytes.subarray(start, start + size);
  }

  rewind(position: { readonly numbers: number; readonly bytes: number }): void {
    this.#numberCount = position.numbers;
    this.#byteCount = position.bytes;
  }

  pack(): Packed {
    const isLarge = this.#byteCount > this.#keptBytes;
    const packed = {
      numbers: this.#numbers.buffer.slice(0, this.#numberCount * 4),
      bytes: isLarge ? this.#bytes.buffer : this.#bytes.buffer.slice(0, this.#byteCount),
    };
    this.rewind({ numbers: 0, bytes: 0 });
    if (this.#bytes.length > this.#keptBytes) this.#bytes = new Uint8Array(FIRST_BYTES);
    return packed;
  }

  /** Where `size` bytes more begin. */
  #grow(size: number): number {
    const start = this.#byteCount;
    this.#byteCount = start + size;
    if (this.#byteCount > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#byteCount, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
    }
    return start;
  }
}

/** Reads what a Packer wrote, in the same order. Byte arrays are views of the message. */
export class Unpacker {
  readonly #numbers: Uint32Array;
  readonly #bytes: ArrayBuffer;
  #nextNumber = 0;
  #nextByte = 0;

  constructor({ numbers, bytes }: Packed) {
    this.#numbers = new Uint32Array(numbers);
    this.#bytes = bytes;
  }

  number(): number {
    return this.#numbers[this.#nextNumber++] as number;
  }

  bytes(size: number): Uint8Array {
    const view = new Uint8Array(this.#bytes, this.#nextByte, size);
    this.#nextByte += size;
    return view;
  }
}

// A length field of a value that may be missing: 0 is missing, otherwise one more than its length.

export function packWrites(packer: Packer, writes: WriteSet): Packed {
  const spans = [...writes.deletedSpans];
  const { numbers: largestAt } = packer.position;
  let largest = 0;
  packer.expect(writes.sizeBytes);
  packer.addNumber(0);
  packSpans(packer, spans);
  packer.addNumber(writes.entryCount);
  writes.forEach((key, written) => {
    packer.addNumber(key.length);
    packer.addBytes(key);
    packer.addNumber(written === DELETED ? 0 : written.length + 1);
    if (written === DELETED) return;
    packer.addBytes(written);
    largest = Math.max(largest, written.length);
  });
  packer.setNumber(largestAt, largest);
  return packer.pack();
}

/** Bytes of the largest value. */
export function largestValueOf(packed: Packed): number {
  return new Unpacker(packed).number();
}

export interface WriteHandlers {
  readonly deleteRange: (span: KeySpan) => void;
  readonly delete: (key: Uint8Array) => void;
  readonly put: (key: Uint8Array, value: Uint8Array) => void;
}

export function unpackWrites(packed: Packed, handlers: WriteHandlers): void {
  const message = new Unpacker(packed);
  message.number(); // the largest value: see above
  for (const span of unpackSpans(message)) handlers.deleteRange(span);
  const count = message.number();
  for (let i = 0; i < count; i++) {
    const key = message.bytes(message.number());
    const size = message.number();
    if (size === 0) handlers.delete(key);
    else handlers.put(key, message.bytes(size - 1));
  }
}

/** What a reader is asked. */
export type Read =
  | { readonly kind: 'getMany'; readonly keys: readonly Uint8Array[] }
  | { readonly kind: 'scan'; readonly scan: Scan };

export function packReads(packer: Packer, reads: readonly Read[]): Packed {
  packer.addNumber(reads.length);
  for (const read of reads) {
    packer.addNumber(read.kind === 'getMany' ? 0 : 1);
    if (read.kind === 'getMany') {
      packer.addNumber(read.keys.length);
      for (const key of read.keys) {
        packer.addNumber(key.length);
        packer.addBytes(key);
      }
    } else {
      packer.addNumber(read.scan.reverse ? 1 : 0);
      packer.addNumber(Math.min(read.scan.limit, UINT32_MAX));
      packer.addNumber(Math.min(Math.max(0, read.scan.maxBytes), UINT32_MAX));
      packSpans(packer, read.scan.spans);
    }
  }
  return packer.pack();
}

export function unpackReads(packed: Packed): readonly Read[] {
  const message = new Unpacker(packed);
  return Array.from({ length: message.number() }, (): Read => {
    if (message.number() === 0)
      return {
        kind: 'getMany',
        keys: Array.from({ length: message.number() }, () => message.bytes(message.number())),
      };
    const reverse = message.number() === 1;
    const limit = message.number();
    const maxBytes = message.number();
    const scan = {
      reverse,
      limit,
      maxBytes: maxBytes === UINT32_MAX ? Number.POSITIVE_INFINITY : maxBytes,
      spans: unpackSpans(message),
    };
    return { kind: 'scan', scan };
  });
}

/** The answer to `getMany`, as packed by the reader: a length field and bytes for each key. */
export function unpackValues(message: Unpacker, count: number): readonly (Uint8Array | undefined)[] {
  const values = new Array<Uint8Array | undefined>(count);
  for (let i = 0; i < count; i++) {
    const size = message.number();
    values[i] = size === 0 ? undefined : message.bytes(size - 1);
  }
  return values;
}

/** The answer to `scan`: whether it stopped at a bound, the number of rows, the rows. */
export function unpackRows(message: Unpacker): ScanResult {
  const stopped = message.number() === 1;
  const count = message.number();
  const rows = new Array<Row>(count);
  for (let i = 0; i < count; i++) {
    const keySize = message.number();
    const valueSize = message.number();
    rows[i] = { key: message.bytes(keySize), value: message.bytes(valueSize) };
  }
  return { rows, stopped };
}

function packSpans(packer: Packer, spans: readonly KeySpan[]): void {
  packer.addNumber(spans.length);
  for (const { from, to } of spans) {
    packer.addNumber(from.length);
    packer.addBytes(from);
    packer.addNumber(to.length);
    packer.addBytes(to);
  }
}

function unpackSpans(message: Unpacker): readonly KeySpan[] {
  return Array.from({ length: message.number() }, () => {
    const from = message.bytes(message.number());
    return { from, to: message.bytes(message.number()) };
  });
}
