/** A store whose reads of some rows, or one write, wait until a test lets them pass; everything else is the store below. */
import type { KeyRange, Row, Store, StoreTransaction } from '../../src/store/index.ts';

export class GatedStore implements Store {
  readonly #store: Store;
  #isHeld: (key: Uint8Array) => boolean = () => false;
  #isWriteHeld = false;
  #pass: (() => void)[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  /** From now on single reads of these keys wait. */
  hold(isHeld: (key: Uint8Array) => boolean): void {
    this.#isHeld = isHeld;
  }

  /** The next transaction waits before it begins; those after it pass. */
  holdWrite(): void {
    this.#isWriteHeld = true;
  }

  /** Reads and writes that wait. */
  get waiting(): number {
    return this.#pass.length;
  }

  release(): void {
    this.#isHeld = () => false;
    for (const pass of this.#pass.splice(0)) pass();
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    if (this.#isHeld(key)) await new Promise<void>((resolve) => this.#pass.push(resolve));
    return this.#store.get(key);
  }

  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#store.getMany(keys);
  }

  range(range: KeyRange): Promise<readonly Row[]> {
    return this.#store.range(range);
  }

  async transact<Result>(work: (transaction: StoreTransaction) => Promise<Result> | Result): Promise<Result> {
    if (this.#isWriteHeld) {
      this.#isWriteHeld = false;
      await new Promise<void>((resolve) => this.#pass.push(resolve));
    }
    return this.#store.transact(work);
  }

  sizeBytes(): Promise<number> {
    return this.#store.sizeBytes();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }
}
