/** Who waits for which block of which feed. */
import type { FeedId } from '../../protocol/index.ts';
import type { BlockClaim } from '../proof.ts';

export interface Arrival {
  readonly block: Promise<Uint8Array>;
  /** Nobody waits any more. */
  readonly forget: () => void;
}

export class Fetches {
  readonly #waiting = new Map<string, Set<(block: Uint8Array) => void>>();

  wait(feed: FeedId, index: number): Arrival {
    const key = keyOf(feed, index);
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting);
    let tell: (block: Uint8Array) => void = () => {};
    const block = new Promise<Uint8Array>((resolve) => {
      tell = resolve;
      waiting.add(resolve);
    });
    return {
      block,
      forget: () => {
        waiting.delete(tell);
        if (waiting.size === 0) this.#waiting.delete(key);
      },
    };
  }

  /** A block was proven. */
  take(feed: FeedId, { index, block }: BlockClaim): void {
    if (this.#waiting.size === 0 || block === undefined) return;
    // A copy: the block is a piece of what the peer sent at once.
    for (const tell of this.#waiting.get(keyOf(feed, index)) ?? []) tell(block.slice());
  }
}

function keyOf(feed: FeedId, index: number): string {
  return `${feed} ${index}`;
}
