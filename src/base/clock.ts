/**
 * Time as a value. `SystemClock` is in `base/system`; `ManualClock` is time that tests and simulations move.
 */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970, with a fraction of at least a microsecond. May jump. */
  now(): number;
  /** Milliseconds since some fixed moment; never runs backwards. Stands still while a machine sleeps. */
  monotonic(): number;
  /** Resolves after `ms` of monotonic time; rejects with `signal.reason` when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

interface Sleeper {
  readonly wakeAt: number;
  readonly order: number;
  readonly wake: () => void;
}

/** A clock that moves only when told. Sleepers wake in order of their time, then of their call. */
export class ManualClock implements Clock {
  #wall: number;
  #monotonic = 0;
  #order = 0;
  readonly #sleepers = new Set<Sleeper>();

  constructor(nowMs: number) {
    this.#wall = nowMs;
  }

  now(): number {
    return this.#wall;
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
      const onAbort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        wakeAt: this.#monotonic + Math.max(0, ms),
        order: this.#order++,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** How many waits are under way: what a test looks at before it moves time. */
  get sleeperCount(): number {
    return this.#sleepers.size;
  }

  /** Moves both times by `ms`, waking sleepers on the way; between wakings, pending promises run. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settle();
    for (;;) {
      const next = this.#nextSleeper();
      if (next === undefined || next.wakeAt > end) break;
      this.#moveTo(next.wakeAt);
      next.wake();
      await settle();
    }
    this.#moveTo(end);
    await settle();
  }

  /** The wall clock is set to another time (NTP, a person, a sleeping laptop); monotonic time is untouched. */
  jumpTo(nowMs: number): void {
    this.#wall = nowMs;
  }

  #moveTo(monotonic: number): void {
    this.#wall += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }

  #nextSleeper(): Sleeper | undefined {
    let next: Sleeper | undefined;
    for (const sleeper of this.#sleepers)
      if (
        next === undefined ||
        sleeper.wakeAt < next.wakeAt ||
        (sleeper.wakeAt === next.wakeAt && sleeper.order < next.order)
      )
        next = sleeper;
    return next;
  }
}

/** Lets promise chains that are already resolved run; bounded, so a busy loop cannot hang it. */
const SETTLE_TURNS = 50;
async function settle(): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) await Promise.resolve();
}
