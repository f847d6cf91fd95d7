/**
 * Large attachments that wait to be sent: encrypted once, chunk by chunk, and kept on this device until a node has the mail
 * that names them. So a mail that is queued depends on no file any more, and what is sent again after a cut is the same.
 */
import { type CryptoSuite, concatBytes, fromHex, fromUtf8, type SecureRandom, toHex, utf8 } from '../../base/index.ts';
import {
  ATTACHMENT_CHUNKS_MAX,
  ATTACHMENT_KEY_BYTES,
  attachmentKeyOf,
  chunkCountOfContent,
  encodeAttachmentKey,
  type Manifest,
} from '../../protocol/index.ts';
import type { Store, StoreTransaction } from '../../store/index.ts';
import { ChunkCipher } from '../../vault/index.ts';
import { ClientError } from '../client-error.ts';
import { STAGED_LISTS, STAGED_PIECES, stagedListKey, stagedPieceKey, stagedPiecesOf } from '../keys.ts';
import { STAGED_AT_ONCE } from '../limits.ts';
import { type AttachmentSource, chunksOf } from './source.ts';

export interface StagingDeps {
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
  readonly store: Store;
}

export interface StageOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the content that are encrypted and on disk. */
  readonly onProgress: (done: number) => void;
}

/** Under which name the pieces of a list are kept. */
interface ListRow {
  readonly id: string;
}

const ID_BYTES = 16;

export class Staging {
  readonly #deps: StagingDeps;

  constructor(deps: StagingDeps) {
    this.#deps = deps;
  }

  /** On disk when it resolves. Throws ClientError `too_large`, `attachment_changed`, or what reading throws; then nothing is kept. */
  async stage(source: AttachmentSource, options: StageOptions): Promise<Manifest> {
    const id = this.#deps.random.bytes(ID_BYTES);
    try {
      return await this.#stage(id, source, options);
    } catch (error) {
      const { from, to } = stagedPiecesOf(id);
      await this.#deps.store.transact((transaction) => transaction.deleteRange(from, to));
      throw error;
    }
  }

  /** Number 0 is the chunk list. Throws ClientError `corrupt_store` when it is not here. */
  async load(list: string, number: number): Promise<Uint8Array> {
    const { store } = this.#deps;
    const row = await store.get(stagedListKey(list));
    const piece = row === undefined ? undefined : await store.get(stagedPieceKey(idOf(row), number));
    if (piece === undefined) throw new ClientError('corrupt_store', `piece ${number} of an attachment is not here`);
    return piece;
  }

  /** A chunk in the clear; `number` is 1, 2, 3 … Throws as `load`. */
  async open(manifest: Manifest, number: number): Promise<Uint8Array> {
    const cipher = await ChunkCipher.open(attachmentKeyOf(manifest), chunkCountOfContent(manifest.size));
    return cipher.open(number, await this.load(manifest.list, number));
  }

  async drop(lists: Iterable<string>): Promise<void> {
    await this.#deps.store.transact((transaction) => dropStaged(transaction, lists));
  }

  /** Removes what no mail names: the program ended while it was encrypted. */
  async sweep(named: ReadonlySet<string>): Promise<void> {
    const { store } = this.#deps;
    const kept = new Set<string>();
    const lost: string[] = [];
    for (const { key, value } of await store.range({ ...STAGED_LISTS, limit: ATTACHMENT_CHUNKS_MAX })) {
      const list = toHex(key.subarray(1));
      if (named.has(list)) kept.add(toHex(idOf(value)));
      else lost.push(list);
    }
    await this.drop(lost);
    for (let { from } = STAGED_PIECES; ; ) {
      const [first] = await store.range({ from, to: STAGED_PIECES.to, limit: 1, maxBytes: 1 });
      if (first === undefined) return;
      const pieces = stagedPiecesOf(first.key.slice(1, 1 + ID_BYTES));
      if (!kept.has(toHex(first.key.subarray(1, 1 + ID_BYTES))))
        await store.transact((transaction) => transaction.deleteRange(pieces.from, pieces.to));
      from = pieces.to;
    }
  }

  async #stage(id: Uint8Array, source: AttachmentSource, { onProgress, signal }: StageOptions): Promise<Manifest> {
    const { random, store, suite } = this.#deps;
    const { name, size, type = 'application/octet-stream' } = source;
    const count = chunkCountOfContent(size);
    if (count > ATTACHMENT_CHUNKS_MAX || count < 1)
      throw new ClientError('too_large', `${name} has ${size} bytes: an attachment has 1 to 64 GiB`);
    const key = random.bytes(ATTACHMENT_KEY_BYTES);
    const cipher = await ChunkCipher.open(key, count);
    const content = suite.createSha256();
    const names: Uint8Array[] = [];
    let waiting: [number, Uint8Array][] = [];
    let done = 0;
    const keep = async (): Promise<void> => {
      const pieces = waiting;
      waiting = [];
      await store.transact((transaction) => {
        for (const [number, piece] of pieces) transaction.put(stagedPieceKey(id, number), piece);
      });
      onProgress(done);
    };
    for await (const chunk of chunksOf(source)) {
      signal?.throwIfAborted();
      content.update(chunk);
      const sealed = await cipher.seal(names.length + 1, chunk);
      names.push(suite.sha256(sealed));
      waiting.push([names.length, sealed]);
      done += chunk.length;
      if (waiting.length === STAGED_AT_ONCE) await keep();
    }
    const chunkList = concatBytes(...names);
    const list = toHex(suite.sha256(chunkList));
    waiting.push([0, chunkList]);
    await keep();
    const row: ListRow = { id: toHex(id) };
    await store.transact((transaction) => transaction.put(stagedListKey(list), utf8(JSON.stringify(row))));
    return { name, type, size, sha256: toHex(content.digest()), list, key: encodeAttachmentKey(key) };
  }
}

/** Within the transaction that says that nobody needs them any more. */
export async function dropStaged(transaction: StoreTransaction, lists: Iterable<string>): Promise<void> {
  for (const list of lists) {
    const row = await transaction.get(stagedListKey(list));
    if (row === undefined) continue;
    const { from, to } = stagedPiecesOf(idOf(row));
    transaction.deleteRange(from, to);
    transaction.delete(stagedListKey(list));
  }
}

function idOf(row: Uint8Array): Uint8Array {
  return fromHex((JSON.parse(fromUtf8(row)) as ListRow).id);
}
