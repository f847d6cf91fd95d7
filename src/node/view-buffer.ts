/**
 * What a fold reads and writes: a store transaction behind a buffer, so that a batch of entries fetches the rows it
 * needs in one read and writes each row once, however often the batch changes it.
 */
import { invariant } from '../base/index.ts';
import type { KeyRange, Row, StoreReader, StoreTransaction } from '../store/index.ts';

interface Slot {
  readonly key: Uint8Array;
  value: Uint8Array | undefined;
  changed: boolean;
}

export class ViewBuffer implements StoreReader {
  readonly transaction: StoreTransaction;
  readonly #slots = new Map<string, Slot>();

  constructor(transaction: StoreTransaction) {
    this.transaction = transaction;
  }

  /** Reads the rows of `keys` in one go. */
  async prefetch(keys: readonly Uint8Array[]): Promise<void> {
    const missing = new Map<string, Uint8Array>();
    for (const key of keys) {
      const name = nameOf(key);
      if (!this.#slots.has(name)) missing.set(name, key);
    }
    if (missing.size === 0) return;
    const values = await this.transaction.getMany([...missing.values()]);
    let next = 0;
    for (const [name, key] of missing) this.#slots.set(name, { key, value: values[next++], changed: false });
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const name = nameOf(key);
    const slot = this.#slots.get(name);
    if (slot !== undefined) return slot.value;
    await this.prefetch([key]);
    return this.#slots.get(name)?.value;
  }

  /** What `prefetch` or a fold of this batch has brought here: without waiting, which folds of thousands a second feel. */
  known(key: Uint8Array): Uint8Array | undefined {
    const slot = this.#slots.get(nameOf(key));
    invariant(slot !== undefined, 'what is not waited for is prefetched');
    return slot.value;
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    await this.prefetch(keys);
    return keys.map((key) => this.#slots.get(nameOf(key))?.value);
  }

  /** A row that later folds of this batch may read again. */
  put(key: Uint8Array, value: Uint8Array | undefined): void {
    this.#slots.set(nameOf(key), { key, value, changed: true });
  }

  /** A row that no fold of this batch reads: written through, not kept. */
  append(key: Uint8Array, value: Uint8Array): void {
    this.transaction.put(key, value);
  }

  /** Rows as they are in the store and this transaction; changed rows are written first. */
  async range(range: KeyRange): Promise<readonly Row[]> {
    this.flush();
    return this.transaction.range(range);
  }

  /** Hands the changed rows to the transaction. */
  flush(): void {
    for (const slot of this.#slots.values()) {
      if (!slot.changed) continue;
      if (slot.value === undefined) this.transaction.delete(slot.key);
      else this.transaction.put(slot.key, slot.value);
      slot.changed = false;
    }
  }
}

/** A key as a map's key: one character a byte, the cheapest one-to-one text of bytes. */
function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
