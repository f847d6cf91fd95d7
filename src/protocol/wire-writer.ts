/**
 * The writer that encodes our frames: protobuf's wire format into one buffer that is used again, where the library's own
 * makes an array of arrays for each message. The same bytes, by the library's generated code; a fifth of the cost, which is
 * paid for every receipt and entry. Only the field types of our schemas: frame-cost.ts refuses a schema with others.
 */
import { BinaryWriter } from '@protobuf-ts/runtime';
import { invariant } from '../base/index.ts';
import { ENTRIES_FRAME_BYTES } from './limits.ts';

/** The longest: 64 bits, seven a byte. */
const VARINT_BYTES = 10;
/** A frame of entries and what it takes to be written; the buffer of a larger frame is given back. */
const KEPT_BYTES = 2 * ENTRIES_FRAME_BYTES;
/** A character of UTF-16 has at most three bytes of UTF-8. */
const UTF8_BYTES_OF_CHARACTER = 3;
const encoder = new TextEncoder();

export class WireWriter extends BinaryWriter {
  #bytes = new Uint8Array(4096);
  #size = 0;
  /** Where messages within messages begin. */
  readonly #starts: number[] = [];

  constructor() {
    super(encoder);
  }

  /** Forgets what an encoding that threw has left. */
  begin(): this {
    this.#size = 0;
    this.#starts.length = 0;
    return this;
  }

  override finish(): Uint8Array {
    const written = this.#bytes.slice(0, this.#size);
    this.begin();
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = new Uint8Array(KEPT_BYTES);
    return written;
  }

  override fork(): this {
    this.#starts.push(this.#size);
    return this;
  }

  /** Writes the length before the bytes of the message, which move to make room. */
  override join(): this {
    const start = this.#starts.pop();
    invariant(start !== undefined, 'each message that ends has begun');
    const size = this.#size - start;
    const prefix = sizeOfVarint(size);
    this.#grow(prefix);
    this.#bytes.copyWithin(start + prefix, start, start + size);
    this.#size = start;
    this.uint32(size);
    this.#size = start + prefix + size;
    return this;
  }

  override tag(fieldNo: number, type: number): this {
    return this.uint32(((fieldNo << 3) | type) >>> 0);
  }

  override raw(chunk: Uint8Array): this {
    this.#grow(chunk.length);
    this.#bytes.set(chunk, this.#size);
    this.#size += chunk.length;
    return this;
  }

  override uint32(value: number): this {
    invariant(value >>> 0 === value, 'a uint32 is one');
    this.#grow(VARINT_BYTES);
    let rest = value;
    for (; rest > 127; rest >>>= 7) this.#bytes[this.#size++] = (rest & 127) | 128;
    this.#bytes[this.#size++] = rest;
    return this;
  }

  /** Enums. Negative ones, which only others write, take ten bytes. */
  override int32(value: number): this {
    invariant((value | 0) === value, 'an int32 is one');
    if (value >= 0) return this.uint32(value);
    this.#grow(VARINT_BYTES);
    for (let rest = BigInt.asUintN(64, BigInt(value)); rest > 0n; rest >>= 7n)
      this.#bytes[this.#size++] = Number(rest & 127n) | (rest > 127n ? 128 : 0);
    return this;
  }

  override bool(value: boolean): this {
    return this.uint32(value ? 1 : 0);
  }

  override uint64(value: string | number | bigint): this {
    const number = Number(value);
    invariant(Number.isSafeInteger(number) && number >= 0, 'a number that travels is an integer from 0 to 2^53-1');
    this.#grow(VARINT_BYTES);
    let rest = number;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#bytes[this.#size++] = (rest & 127) | 128;
    this.#bytes[this.#size++] = rest;
    return this;
  }

  override bytes(value: Uint8Array): this {
    return this.uint32(value.length).raw(value);
  }

  override string(value: string): this {
    this.fork();
    this.#grow(value.length * UTF8_BYTES_OF_CHARACTER);
    this.#size += encoder.encodeInto(value, this.#bytes.subarray(this.#size)).written;
    return this.join();
  }

  /** Room for `size` bytes more. */
  #grow(size: number): void {
    if (this.#size + size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#size + size, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown;
  }
}

function sizeOfVarint(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest >>>= 7) size += 1;
  return size;
}
