/**
 * A store that ends with its process: for tests, simulations, and views built to be compared. The transactions are those of
 * every other adapter; only the disk is missing.
 */
import { ByteMap } from '../byte-map.ts';
import type { Engine, Scan, ScanResult } from '../engine.ts';
import { EngineStore } from '../engine-store.ts';
import type { Row } from '../store.ts';
import { DELETED, type WriteSet } from '../write-set.ts';

export class MemoryStore extends EngineStore {
  constructor() {
    super(new MemoryEngine());
  }
}

export class MemoryEngine implements Engine {
  readonly #rows = new ByteMap<Uint8Array>();

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return keys.map((key) => {
      const value = this.#rows.get(key);
      return value === undefined ? undefined : new Uint8Array(value);
    });
  }

  async scan({ spans, limit, reverse, maxBytes }: Scan): Promise<ScanResult> {
    const rows: Row[] = [];
    let bytes = 0;
    for (const span of spans) {
      for (const [key, value] of this.#rows.entries(span, reverse)) {
        rows.push({ key: new Uint8Array(key), value: new Uint8Array(value) });
        bytes += value.length;
        if (rows.length >= limit || bytes > maxBytes) return { rows, stopped: true };
      }
    }
    return { rows, stopped: false };
  }

  async commit(writes: WriteSet): Promise<void> {
    for (const span of writes.deletedSpans) this.#rows.deleteRange(span);
    writes.forEach((key, written) => {
      if (written === DELETED) this.#rows.delete(key);
      else this.#rows.set(key, written);
    });
  }

  /** Nothing is gained by waiting where a commit costs nothing. */
  async turn(): Promise<void> {}

  /** Keys and values: what a disk would hold at least. */
  async sizeBytes(): Promise<number> {
    let bytes = 0;
    this.#rows.forEach((key, value) => {
      bytes += key.length + value.length;
    });
    return bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
