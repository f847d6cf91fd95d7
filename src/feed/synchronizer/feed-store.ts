/**
 * Where the synchronizer's blocks go and come from, as a port: whoever keeps views of a feed stores blocks and views in one
 * transaction. `PlainFeedStore` keeps blocks and nothing else.
 */

import type { Store, StoreReader } from '../../store/index.ts';
import type { FeedLog } from '../feed-log.ts';
import type { BlockClaim } from '../proof.ts';
import type { Acceptance } from '../replica.ts';

export interface FeedStore {
  /** What the blocks and proofs of a log are read from. */
  readerOf(log: FeedLog): StoreReader;
  /**
   * Calls `log.accept` within one transaction and resolves with what it said when that is on disk. Rejects when the store
   * refuses; the claims are then as if they had never come. `onJudged` is told within the transaction, before the disk has
   * it: whoever only reads a block need not wait for the disk.
   */
  accept(
    log: FeedLog,
    claims: readonly BlockClaim[],
    onJudged: (acceptances: readonly Acceptance[]) => void,
  ): Promise<readonly Acceptance[]>;
  /** While a block is asked for: what judging it leans on is read meanwhile. Nothing needs it. */
  prepare(log: FeedLog, index: number): Promise<void>;
}

/** Within a transaction, since it must see what those before it put. */
export function prepareIn(store: Store, log: FeedLog, index: number): Promise<void> {
  return store.transact((transaction) => log.prepare(transaction, index));
}

/** Judges and stores in one transaction of a store. */
export function acceptIn(
  store: Store,
  log: FeedLog,
  claims: readonly BlockClaim[],
  onJudged: (acceptances: readonly Acceptance[]) => void,
): Promise<readonly Acceptance[]> {
  return store.transact(async (transaction) => {
    const acceptances = await log.accept(transaction, claims);
    onJudged(acceptances);
    return acceptances;
  });
}

export class PlainFeedStore implements FeedStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  readerOf(): StoreReader {
    return this.#store;
  }

  accept(
    log: FeedLog,
    claims: readonly BlockClaim[],
    onJudged: (acceptances: readonly Acceptance[]) => void,
  ): Promise<readonly Acceptance[]> {
    return acceptIn(this.#store, log, claims, onJudged);
  }

  prepare(log: FeedLog, index: number): Promise<void> {
    return prepareIn(this.#store, log, index);
  }
}
