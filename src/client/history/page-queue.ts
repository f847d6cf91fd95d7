/**
 * Pages between a connection and whoever stores them, in the order in which they came. The connection is asked to pause
 * while it is full; a node that sends on regardless is cut. Marks tell when everything before them is on disk.
 */
import type { Entries } from '../../protocol/index.ts';
import { PAGES_QUEUED, PAGES_QUEUED_MAX } from '../limits.ts';

export type QueuedPage =
  | { readonly kind: 'page'; readonly page: Entries; readonly live: boolean }
  | { readonly kind: 'mark'; readonly reached: () => void };

export class PageQueue {
  readonly #onFlood: () => void;
  #items: QueuedPage[] = [];
  #pages = 0;
  #closed = false;
  #wakeConsumer: (() => void) | undefined;
  #wakeProducers: (() => void)[] = [];

  constructor(onFlood: () => void) {
    this.#onFlood = onFlood;
  }

  /** A promise when the connection is to wait for room. */
  push(page: Entries, live: boolean): Promise<void> | undefined {
    if (this.#closed) return undefined;
    this.#items.push({ kind: 'page', page, live });
    this.#pages += 1;
    this.#wake();
    if (this.#pages > PAGES_QUEUED_MAX) this.#onFlood();
    if (this.#pages < PAGES_QUEUED) return undefined;
    return new Promise((resolve) => this.#wakeProducers.push(resolve));
  }

  /** Resolves when everything pushed so far has been taken and what came of it is on disk, or the queue is closed. */
  drained(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((reached) => {
      this.#items.push({ kind: 'mark', reached });
      this.#wake();
    });
  }

  /** The next item; undefined when closed. */
  async next(): Promise<QueuedPage | undefined> {
    while (this.#items.length === 0 && !this.#closed)
      await new Promise<void>((resolve) => {
        this.#wakeConsumer = resolve;
      });
    const item = this.#items.shift();
    if (item?.kind === 'page') {
      this.#pages -= 1;
      if (this.#pages < PAGES_QUEUED) for (const wake of this.#wakeProducers.splice(0)) wake();
    }
    return item;
  }

  /** Forgets what waits: it will be asked for again. */
  close(): void {
    this.#closed = true;
    for (const item of this.#items.splice(0)) if (item.kind === 'mark') item.reached();
    this.#wake();
    for (const wake of this.#wakeProducers.splice(0)) wake();
  }

  #wake(): void {
    this.#wakeConsumer?.();
    this.#wakeConsumer = undefined;
  }
}
