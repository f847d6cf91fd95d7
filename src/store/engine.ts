/**
 * What the store needs of a database, a memory or a disk: read what is durable, make a set of writes durable. Order,
 * isolation, grouping and failure of transactions are EngineStore's, the same for every engine.
 */
import type { KeySpan } from './key-span.ts';
import type { Row } from './store.ts';
import type { WriteSet } from './write-set.ts';

export interface Scan {
  /** Disjoint, in the order in which they are to be read; descending when `reverse`. At least one. */
  readonly spans: readonly KeySpan[];
  /** At least 1. */
  readonly limit: number;
  readonly reverse: boolean;
  /** Stop after the row with which the values exceed this. May be infinite. */
  readonly maxBytes: number;
}

export interface ScanResult {
  readonly rows: readonly Row[];
  /** It stopped because of a bound: there may be rows behind the last one. */
  readonly stopped: boolean;
}

export interface Engine extends AsyncDisposable {
  /** One snapshot; the arrays handed out belong to the caller. */
  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]>;
  /** One snapshot; the arrays handed out belong to the caller. */
  scan(scan: Scan): Promise<ScanResult>;
  /** All or nothing. Resolves when it is durable, and reads that start then see it. One at a time. */
  commit(writes: WriteSet): Promise<void>;
  /**
   * Resolves when the work that is ready now has run. A commit waits for it, so that it takes along all that those write
   * whom the commit before has just released; otherwise every other commit would be for the first of them alone.
   */
  turn(): Promise<void>;
  sizeBytes(): Promise<number>;
}
