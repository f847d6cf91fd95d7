import { expect, test } from 'vitest';
import { SodiumSuite } from '../base/system/index.ts';
import type { HomeMachine } from './federation-home.ts';
import { type BuildHome, type FederationRun, simulateFederation } from './federation-world.ts';
import { buildGossipHome } from './gossip-home.ts';

// SIM_SEED=7 replays one run alone.
const ONLY = process.env.SIM_SEED === undefined ? undefined : Number(process.env.SIM_SEED);
// The simplest home shows that world and checker hold together; the long runs are for the real one.
const RUNS = 40;
const suite = new SodiumSuite();

async function runsOf(count: number, build: BuildHome): Promise<FederationRun[]> {
  const runs: FederationRun[] = [];
  const seeds = ONLY === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [ONLY];
  for (const seed of seeds) runs.push(await simulateFederation(seed, suite, build));
  return runs;
}

test(`after healing all homes and clients agree (gossip, 5 homes, seeds 1 to ${RUNS})`, {
  timeout: 60_000,
}, async () => {
  const runs = await runsOf(RUNS, buildGossipHome);
  if (ONLY !== undefined) return;
  const total = (what: keyof FederationRun) => runs.reduce((sum, run) => sum + run[what], 0);
  // The world must be bad enough to mean something.
  expect(total('pdus')).toBeGreaterThan(40 * RUNS);
  expect(total('discounted')).toBeGreaterThan(RUNS);
  expect(total('crashes')).toBeGreaterThan(5 * RUNS);
  expect(total('homes')).toBeGreaterThan(3 * RUNS);
});

test('a run is the same for the same seed', async () => {
  const again = [
    await simulateFederation(5, suite, buildGossipHome),
    await simulateFederation(5, suite, buildGossipHome),
  ];
  expect(again[0]).toEqual(again[1]);
});

/** A home with a fault, which the checker must find. */
function faulty(change: (machine: HomeMachine, home: string) => HomeMachine): BuildHome {
  return (site, crypto) => change(buildGossipHome(site, crypto), site.home);
}

test('a home that forgets on a crash what it acknowledged is found out', async () => {
  const forgetful: BuildHome = (site, crypto) => ({ start: () => buildGossipHome(site, crypto).start() });
  await expect(runsOf(30, forgetful)).rejects.toThrow(/acknowledged|missing everywhere|holds everything/);
});

test('homes that do not give each other what is missing are found out', async () => {
  const mean = faulty((machine) => ({
    start: async () => {
      const home = await machine.start();
      const { service } = home;
      const answersNothing = { ...service, pdus: async () => new Uint8Array() };
      return { ...bound(home), service: answersNothing };
    },
  }));
  await expect(runsOf(30, mean)).rejects.toThrow(/holds everything|same/);
});

test('a home that shows a PDU twice is found out', async () => {
  const doubling = faulty((machine) => ({
    start: async () => {
      const home = await machine.start();
      return {
        ...bound(home),
        held: async (conversation) => (await home.held(conversation)).flatMap((pdu) => [pdu, pdu]),
      };
    },
  }));
  await expect(runsOf(1, doubling)).rejects.toThrow('held once');
});

function bound(home: Awaited<ReturnType<HomeMachine['start']>>) {
  const { service } = home;
  return {
    service,
    submit: home.submit.bind(home),
    held: home.held.bind(home),
    crash: home.crash.bind(home),
  };
}
