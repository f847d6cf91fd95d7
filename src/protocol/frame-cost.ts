/**
 * What decoding a frame would cost, judged before it is decoded: two bytes of an empty message become hundreds of bytes of
 * object, so a frame of 2 MiB could take a gigabyte. Counts what is allocated (messages, byte strings, texts) down the
 * published schema, and holds the bytes to that schema: a known field has its own wire type, a message ends where it says,
 * integers stay within 2^53-1, and there are no groups. (The decoder is laxer: it would read other messages than were
 * counted, and it reads 2^64-1 as -1.)
 */
import type { FieldInfo } from '@protobuf-ts/runtime';
import { invariant } from '../base/index.ts';

export type FrameVerdict = 'fine' | 'malformed' | 'too_costly';

/** What a field number stands for. */
interface Field {
  readonly wireType: number;
  readonly isUint64: boolean;
  /** The fields within, if it is a message. */
  readonly inner: FrameShape | undefined;
}

export type FrameShape = ReadonlyMap<number, Field>;

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;
/** Beyond 32 bits the decoder would take the low ones. */
const LAST_TAG = 0xffff_ffff;
/** Scalar types of protobuf's descriptor.proto that stand with their length, and as varints: our schemas use no others. */
const SCALAR_LONG: ReadonlySet<number> = new Set([9 /* string */, 12 /* bytes */]);
const SCALAR_VARINT: ReadonlySet<number> = new Set([4 /* uint64 */, 8 /* bool */, 13 /* uint32 */]);
const SCALAR_UINT64 = 4;

/** The schema of a message type, to be made once. Our messages contain each other to a small depth, never themselves. */
export function createFrameShape(type: { readonly fields: readonly FieldInfo[] }): FrameShape {
  return new Map(type.fields.map((field) => [field.no, shapeOf(field)]));
}

function shapeOf(field: FieldInfo): Field {
  const long = { wireType: LENGTH_DELIMITED, isUint64: false };
  if (field.kind === 'message') return { ...long, inner: createFrameShape(field.T()) };
  if (field.kind === 'scalar' && SCALAR_LONG.has(field.T)) return { ...long, inner: undefined };
  const isVarint = field.kind === 'enum' || (field.kind === 'scalar' && SCALAR_VARINT.has(field.T));
  invariant(isVarint && !field.repeat, `the schema of frames has no place for the type of ${field.name}`);
  return { wireType: VARINT, isUint64: field.kind === 'scalar' && field.T === SCALAR_UINT64, inner: undefined };
}

/** Whether `bytes` have that shape and at most `costMax` messages, byte strings and texts. */
export function judgeFrame(shape: FrameShape, bytes: Uint8Array, costMax: number): FrameVerdict {
  return new Judge(bytes, costMax).judge(shape, bytes.length);
}

class Judge {
  readonly #bytes: Uint8Array;
  #costLeft: number;
  #offset = 0;

  constructor(bytes: Uint8Array, costMax: number) {
    this.#bytes = bytes;
    this.#costLeft = costMax;
  }

  /** A message that ends at `end`; the offset stands there afterwards. */
  judge(shape: FrameShape, end: number): FrameVerdict {
    while (this.#offset < end) {
      const tag = this.#varint();
      if (tag > LAST_TAG) return 'malformed';
      const wireType = tag & 7;
      const field = shape.get(tag >>> 3);
      if (field !== undefined && field.wireType !== wireType) return 'malformed';
      if (wireType === VARINT) {
        if (this.#varint() > Number.MAX_SAFE_INTEGER && field?.isUint64) return 'malformed';
      } else if (wireType === FIXED_64) this.#offset += 8;
      else if (wireType === FIXED_32) this.#offset += 4;
      else if (wireType === LENGTH_DELIMITED) {
        const verdict = this.#judgeLong(field?.inner, end);
        if (verdict !== 'fine') return verdict;
      } else return 'malformed';
    }
    return this.#offset === end ? 'fine' : 'malformed';
  }

  #judgeLong(inner: FrameShape | undefined, end: number): FrameVerdict {
    if (--this.#costLeft < 0) return 'too_costly';
    const size = this.#varint();
    const innerEnd = this.#offset + size;
    if (innerEnd > end) return 'malformed';
    if (inner !== undefined) return this.judge(inner, innerEnd);
    this.#offset = innerEnd;
    return 'fine';
  }

  /** Exact up to 2^53-1 and beyond that beyond it. Past the end it reads zeros, which the ends above notice. */
  #varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.#offset++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }
}
