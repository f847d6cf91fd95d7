/**
 * Uploads and messages that were made here, each a sealed file: in pieces, so that a large one is never whole in memory and
 * a range is read without the rest. A file's name is the blob's id, which its content makes: the same content is one file.
 */
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type SecureRandom, toHex, uint64Bytes } from '../../base/index.ts';
import {
  type BlobEntry,
  type BlobStore,
  type ByteRange,
  blobIdOf,
  createBlobHash,
  type StoredBlob,
} from '../../jmap/index.ts';
import { FreshBlobs } from './fresh-blobs.ts';
import { syncFolder } from './journal/folder.ts';
import { SealedFileWriter } from './journal/sealed-file.ts';
import { BLOB_PIECE_BYTES, KNOWN_SIZES_MAX } from './limits.ts';
import { PIECE, readSealedBlob, SIZE, sealedBlobSize } from './sealed-blob-file.ts';

export interface SealedBlobsDeps {
  readonly random: SecureRandom;
  /** Before every write. Throws HubError `fenced`. */
  readonly checkFence: () => void;
}

export interface SealedBlobsOptions {
  readonly folder: string;
  readonly hubKey: Uint8Array;
}

const BLOB_ID = /^b[0-9a-f]{64}$/;

export class SealedBlobs implements BlobStore {
  readonly #deps: SealedBlobsDeps;
  readonly #folder: string;
  readonly #hubKey: Uint8Array;
  /** Of files that are there: a blob's content never changes. The newest few. */
  readonly #sizes = new Map<string, number>();
  readonly #fresh = new FreshBlobs();

  private constructor(deps: SealedBlobsDeps, { folder, hubKey }: SealedBlobsOptions) {
    this.#deps = deps;
    this.#folder = folder;
    this.#hubKey = hubKey;
  }

  static async open(deps: SealedBlobsDeps, options: SealedBlobsOptions): Promise<SealedBlobs> {
    // What a crash left half-written is in a folder of its own.
    await rm(join(options.folder, 'new'), { recursive: true, force: true });
    await mkdir(join(options.folder, 'new'), { recursive: true, mode: 0o700 });
    return new SealedBlobs(deps, options);
  }

  async put(accountId: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<StoredBlob> {
    this.#deps.checkFence();
    const path = join(this.#folder, 'new', toHex(this.#deps.random.bytes(16)));
    const file = await SealedFileWriter.create(this.#deps.random, path, this.#hubKey);
    const hash = createBlobHash();
    let size = 0;
    let whole: Uint8Array = new Uint8Array(0);
    try {
      for await (const piece of piecesOf(bytes)) {
        signal.throwIfAborted();
        hash.update(piece);
        size += piece.length;
        whole = piece;
        await file.write([{ kind: PIECE, bytes: piece }]);
      }
      await file.write([{ kind: SIZE, bytes: uint64Bytes(size) }]);
      await file.finish();
    } catch (error) {
      await file.close();
      await rm(path, { force: true });
      throw error;
    }
    const id = blobIdOf(hash);
    const folder = join(this.#folder, accountId);
    const isFirst = (await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined;
    await rename(path, this.#path(accountId, id));
    // An upload that was answered outlives the power.
    await syncFolder(folder);
    if (isFirst) await syncFolder(this.#folder);
    this.#remember(accountId, id, size);
    if (size === whole.length) this.#fresh.keep(this.#path(accountId, id), whole);
    return { id, size };
  }

  async size(accountId: string, blobId: string): Promise<number | undefined> {
    const known = this.#sizes.get(`${accountId} ${blobId}`);
    if (known !== undefined) return known;
    if (!(await this.#has(accountId, blobId))) return undefined;
    const size = await sealedBlobSize(this.#path(accountId, blobId), this.#hubKey);
    this.#remember(accountId, blobId, size);
    return size;
  }

  async *read(accountId: string, blobId: string, range: ByteRange): AsyncIterable<Uint8Array> {
    const path = this.#path(accountId, blobId);
    const fresh = this.#fresh.take(path);
    if (fresh !== undefined) yield fresh.subarray(range.start, range.end);
    else yield* readSealedBlob(path, this.#hubKey, range);
  }

  async delete(accountId: string, blobId: string): Promise<void> {
    this.#deps.checkFence();
    this.#sizes.delete(`${accountId} ${blobId}`);
    this.#fresh.take(this.#path(accountId, blobId));
    await rm(this.#path(accountId, blobId), { force: true });
  }

  async *entries(accountId: string): AsyncIterable<BlobEntry> {
    const folder = join(this.#folder, accountId);
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    for (const id of names.filter((name) => BLOB_ID.test(name))) {
      const { mtimeMs, size } = await stat(join(folder, id));
      yield { id, sizeBytes: size, storedAt: mtimeMs };
    }
  }

  #remember(accountId: string, blobId: string, size: number): void {
    this.#sizes.set(`${accountId} ${blobId}`, size);
    const [oldest] = this.#sizes.keys();
    if (this.#sizes.size > KNOWN_SIZES_MAX && oldest !== undefined) this.#sizes.delete(oldest);
  }

  async #has(accountId: string, blobId: string): Promise<boolean> {
    if (!BLOB_ID.test(blobId)) return false;
    try {
      await stat(this.#path(accountId, blobId));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  #path(accountId: string, blobId: string): string {
    return join(this.#folder, accountId, blobId);
  }
}

/** In pieces of one size, the last one shorter. */
async function* piecesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    let rest = chunk;
    while (size + rest.length >= BLOB_PIECE_BYTES) {
      const taken = rest.subarray(0, BLOB_PIECE_BYTES - size);
      yield Buffer.concat([...held, taken]);
      held = [];
      size = 0;
      rest = rest.subarray(taken.length);
    }
    if (rest.length === 0) continue;
    held.push(rest);
    size += rest.length;
  }
  if (size > 0) yield Buffer.concat(held);
}
