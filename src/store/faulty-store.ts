/**
 * A store whose Nth operation fails, for sweeps: run the same work with at = 1, 2, 3 … until nothing fires, and see that
 * each failure leaves things as they should be. Everything else is the real store underneath.
 *
 * A commit fails as a disk would make it: after the callback has returned, with nothing written and its rollback tasks run.
 */
import type { KeyRange, Row, Store, StoreReader, StoreTransaction } from './store.ts';
import { StoreError } from './store-error.ts';

export interface Fault {
  /** What is counted; reads within transactions count too. */
  readonly operation: 'read' | 'commit' | 'any';
  /** Which of them fails; 1 is the first. */
  readonly at: number;
  /** Whether all later ones fail too, as when a disk is gone. */
  readonly isLasting: boolean;
  readonly code: 'failed' | 'disk_full';
}

export class FaultyStore implements Store {
  readonly #store: Store;
  readonly #fault: Fault;
  #count = 0;

  constructor(store: Store, fault: Fault) {
    this.#store = store;
    this.#fault = fault;
  }

  /** Whether the fault has happened: a sweep ends with the first run in which it did not. */
  get hasFired(): boolean {
    return this.#count >= this.#fault.at;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#step('read');
    return this.#store.get(key);
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.#step('read');
    return this.#store.getMany(keys);
  }

  async range(range: KeyRange): Promise<readonly Row[]> {
    this.#step('read');
    return this.#store.range(range);
  }

  transact<Result>(work: (transaction: StoreTransaction) => Promise<Result> | Result): Promise<Result> {
    return this.#store.transact(async (transaction) => {
      const result = await work(this.#faulty(transaction));
      this.#step('commit');
      return result;
    });
  }

  sizeBytes(): Promise<number> {
    return this.#store.sizeBytes();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }

  #faulty(transaction: StoreTransaction): StoreTransaction {
    const read = async <Result>(reading: (reader: StoreReader) => Promise<Result>): Promise<Result> => {
      this.#step('read');
      return reading(transaction);
    };
    return {
      get: (key) => read((reader) => reader.get(key)),
      getMany: (keys) => read((reader) => reader.getMany(keys)),
      range: (range) => read((reader) => reader.range(range)),
      put: (key, value) => transaction.put(key, value),
      delete: (key) => transaction.delete(key),
      deleteRange: (from, to) => transaction.deleteRange(from, to),
      onCommit: (task) => transaction.onCommit(task),
      onRollback: (task) => transaction.onRollback(task),
    };
  }

  #step(operation: 'read' | 'commit'): void {
    const { operation: counted, at, isLasting, code } = this.#fault;
    if (counted !== 'any' && counted !== operation) return;
    this.#count++;
    if (this.#count === at || (isLasting && this.#count > at))
      throw new StoreError(code, `${operation} ${this.#count} was made to fail`, { retry: 'later' });
  }
}
