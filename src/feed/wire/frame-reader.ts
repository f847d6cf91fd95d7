/**
 * Cuts a byte stream into frames: varint(length) ‖ body. A length beyond FRAME_BYTES_MAX is refused as soon as it is read;
 * a frame that is under way takes no more memory than twice what has come of it, whatever its length promises.
 */
import { FeedError } from '../feed-error.ts';
import { FRAME_BYTES_MAX, HEADER_VARINT_BYTES_MAX, PARTIAL_FRAME_BYTES_MIN } from './limits.ts';

const NOTHING = new Uint8Array(0);

export class FrameReader {
  #chunk: Uint8Array = NOTHING;
  #at = 0;
  /** The length varint, as far as it has come. */
  #length = 0;
  #lengthBytes = 0;
  /** Of the frame that is under way; undefined while its length is. */
  #bodyBytes: number | undefined;
  /** What came of it in earlier chunks. */
  #partial: Uint8Array = NOTHING;
  #partialBytes = 0;

  /** To be called when `next` has yielded all that the chunk before held. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** Whether a frame has begun and not ended. */
  get isWithinFrame(): boolean {
    return this.#bodyBytes !== undefined || this.#lengthBytes > 0;
  }

  /** What of the chunk has not been read: for whoever changes how the rest is to be read. */
  takeRest(): Uint8Array {
    const rest = this.#chunk.subarray(this.#at);
    this.#chunk = NOTHING;
    this.#at = 0;
    return rest;
  }

  /** The body of the next frame, a view that the next `push` may end; empty for a keep-alive; undefined when more must come. */
  next(): Uint8Array | undefined {
    const size = this.#bodyBytes ?? this.#readLength();
    if (size === undefined) return undefined;
    const here = this.#chunk.length - this.#at;
    const missing = size - this.#partialBytes;
    if (here < missing) {
      this.#bodyBytes = size;
      this.#keep(size, here);
      return undefined;
    }
    this.#bodyBytes = undefined;
    if (this.#partialBytes === 0) {
      const body = this.#chunk.subarray(this.#at, this.#at + size);
      this.#at += size;
      return body;
    }
    this.#keep(size, missing);
    const body = this.#partial.subarray(0, size);
    this.#partial = NOTHING;
    this.#partialBytes = 0;
    return body;
  }

  #readLength(): number | undefined {
    while (this.#at < this.#chunk.length) {
      const byte = this.#chunk[this.#at++] as number;
      this.#length += (byte & 127) * 2 ** (7 * this.#lengthBytes++);
      if (this.#length > FRAME_BYTES_MAX)
        throw new FeedError('too_large', `a frame of more than ${FRAME_BYTES_MAX} bytes`);
      if (byte < 128) {
        const length = this.#length;
        this.#length = 0;
        this.#lengthBytes = 0;
        return length;
      }
      if (this.#lengthBytes === HEADER_VARINT_BYTES_MAX) throw new FeedError('malformed', 'a frame without a length');
    }
    return undefined;
  }

  /** Moves `count` bytes of the chunk to the frame of `size` that is under way. */
  #keep(size: number, count: number): void {
    const needed = this.#partialBytes + count;
    if (needed > this.#partial.length) {
      const room = Math.min(size, Math.max(PARTIAL_FRAME_BYTES_MIN, needed, 2 * this.#partial.length));
      const grown = new Uint8Array(room);
      grown.set(this.#partial.subarray(0, this.#partialBytes));
      this.#partial = grown;
    }
    this.#partial.set(this.#chunk.subarray(this.#at, this.#at + count), this.#partialBytes);
    this.#partialBytes = needed;
    this.#at += count;
  }
}
