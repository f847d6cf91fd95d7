/**
 * Which of the nodes that answered a ping is taken: the most complete ones, of these the fastest quarter (at least one),
 * of these any, evenly.
 */
import { PING_LIMIT_MS, POOL_SHARE } from './limits.ts';

export interface Answer {
  readonly node: string;
  readonly rttMs: number;
  /** Share of the best known heads that the node serves, 0 to 1. */
  readonly completeness: number;
}

/** The pool, fastest first; answers at or over the limit do not count. */
export function poolOf(answers: readonly Answer[], limitMs: number = PING_LIMIT_MS): readonly Answer[] {
  const inTime = answers.filter((answer) => answer.rttMs < limitMs);
  const best = Math.max(...inTime.map((answer) => answer.completeness));
  const complete = inTime.filter((answer) => answer.completeness === best);
  complete.sort((a, b) => a.rttMs - b.rttMs || (a.node < b.node ? -1 : 1));
  return complete.slice(0, Math.ceil(complete.length / POOL_SHARE));
}

/** `random` is uniform in [0, 1). Undefined when no answer counts. */
export function pick(answers: readonly Answer[], random: number, limitMs?: number): Answer | undefined {
  const pool = poolOf(answers, limitMs);
  return pool[Math.floor(random * pool.length)];
}
