/** A Store over an engine: transactions by the Transactor, plain reads straight from what is durable. */
import type { Engine } from './engine.ts';
import { checkKey, isEmptyRange, spanOf } from './key-checks.ts';
import type { KeyRange, Row, Store, StoreTransaction } from './store.ts';
import { StoreError } from './store-error.ts';
import { Transactor } from './transactor.ts';

export class EngineStore implements Store {
  readonly #engine: Engine;
  readonly #transactor: Transactor;
  #closing: Promise<void> | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#transactor = new Transactor(engine);
  }

  async transact<Result>(work: (transaction: StoreTransaction) => Promise<Result> | Result): Promise<Result> {
    this.assertOpen();
    return this.#transactor.transact(work);
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const [value] = await this.getMany([key]);
    return value;
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.assertOpen();
    for (const key of keys) checkKey(key);
    return keys.length === 0 ? [] : this.#engine.getMany(keys);
  }

  async range(range: KeyRange): Promise<readonly Row[]> {
    this.assertOpen();
    if (isEmptyRange(range)) return [];
    const { from, to, limit, reverse, maxBytes } = spanOf(range);
    const { rows } = await this.#engine.scan({ spans: [{ from, to }], limit, reverse, maxBytes });
    return rows;
  }

  async sizeBytes(): Promise<number> {
    this.assertOpen();
    return this.#engine.sizeBytes();
  }

  /** Refuses new work, waits for what was handed over, closes the engine. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  protected assertOpen(): void {
    if (this.#closing !== undefined) throw new StoreError('closed', 'the store is closed');
  }

  async #close(): Promise<void> {
    await this.#transactor.drain();
    await this.#engine[Symbol.asyncDispose]();
  }
}
