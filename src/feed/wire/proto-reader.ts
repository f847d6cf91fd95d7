/**
 * Reads the fields of a proto2 message that somebody sent. Nothing is copied but what the caller copies; a field that runs
 * beyond the end, or a number beyond 2^53-1, is `malformed`.
 */
import { FeedError } from '../feed-error.ts';
import { NUMBER_VARINT_BYTES_MAX } from './limits.ts';

const VARINT = 0;
const FIXED_64 = 1;
const BYTES = 2;
const FIXED_32 = 5;

export class ProtoReader {
  readonly #bytes: Uint8Array;
  #at: number;
  #wireType = VARINT;

  constructor(bytes: Uint8Array, from = 0) {
    this.#bytes = bytes;
    this.#at = from;
  }

  /** The number of the next field; 0 at the end. */
  next(): number {
    if (this.#at === this.#bytes.length) return 0;
    const tag = this.#varint();
    this.#wireType = tag % 8;
    const field = Math.floor(tag / 8);
    if (field === 0) throw malformed('field 0');
    return field;
  }

  number(): number {
    if (this.#wireType !== VARINT) throw malformed('no number where one belongs');
    return this.#varint();
  }

  boolean(): boolean {
    return this.number() !== 0;
  }

  /** A view of the message; not a copy. */
  view(): Uint8Array {
    if (this.#wireType !== BYTES) throw malformed('no bytes where they belong');
    return this.#take(this.#varint());
  }

  /** Exactly `size` bytes, copied. */
  exact(size: number): Uint8Array {
    return this.exactView(size).slice();
  }

  /** Exactly `size` bytes, as a view of the message. */
  exactView(size: number): Uint8Array {
    const bytes = this.view();
    if (bytes.length !== size) throw malformed(`${bytes.length} bytes instead of ${size}`);
    return bytes;
  }

  skip(): void {
    if (this.#wireType === VARINT) this.#skipVarint();
    else if (this.#wireType === BYTES) this.#take(this.#varint());
    else if (this.#wireType === FIXED_64) this.#take(8);
    else if (this.#wireType === FIXED_32) this.#take(4);
    else throw malformed('a field of no known kind');
  }

  #take(size: number): Uint8Array {
    const end = this.#at + size;
    if (end > this.#bytes.length) throw malformed('a field beyond the end');
    const view = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return view;
  }

  #varint(): number {
    const bytes = this.#bytes;
    let value = 0;
    let scale = 1;
    for (let i = 0; i < NUMBER_VARINT_BYTES_MAX; i++) {
      const byte = bytes[this.#at++];
      if (byte === undefined) throw malformed('a number that is cut off');
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 128;
    }
    throw malformed('a number beyond 2^53-1');
  }

  /** A field that nobody knows may hold a number of any size. */
  #skipVarint(): void {
    for (let i = 0; i < 10; i++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw malformed('a number that is cut off');
      if (byte < 128) return;
    }
    throw malformed('a number of more than ten bytes');
  }
}

export function malformed(what: string): FeedError {
  return new FeedError('malformed', `a message with ${what}`);
}
