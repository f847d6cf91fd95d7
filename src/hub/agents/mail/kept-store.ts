/**
 * A store in memory of which some rows outlive the process: with `--cache memory` a hub keeps no mail on its disk, but what
 * waits to be sent, and by which name it was handed in, is there before anybody hears that it is. So nothing that was answered
 * is lost, and nothing is sent twice.
 *
 * The rows are in one sealed file: each transaction that touches them is a frame, written before the store has it. The file is
 * written anew at each start, and when it has grown; a host that was paused meanwhile writes on into the one before, which
 * nobody reads.
 */
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readUint32, type SecureRandom, writeUint32 } from '../../../base/index.ts';
import {
  type KeySpan,
  MemoryStore,
  type Store,
  type StoreReader,
  type StoreTransaction,
} from '../../../store/index.ts';
import { HubError } from '../../hub-error.ts';
import { syncFolder } from '../../user-server/journal/folder.ts';
import { SealedFileReader, SealedFileWriter } from '../../user-server/journal/sealed-file.ts';
import { KEPT_FILE_BYTES_MAX, KEPT_PAGE_ROWS } from '../limits.ts';

export interface KeptStoreOptions {
  readonly path: string;
  readonly hubKey: Uint8Array;
  /** Whose rows are kept. */
  readonly spans: readonly KeySpan[];
}

type Change =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: Uint8Array }
  | { readonly type: 'deleteRange'; readonly from: Uint8Array; readonly to: Uint8Array };

const CHANGES = 0;
const TYPES = ['put', 'delete', 'deleteRange'] as const;

export class KeptStore implements Store {
  readonly #inner = new MemoryStore();
  readonly #random: SecureRandom;
  readonly #options: KeptStoreOptions;
  #file: SealedFileWriter | undefined;
  /** Of the file when it was written anew. */
  #freshBytes = 0;
  /** A write of it has failed: nobody could read what would follow, so the next one begins another file. */
  #isBroken = false;

  private constructor(random: SecureRandom, options: KeptStoreOptions) {
    this.#random = random;
    this.#options = options;
  }

  /** Throws HubError `damaged`. */
  static async open(random: SecureRandom, options: KeptStoreOptions): Promise<KeptStore> {
    const store = new KeptStore(random, options);
    for await (const changes of readChanges(options))
      await store.#inner.transact((transaction) => {
        for (const change of changes) apply(transaction, change);
      });
    await store.#writeAnew(store.#inner);
    return store;
  }

  transact<Result>(work: (transaction: StoreTransaction) => Promise<Result> | Result): Promise<Result> {
    return this.#inner.transact(async (transaction) => {
      const changes: Change[] = [];
      const result = await work(this.#noting(transaction, changes));
      if (changes.length > 0) await this.#keep(transaction, changes);
      return result;
    });
  }

  get: Store['get'] = (key) => this.#inner.get(key);
  getMany: Store['getMany'] = (keys) => this.#inner.getMany(keys);
  range: Store['range'] = (range) => this.#inner.range(range);
  sizeBytes: Store['sizeBytes'] = () => this.#inner.sizeBytes();

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
    await this.#file?.close();
    this.#file = undefined;
  }

  #noting(transaction: StoreTransaction, changes: Change[]): StoreTransaction {
    const { spans } = this.#options;
    const isKept = (key: Uint8Array): boolean => spans.some(({ from, to }) => isBelow(key, to) && !isBelow(key, from));
    return {
      get: (key) => transaction.get(key),
      getMany: (keys) => transaction.getMany(keys),
      range: (range) => transaction.range(range),
      put: (key, value) => {
        transaction.put(key, value);
        if (isKept(key)) changes.push({ type: 'put', key, value });
      },
      delete: (key) => {
        transaction.delete(key);
        if (isKept(key)) changes.push({ type: 'delete', key });
      },
      deleteRange: (from, to) => {
        transaction.deleteRange(from, to);
        if (spans.some((span) => isBelow(from, span.to) && isBelow(span.from, to)))
          changes.push({ type: 'deleteRange', from, to });
      },
      onCommit: (task) => transaction.onCommit(task),
      onRollback: (task) => transaction.onRollback(task),
    };
  }

  /** Transactions come one after the other, so writes do. */
  async #keep(transaction: StoreReader, changes: readonly Change[]): Promise<void> {
    if (this.#file === undefined) throw new HubError('closed', 'the store is closed');
    // The transaction sees what it has written itself: the new file holds it.
    const { sizeBytes } = this.#file;
    if (this.#isBroken || sizeBytes > this.#freshBytes + KEPT_FILE_BYTES_MAX) return this.#writeAnew(transaction);
    this.#isBroken = true;
    try {
      await this.#file.write([{ kind: CHANGES, bytes: encodeChanges(changes) }]);
      await this.#file.sync();
    } catch (error) {
      await this.#file.cut(sizeBytes); // who is told that it failed does not meet it again after a start
      throw error;
    }
    this.#isBroken = false;
  }

  async #writeAnew(reader: StoreReader): Promise<void> {
    const { hubKey, path, spans } = this.#options;
    this.#isBroken = true;
    await rm(`${path}.new`, { force: true });
    const file = await SealedFileWriter.create(this.#random, `${path}.new`, hubKey);
    try {
      for (const { from, to } of spans)
        for await (const rows of pagesOf(reader, from, to))
          await file.write([{ kind: CHANGES, bytes: encodeChanges(rows.map((row) => ({ type: 'put', ...row }))) }]);
      await file.sync();
      await rename(`${path}.new`, path);
      await syncFolder(dirname(path));
    } catch (error) {
      await file.close();
      throw error;
    }
    await this.#file?.close();
    this.#file = file;
    this.#freshBytes = file.sizeBytes;
    this.#isBroken = false;
  }
}

async function* readChanges({ hubKey, path }: KeptStoreOptions): AsyncGenerator<Change[]> {
  const reader = await SealedFileReader.open(path, hubKey).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (reader === undefined) return;
  await using file = reader;
  const frames = file.frames(() => true);
  for (;;) {
    const { done, value } = await frames.next();
    if (done !== true) yield decodeChanges(value.bytes);
    else if (value.end === 'damaged') throw new HubError('damaged', `${path} is damaged, or of another key`);
    else return;
  }
}

async function* pagesOf(reader: StoreReader, from: Uint8Array, to: Uint8Array) {
  for (let at = from; ; ) {
    const rows = await reader.range({ from: at, to, limit: KEPT_PAGE_ROWS });
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < KEPT_PAGE_ROWS) return;
    at = Uint8Array.of(...last.key, 0);
  }
}

function apply(transaction: StoreTransaction, change: Change): void {
  if (change.type === 'put') transaction.put(change.key, change.value);
  else if (change.type === 'delete') transaction.delete(change.key);
  else transaction.deleteRange(change.from, change.to);
}

/** Form: for each change: type (1) ‖ size (u32) ‖ key or start ‖ size (u32) ‖ value or end, empty where there is none. */
function encodeChanges(changes: readonly Change[]): Uint8Array {
  const chunks = changes.flatMap((change) => {
    const [first, second] =
      change.type === 'deleteRange'
        ? [change.from, change.to]
        : [change.key, change.type === 'put' ? change.value : new Uint8Array(0)];
    return [Uint8Array.of(TYPES.indexOf(change.type)), sizeOf(first), first, sizeOf(second), second];
  });
  return Buffer.concat(chunks);
}

function decodeChanges(bytes: Uint8Array): Change[] {
  const changes: Change[] = [];
  let at = 0;
  const take = (): Uint8Array => {
    const size = readUint32(bytes, at);
    at += 4 + size;
    return bytes.slice(at - size, at);
  };
  while (at < bytes.length) {
    const type = TYPES[bytes[at++] as number];
    const [first, second] = [take(), take()];
    if (type === 'put') changes.push({ type, key: first, value: second });
    else if (type === 'delete') changes.push({ type, key: first });
    else changes.push({ type: 'deleteRange', from: first, to: second });
  }
  return changes;
}

function sizeOf(bytes: Uint8Array): Uint8Array {
  const size = new Uint8Array(4);
  writeUint32(size, 0, bytes.length);
  return size;
}

function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) < 0;
}
