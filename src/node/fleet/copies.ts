/**
 * How far copies go: of each feed that this node copies, the blocks on its disk without a gap; of each feed that others
 * copy, what they say of theirs. Whoever waits for an entry to be on several disks waits here.
 */
import { type Clock, toBase64 } from '../../base/index.ts';
import type { FeedLog } from '../../feed/index.ts';
import type { FeedId } from '../../protocol/index.ts';

export class Copies {
  readonly #clock: Clock;
  /** Blocks of [0, to) are here. */
  readonly #here = new Map<FeedId, number>();
  /** By node, then by feed. */
  readonly #there = new Map<string, Map<FeedId, number>>();
  #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Looks again how far a copy goes; erased blocks count as here. */
  advance(log: FeedLog): number {
    let to = this.#here.get(log.id) ?? 0;
    for (;;) {
      const [arrived] = log.arrived(to);
      const [cleared] = log.cleared(to, log.length);
      const next = Math.max(arrived?.from === to ? arrived.to : to, cleared?.from === to ? cleared.to : to);
      if (next === to) break;
      to = next;
    }
    this.#here.set(log.id, to);
    return to;
  }

  here(feed: FeedId): number {
    return this.#here.get(feed) ?? 0;
  }

  /** What another node says. A smaller number than before: its disk was lost. */
  told(node: Uint8Array, feed: FeedId, to: number): void {
    const name = toBase64(node);
    const feeds = this.#there.get(name) ?? new Map<FeedId, number>();
    this.#there.set(name, feeds.set(feed, to));
    for (const wake of this.#waiting.splice(0)) wake();
  }

  there(node: Uint8Array, feed: FeedId): number {
    return this.#there.get(toBase64(node))?.get(feed) ?? 0;
  }

  /** How many of these nodes have blocks [0, to). */
  count(nodes: readonly Uint8Array[], feed: FeedId, to: number): number {
    return nodes.filter((node) => this.there(node, feed) >= to).length;
  }

  /** True when `isReached`; false after `timeoutMs`, or when the signal is aborted. */
  async until(isReached: () => boolean, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    if (isReached()) return true;
    const timer = new AbortController();
    let isLate = signal.aborted;
    const late = this.#clock.sleep(timeoutMs, AbortSignal.any([timer.signal, signal])).then(
      () => {
        isLate = true;
      },
      () => {
        isLate = true; // it is reached, or nobody waits any more
      },
    );
    try {
      while (!isLate && !isReached())
        await Promise.race([late, new Promise<void>((resolve) => this.#waiting.push(resolve))]);
      return isReached();
    } finally {
      timer.abort();
    }
  }

  /** Something changed that waits may be about. */
  wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
