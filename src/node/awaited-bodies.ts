/**
 * Bodies that other homes still await. They stay although everybody here has erased them, since what is sent again must be
 * the same bytes; once the last home has answered, a body that nobody here holds goes.
 */
import { type Clock, type CryptoSuite, isAbort, type Log, readUint64, uint64Bytes } from '../base/index.ts';
import { acknowledgedTo, type OutboxView } from '../federation/index.ts';
import type { FeedLog } from '../feed/index.ts';
import type { FeedId, HomeName } from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import { blocksToClear } from './clearing.ts';
import { RETENTION_INTERVAL_MS, SWEEP_PAGE_ROWS } from './limits.ts';
import { ViewBuffer } from './view-buffer.ts';
import { outboxKey, sweptKey } from './view-keys.ts';
import { decodeOutboxRow } from './view-rows.ts';

export interface AwaitedBodiesDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly feeds: ReadonlyMap<FeedId, FeedLog>;
  readonly outbox: OutboxView;
  readonly onCleared: (place: { readonly feed: FeedId; readonly index: number }) => void;
}

export class AwaitedBodies {
  readonly #deps: AwaitedBodiesDeps;
  readonly #home: HomeName;

  constructor(deps: AwaitedBodiesDeps, options: { readonly home: HomeName }) {
    this.#deps = deps;
    this.#home = options.home;
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await this.sweep(signal);
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        this.#deps.log.warn({ error }, 'bodies that nobody awaits any more could not be taken away now');
      }
      await this.#deps.clock.sleep(RETENTION_INTERVAL_MS, signal);
    }
  }

  /** Looks at what was answered for since the last time. */
  async sweep(signal: AbortSignal): Promise<void> {
    for (const destination of await this.#deps.outbox.destinations()) await this.sweepOf(destination, signal);
  }

  /** In our feeds and in those that other nodes of the home send from. */
  async sweepOf(destination: HomeName, signal: AbortSignal): Promise<void> {
    const { feeds, outbox, store } = this.#deps;
    for (const feed of feeds.keys()) {
      // What was answered for may be known before the entries that it is about.
      const here = await outbox.held(destination, feed);
      const answered = Math.min(await acknowledgedTo(store, destination, feed), here);
      for (;;) {
        signal.throwIfAborted();
        const row = await store.get(sweptKey(destination, feed));
        const from = 1 + (row === undefined ? 0 : readUint64(row));
        if (from > answered) break;
        await this.#sweepPage(destination, feed, from, Math.min(answered, from + SWEEP_PAGE_ROWS - 1));
      }
    }
  }

  #sweepPage(destination: HomeName, feed: FeedId, from: number, to: number): Promise<void> {
    return this.#deps.store.transact(async (transaction) => {
      const rows = await transaction.range({
        from: outboxKey(destination, feed, from),
        to: outboxKey(destination, feed, to + 1),
        limit: SWEEP_PAGE_ROWS,
      });
      const sent = rows.map(({ value }) => ({ feed, index: decodeOutboxRow(value).index }));
      const deps = { ...this.#deps, home: this.#home };
      for (const place of await blocksToClear(deps, new ViewBuffer(transaction), sent)) {
        this.#deps.feeds.get(place.feed)?.clear(transaction, place.index);
        transaction.onCommit(() => this.#deps.onCleared(place));
      }
      transaction.put(sweptKey(destination, feed), uint64Bytes(to));
    });
  }
}
