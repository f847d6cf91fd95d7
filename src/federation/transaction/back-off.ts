/** How long to wait: doubling, with jitter, up to a cap. Waits are monotonic; the wall clock only carries them over a restart. */
import { BACKOFF_FIRST_MS, BACKOFF_JITTER, BACKOFF_MAX_MS, DEFERRED_FIRST_MS, DEFERRED_MAX_MS } from './limits.ts';

/** Both clocks, read together. */
export interface Moment {
  /** Milliseconds since 1970; may jump. */
  readonly wall: number;
  /** Milliseconds since some moment of this process; never runs backwards. */
  readonly monotonic: number;
}

/** The wait after the `failures`th failure in a row; `jitter` is in [0, 1). */
export function failureWait(failures: number, jitter: number): number {
  return waitOf(BACKOFF_FIRST_MS, BACKOFF_MAX_MS, failures, jitter);
}

/** The wait before the `attempt`th time that an item is sent alone. */
export function deferredWait(attempt: number, jitter: number): number {
  return waitOf(DEFERRED_FIRST_MS, DEFERRED_MAX_MS, attempt, jitter);
}

/** As the wall clock would say it, for a row. */
export function toWall(due: number, now: Moment): number {
  return Math.round(now.wall + (due - now.monotonic));
}

/** When a time of the wall clock, of this or an earlier life, is due: at once if it is past, and no later than `cap` on. */
export function fromWall(wall: number, now: Moment, cap: number): number {
  return now.monotonic + Math.min(cap, Math.max(0, wall - now.wall));
}

function waitOf(first: number, cap: number, nth: number, jitter: number): number {
  // 2^40 is beyond every cap, and still a number.
  const whole = Math.min(cap, first * 2 ** Math.min(40, Math.max(0, nth - 1)));
  return Math.ceil(whole * (1 - BACKOFF_JITTER * jitter));
}
