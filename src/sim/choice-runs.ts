/** Many simulated runs of node choice, and what only many show: that the pick spreads evenly over its pool. */

import { simulateChoice } from './choice.sim.ts';
import type { Pick } from './choice-checker.ts';

export interface ChoiceRuns {
  readonly runs: number;
  readonly steps: number;
  /** By pool size: how often each place in the pool was taken, fastest first. */
  readonly taken: ReadonlyMap<number, readonly number[]>;
}

/** Seeds 1 … `runs`, or the one seed `only`. Throws what `simulateChoice` throws. */
export function simulateChoices(runs: number, only: number | undefined): ChoiceRuns {
  const seeds = only === undefined ? Array.from({ length: runs }, (_, i) => i + 1) : [only];
  const taken = new Map<number, number[]>();
  let steps = 0;
  for (const seed of seeds) {
    const run = simulateChoice(seed);
    steps += run.steps;
    for (const pick of run.picks) count(taken, pick);
  }
  return { runs: seeds.length, steps, taken };
}

/**
 * Pearson's statistic against an even spread. Divided by its degrees of freedom it is near 1; above 11 (the 0.1 % point of
 * one degree) the spread is not even.
 */
export function unevenness(taken: readonly number[]): number {
  const total = taken.reduce((sum, times) => sum + times, 0);
  const expected = total / taken.length;
  return taken.reduce((sum, times) => sum + (times - expected) ** 2 / expected, 0) / Math.max(1, taken.length - 1);
}

function count(taken: Map<number, number[]>, pick: Pick): void {
  let places = taken.get(pick.poolSize);
  if (places === undefined) {
    places = new Array<number>(pick.poolSize).fill(0);
    taken.set(pick.poolSize, places);
  }
  places[pick.place] = (places[pick.place] ?? 0) + 1;
}
