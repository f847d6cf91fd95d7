import { expect, test } from 'vitest';
import { SodiumSuite } from '../../src/base/system/index.ts';
import { type FederationRun, simulateFederation } from '../../src/sim/federation-world.ts';
import { HomePapers } from '../../src/sim/home-papers.ts';
import { buildNodeHomes } from '../../src/sim/node-home.ts';
import { OpenSuite } from '../../src/sim/open-suite.ts';
import { runLength } from '../harness/length.ts';

// `npm run sim` runs as many as asked, and replays the seed that a failure names.
const RUNS = runLength(1_000, 5_000);
const papers = new HomePapers(new OpenSuite(new SodiumSuite()));
const homes = { papers, build: buildNodeHomes(papers) };

// A quarter of a second each; an hour is for machines that do other things besides.
test(`after healing all homes and clients agree (5 nodes, seeds 1 to ${RUNS})`, {
  timeout: runLength(1_200_000, 7_200_000),
}, async () => {
  const runs: FederationRun[] = [];
  for (let seed = 1; seed <= RUNS; seed++) runs.push(await simulateFederation(seed, homes));
  const total = (what: keyof FederationRun) => runs.reduce((sum, run) => sum + run[what], 0);
  // The world must be bad enough to mean something.
  expect(total('pdus')).toBeGreaterThan(10 * RUNS);
  expect(total('discounted')).toBeGreaterThan(0.1 * RUNS);
  expect(total('crashes')).toBeGreaterThan(RUNS);
  expect(total('homes')).toBeGreaterThan(3 * RUNS);
});
