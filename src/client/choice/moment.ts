/** What the outside world says at one step: the clocks and a random number. A step reads nothing else. */
import { CLOCK_JUMP_MS, STALL_MS } from './limits.ts';

export interface Moment {
  /** Monotonic milliseconds. */
  readonly at: number;
  /** Milliseconds since 1970. */
  readonly wallMs: number;
  /** Uniform in [0, 1). */
  readonly random: number;
}

/** The clocks parted, or nobody looked for very long: the machine slept, or somebody set the time. */
export function clockJumped(before: Pick<Moment, 'at' | 'wallMs'>, now: Moment): boolean {
  const elapsedMs = now.at - before.at;
  return elapsedMs >= STALL_MS || Math.abs(now.wallMs - before.wallMs - elapsedMs) >= CLOCK_JUMP_MS;
}
