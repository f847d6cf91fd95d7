/**
 * Small blobs that were just put, until they are read once: a program uploads messages and then names them, and each would be
 * a file to open, a key to make and a cipher for what was in memory a moment ago.
 */
import { FRESH_BLOB_BYTES_MAX, FRESH_BLOBS_BYTES_MAX } from './limits.ts';

export class FreshBlobs {
  readonly #byPath = new Map<string, Uint8Array>();
  #bytes = 0;

  /** The oldest make room. */
  keep(path: string, content: Uint8Array): void {
    if (content.length > FRESH_BLOB_BYTES_MAX) return;
    this.take(path);
    this.#byPath.set(path, content);
    this.#bytes += content.length;
    for (const oldest of this.#byPath.keys()) {
      if (this.#bytes <= FRESH_BLOBS_BYTES_MAX) return;
      this.take(oldest);
    }
  }

  /** It is not kept any more. */
  take(path: string): Uint8Array | undefined {
    const content = this.#byPath.get(path);
    if (content === undefined) return undefined;
    this.#byPath.delete(path);
    this.#bytes -= content.length;
    return content;
  }
}
