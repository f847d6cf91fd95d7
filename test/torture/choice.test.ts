import { expect, test } from 'vitest';
import { simulateChoices, unevenness } from '../../src/sim/choice-runs.ts';

// SIM_SEED=7 replays one run alone.
const RUNS = Number(process.env.SIM_RUNS ?? 10_000);
const ONLY = process.env.SIM_SEED === undefined ? undefined : Number(process.env.SIM_SEED);

test(`every rule of node choice holds after every step (8 nodes, seeds 1 to ${RUNS})`, () => {
  const { steps, taken } = simulateChoices(RUNS, ONLY);
  console.log(`node choice: ${RUNS} runs, ${steps} steps, picks by place in the pool:`, Object.fromEntries(taken));
  if (ONLY !== undefined) return;
  for (const places of taken.values()) expect(unevenness(places)).toBeLessThan(11);
});
