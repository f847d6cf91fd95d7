/**
 * The bytes of what this folder keeps in the store: unsigned LEB128 integers up to 2^53-1 in their shortest form, byte
 * strings with their length before them, sets as gaps and lengths. Reading judges every length before it allocates.
 */
import { fromUtf8, utf8 } from '../../base/index.ts';
import { type Address, ProtocolError, parseAddress } from '../../protocol/index.ts';
import { type Interval, IntervalSet } from './interval-set.ts';
import { LedgerError } from './ledger-error.ts';
import { INTERVALS_MAX } from './limits.ts';

export class ByteWriter {
  #bytes = new Uint8Array(256);
  #size = 0;

  integer(value: number): this {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.raw(Uint8Array.of((rest % 128) | 128));
    return this.raw(Uint8Array.of(rest));
  }

  /** Bytes whose length the reader knows. */
  raw(bytes: Uint8Array): this {
    const size = this.#size + bytes.length;
    if (size > this.#bytes.length) {
      const larger = new Uint8Array(2 * size);
      larger.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#size);
    this.#size = size;
    return this;
  }

  text(text: string): this {
    const bytes = utf8(text);
    return this.integer(bytes.length).raw(bytes);
  }

  set(set: IntervalSet): this {
    this.integer(set.intervals.length);
    let end = 0;
    for (const [from, to] of set.intervals) {
      this.integer(from - end - 1).integer(to - from);
      end = to;
    }
    return this;
  }

  end(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  integer(max = Number.MAX_SAFE_INTEGER): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#offset++];
      if (byte === undefined) throw malformed('it ends early');
      value += (byte & 127) * scale;
      if (value > max) throw malformed('a number is too large');
      if (byte >= 128) continue;
      if (byte === 0 && scale > 1) throw malformed('a number is not in its shortest form');
      return value;
    }
  }

  raw(size: number): Uint8Array {
    if (size > this.#bytes.length - this.#offset) throw malformed('it ends early');
    this.#offset += size;
    return this.#bytes.slice(this.#offset - size, this.#offset);
  }

  text(bytesMax: number): string {
    const bytes = this.raw(this.integer(bytesMax));
    try {
      return fromUtf8(bytes);
    } catch (cause) {
      throw malformed('a text is not UTF-8', cause);
    }
  }

  set(): IntervalSet {
    const count = this.integer(INTERVALS_MAX);
    const intervals: Interval[] = [];
    let end = 0;
    for (let i = 0; i < count; i++) {
      const gap = this.integer();
      if (i > 0 && gap === 0) throw malformed('two intervals touch');
      const from = end + 1 + gap;
      end = from + this.integer();
      if (!Number.isSafeInteger(end)) throw malformed('an interval is too large');
      intervals.push([from, end]);
    }
    return IntervalSet.from(intervals);
  }

  /** How many items follow, each of at least one byte. */
  count(max: number): number {
    return this.integer(Math.min(max, this.#bytes.length - this.#offset));
  }

  end(): void {
    if (this.#offset !== this.#bytes.length) throw malformed('something follows its end');
  }
}

/** Throws LedgerError for any version but this one. */
export function readVersion(reader: ByteReader, version: number): void {
  const found = reader.integer();
  if (found > version)
    throw new LedgerError('newer_version', `a ledger of version ${found}`, { fix: 'use the newer program' });
  if (found !== version) throw malformed(`version ${found}`);
}

/** An address in its one spelling. */
export function readAddress(reader: ByteReader, bytesMax: number): Address {
  const text = reader.text(bytesMax);
  try {
    const address = parseAddress(text);
    if (address === text) return address;
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw malformed('it names no address', cause);
  }
  throw malformed('its address is not in its one spelling');
}

export function malformed(why: string, cause?: unknown): LedgerError {
  return new LedgerError('malformed', `not a ledger: ${why}`, cause === undefined ? {} : { cause });
}
