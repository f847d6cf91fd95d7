/**
 * The wall clock as it was at the start, and how much time has passed since: what waits for days is not expired by a clock that
 * somebody sets while the home runs.
 */
import type { Clock } from '../../base/index.ts';

export class MailClock {
  readonly #clock: Clock;
  readonly #wall: number;
  readonly #monotonic: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wall = clock.now();
    this.#monotonic = clock.monotonic();
  }

  now(): number {
    return Math.round(this.#wall + this.#clock.monotonic() - this.#monotonic);
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal);
  }
}
