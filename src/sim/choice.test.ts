import { expect, test } from 'vitest';
import { simulateChoices, unevenness } from './choice-runs.ts';

// The short form; test/torture/choice.test.ts has the full one. SIM_SEED=7 replays one run alone.
const RUNS = 1_000;
const ONLY = process.env.SIM_SEED === undefined ? undefined : Number(process.env.SIM_SEED);

test(`every rule of node choice holds after every step (8 nodes, seeds 1 to ${RUNS})`, () => {
  const { steps, taken } = simulateChoices(RUNS, ONLY);
  if (ONLY !== undefined) return;
  expect(steps).toBeGreaterThan(50 * RUNS);
  // With eight nodes the quarter has one or two places.
  expect([...taken.keys()].sort()).toEqual([1, 2]);
  for (const places of taken.values()) expect(unevenness(places)).toBeLessThan(11);
});
