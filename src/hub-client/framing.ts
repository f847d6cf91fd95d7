/**
 * Frames on a stream: a length of four bytes, big-endian, then so many bytes. A length beyond the limit is refused when it
 * is read, before anything is kept for it. The bus within a host and the hub's own port both speak it.
 */
import { readUint32, writeUint32 } from '../base/index.ts';
import { HubError } from './hub-error.ts';
import { CHUNKS_MAX } from './limits.ts';

const HEADER_BYTES = 4;
const NOTHING = new Uint8Array();

export function encodeFrame(...parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const frame = new Uint8Array(HEADER_BYTES + size);
  writeUint32(frame, 0, size);
  let at = HEADER_BYTES;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** Collects the frames of one stream. What it holds is never more than one frame and the chunk that came last. */
export class FrameReader {
  readonly #bytesMax: number;
  #chunks: Uint8Array[] = [];
  #size = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes of a frame that has not come whole. */
  get pendingBytes(): number {
    return this.#size;
  }

  /** The frames that are whole with this chunk. Throws HubError `too_large`; nothing after that is a frame. */
  push(chunk: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (let frame = this.next(chunk); frame !== undefined; frame = this.next()) frames.push(frame);
    return frames;
  }

  /** One frame, if it is whole; what is behind it stays. Throws HubError `too_large`. */
  next(chunk: Uint8Array = NOTHING): Uint8Array | undefined {
    if (chunk.length > 0) this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#chunks.length > CHUNKS_MAX) this.#join();
    const length = this.#nextLength();
    if (length === undefined || this.#size < HEADER_BYTES + length) return undefined;
    return this.#take(HEADER_BYTES + length).subarray(HEADER_BYTES);
  }

  /** What has come beyond the last whole frame: for a stream that goes over to somebody else. */
  rest(): Uint8Array {
    return this.#take(this.#size);
  }

  #nextLength(): number | undefined {
    if (this.#size < HEADER_BYTES) return undefined;
    if ((this.#chunks[0]?.length ?? 0) < HEADER_BYTES) this.#join();
    const length = readUint32(this.#chunks[0] as Uint8Array, 0);
    if (length > this.#bytesMax)
      throw new HubError('too_large', `a frame of ${length} bytes; at most ${this.#bytesMax} are taken`);
    return length;
  }

  /** Chunks are joined once for a frame, not once for a chunk. */
  #take(size: number): Uint8Array {
    this.#join();
    const [whole = new Uint8Array()] = this.#chunks;
    const rest = whole.subarray(size);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#size = rest.length;
    return whole.subarray(0, size);
  }

  #join(): void {
    if (this.#chunks.length < 2) return;
    const joined = new Uint8Array(this.#size);
    let at = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [joined];
  }
}
