/** The machine's clock, which a test moves on for whoever does something at intervals: it does so now, and not then. */
import { SystemClock } from '../../src/base/system/index.ts';

interface Sleep {
  readonly ms: number;
  readonly wake: () => void;
}

export class RoundClock extends SystemClock {
  readonly #sleeps = new Set<Sleep>();
  readonly #begun = new Set<(ms: number) => void>();

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    let sleep: Sleep | undefined;
    const woken = new AbortController();
    const early = new Promise<void>((wake) => {
      sleep = { ms, wake };
      this.#sleeps.add(sleep);
    });
    for (const begun of this.#begun) begun(ms);
    const ends = signal === undefined ? woken.signal : AbortSignal.any([signal, woken.signal]);
    const slept = super.sleep(ms, ends).catch((error: unknown) => {
      if (!woken.signal.aborted) throw error;
    });
    try {
      await Promise.race([slept, early]);
    } finally {
      if (sleep !== undefined) this.#sleeps.delete(sleep);
      woken.abort();
    }
  }

  /** Ends the sleep between two rounds of what is done every `intervalMs`. Resolves when a whole round is over. */
  async round(intervalMs: number): Promise<void> {
    const sleeping = (): Sleep[] => [...this.#sleeps].filter(({ ms }) => ms === intervalMs);
    // A round that is under way has begun before: it does not count.
    if (sleeping().length === 0) await this.#sleepOf(intervalMs);
    const isOver = this.#sleepOf(intervalMs);
    for (const { wake } of sleeping()) wake();
    await isOver;
  }

  /** Until the next one of that length begins. */
  #sleepOf(intervalMs: number): Promise<void> {
    return new Promise((resolve) => {
      const begun = (ms: number): void => {
        if (ms !== intervalMs) return;
        this.#begun.delete(begun);
        resolve();
      };
      this.#begun.add(begun);
    });
  }
}
