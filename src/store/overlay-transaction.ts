/**
 * A transaction's handle: its own writes over those of transactions whose commit is pending or in flight, over what is
 * durable. What a read returns is fixed at its call, whatever is written while it waits.
 */
import type { Engine } from './engine.ts';
import { checkKey, checkValue, isEmptyRange, spanOf } from './key-checks.ts';
import { readMerged } from './merged-range.ts';
import { Overlay } from './overlay.ts';
import type { KeyRange, Row, StoreTransaction } from './store.ts';
import { StoreError } from './store-error.ts';
import { DELETED, WriteSet } from './write-set.ts';

export class OverlayTransaction implements StoreTransaction {
  readonly writes = new WriteSet();
  readonly commitTasks: (() => void)[] = [];
  readonly rollbackTasks: (() => void)[] = [];
  readonly #engine: Engine;
  readonly #overlay: Overlay;
  #isDead = false;
  #failure: StoreError | undefined;

  /** `below`: writes of earlier transactions that are not durable yet, the latest first. */
  constructor(engine: Engine, below: readonly WriteSet[]) {
    this.#engine = engine;
    this.#overlay = new Overlay([this.writes, ...below]);
  }

  /** Why it cannot be committed any more: what it may have seen was dropped. */
  get failure(): StoreError | undefined {
    return this.#failure;
  }

  fail(failure: StoreError): void {
    this.#failure = failure;
  }

  /** The callback has returned. */
  end(): void {
    this.#isDead = true;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const [value] = await this.getMany([key]);
    return value;
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.#assertAlive();
    for (const key of keys) checkKey(key);
    const written = keys.map((key) => this.#overlay.lookup(key));
    const unknown = keys.filter((_, i) => written[i] === undefined);
    const durable = unknown.length === 0 ? [] : await this.#read(this.#engine.getMany(unknown));
    let next = 0;
    return written.map((value) => {
      if (value === undefined) return durable[next++];
      return value === DELETED ? undefined : new Uint8Array(value);
    });
  }

  async range(range: KeyRange): Promise<readonly Row[]> {
    this.#assertAlive();
    if (isEmptyRange(range)) return [];
    const span = spanOf(range);
    return readMerged((scan) => this.#read(this.#engine.scan(scan)), span, this.#overlay.cut(span));
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#assertAlive();
    checkKey(key);
    checkValue(value);
    this.writes.put(key, value);
  }

  delete(key: Uint8Array): void {
    this.#assertAlive();
    checkKey(key);
    this.writes.delete(key);
  }

  deleteRange(from: Uint8Array, to: Uint8Array): void {
    this.#assertAlive();
    this.writes.deleteRange({ from, to });
  }

  onCommit(task: () => void): void {
    this.#assertAlive();
    this.commitTasks.push(task);
  }

  onRollback(task: () => void): void {
    this.#assertAlive();
    this.rollbackTasks.push(task);
  }

  async #read<Result>(reading: Promise<Result>): Promise<Result> {
    const result = await reading;
    // The writes it was merged with are gone: it would be a mixture of two states.
    if (this.#failure !== undefined) throw this.#failure;
    return result;
  }

  #assertAlive(): void {
    if (this.#isDead)
      throw new StoreError('handle_dead', 'a transaction was used after its callback returned', {
        fix: 'Wait for everything the callback starts, and keep the handle within it.',
      });
    if (this.#failure !== undefined) throw this.#failure;
  }
}
