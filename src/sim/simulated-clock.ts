/**
 * Time that passes when the world says so. Between two wakings everything runs that waits for nothing but promises, however
 * long its chains are; many sleepers cost little.
 */
import type { Clock } from '../base/index.ts';

interface Sleeper {
  readonly wakeAt: number;
  readonly order: number;
  /** Does nothing when the sleep was given up. */
  readonly wake: () => void;
}

export class SimulatedClock implements Clock {
  readonly #startWall: number;
  #monotonic = 0;
  #order = 0;
  /** A binary heap: the next sleeper first. */
  readonly #sleepers: Sleeper[] = [];

  constructor(nowMs: number) {
    this.#startWall = nowMs;
  }

  now(): number {
    return this.#startWall + this.#monotonic;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      const wake = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#push({ wakeAt: this.#monotonic + Math.max(0, ms), order: this.#order++, wake });
    });
  }

  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settle();
    for (let next = this.#sleepers[0]; next !== undefined && next.wakeAt <= end; next = this.#sleepers[0]) {
      this.#monotonic = next.wakeAt;
      while (this.#sleepers[0]?.wakeAt === next.wakeAt) this.#pop().wake();
      await settle();
    }
    this.#monotonic = end;
  }

  #push(sleeper: Sleeper): void {
    const heap = this.#sleepers;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(sleeper, heap[above] as Sleeper)) break;
      heap[at] = heap[above] as Sleeper;
      at = above;
    }
    heap[at] = sleeper;
  }

  #pop(): Sleeper {
    const heap = this.#sleepers;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined) throw new Error('nobody sleeps');
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Sleeper, heap[below] as Sleeper)) below += 1;
      if (!isBefore(heap[below] as Sleeper, last)) break;
      heap[at] = heap[below] as Sleeper;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Sleeper, b: Sleeper): boolean {
  return a.wakeAt < b.wakeAt || (a.wakeAt === b.wakeAt && a.order < b.order);
}

/** An immediate runs when no promise has anything left to do. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
