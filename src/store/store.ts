/**
 * The store port (design, store): ordered keys and values, ranges, transactions. Portable. A view is a key range
 * written by a pure fold, so no query language leaks upward and any ordered engine can serve.
 *
 * - A transaction's promise resolves when its writes are on disk. Transactions run one after the other in the order of
 *   their call; all that finish while a commit is under way share the next. A transaction sees what earlier ones wrote,
 *   also while that is not on disk yet; if that commit fails, every transaction that may have seen it fails too.
 * - Plain reads see only what is on disk. Each call reads one snapshot; two calls may see two.
 * - Keys order as unsigned bytes, a prefix first; they have 1 to KEY_BYTES_MAX bytes, the ends of a range any number.
 *   Values are up to VALUE_BYTES_MAX; an adapter may keep large ones as files, which callers cannot tell.
 * - Byte arrays handed in must not be changed afterwards; those handed out are the caller's.
 */

export interface KeyRange {
  /** First key, inclusive. */
  readonly from: Uint8Array;
  /** End, exclusive. */
  readonly to: Uint8Array;
  /** At most this many rows. */
  readonly limit: number;
  /** Descending from the end of the range. */
  readonly reverse?: boolean;
  /** Stop after the row with which the values read so far exceed this; at least one row comes. */
  readonly maxBytes?: number;
}

export interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface StoreReader {
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** One snapshot; the values in the order of the keys. */
  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]>;
  range(range: KeyRange): Promise<readonly Row[]>;
}

/**
 * Lives only inside the callback of `transact`; any use after it throws StoreError `handle_dead`. The callback waits
 * for reads and computation only: a `transact` that it waits for never starts.
 */
export interface StoreTransaction extends StoreReader {
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
  /** Every key in [from, to). */
  deleteRange(from: Uint8Array, to: Uint8Array): void;
  /**
   * Runs after the commit is on disk, before `transact` resolves, in the order of registration. Must not throw: a task
   * that does makes its own `transact` reject although the writes are on disk; the others still run.
   */
  onCommit(task: () => void): void;
  /**
   * Runs when the writes are dropped, because `work` threw or the commit failed: for taking back what was kept in
   * memory beside them. The latest registration comes first, later transactions before earlier ones, and all of them
   * before another transaction starts and before `transact` rejects. Must not throw.
   */
  onRollback(task: () => void): void;
}

export interface Store extends StoreReader, AsyncDisposable {
  /** Throws what `work` throws, having written nothing; StoreError when the commit fails. */
  transact<Result>(work: (transaction: StoreTransaction) => Promise<Result> | Result): Promise<Result>;
  /** Bytes on disk, for status and quotas of the operator. */
  sizeBytes(): Promise<number>;
}

export const KEY_BYTES_MAX = 1024;
/** The largest body (2 MiB) and the row around it. */
export const VALUE_BYTES_MAX = 4 * 1024 * 1024;
