/** Blobs in memory, for tests and for people who want nothing on the disk. */

import { blobIdOf, createBlobHash } from './blob-id.ts';
import type { BlobEntry, BlobStore, ByteRange, StoredBlob } from './ports.ts';

export class MemoryBlobStore implements BlobStore {
  readonly #blobs = new Map<string, { readonly content: Buffer; readonly storedAt: number }>();
  readonly #now: () => number;

  /** Without a clock, nothing is ever old. */
  constructor(now: () => number = () => Number.POSITIVE_INFINITY) {
    this.#now = now;
  }

  async put(accountId: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<StoredBlob> {
    const hash = createBlobHash();
    const pieces: Uint8Array[] = [];
    for await (const piece of bytes) {
      signal.throwIfAborted();
      hash.update(piece);
      pieces.push(Buffer.from(piece));
    }
    const content = Buffer.concat(pieces);
    const id = blobIdOf(hash);
    this.#blobs.set(`${accountId} ${id}`, { content, storedAt: this.#now() });
    return { id, size: content.length };
  }

  async size(accountId: string, blobId: string): Promise<number | undefined> {
    return this.#blobs.get(`${accountId} ${blobId}`)?.content.length;
  }

  async *read(accountId: string, blobId: string, { start, end }: ByteRange): AsyncIterable<Uint8Array> {
    const content = this.#blobs.get(`${accountId} ${blobId}`)?.content;
    if (content !== undefined) yield content.subarray(start, end);
  }

  async delete(accountId: string, blobId: string): Promise<void> {
    this.#blobs.delete(`${accountId} ${blobId}`);
  }

  async *entries(accountId: string): AsyncIterable<BlobEntry> {
    for (const [name, { content, storedAt }] of [...this.#blobs])
      if (name.startsWith(`${accountId} `))
        yield { id: name.slice(accountId.length + 1), sizeBytes: content.length, storedAt };
  }
}
