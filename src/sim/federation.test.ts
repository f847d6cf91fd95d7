import { expect, test } from 'vitest';
import { SodiumSuite } from '../base/system/index.ts';
import type { HomeMachine, HomeSite, HomeUnderTest } from './federation-home.ts';
import { type FederationRun, type Homes, simulateFederation } from './federation-world.ts';
import { buildGossipHomes } from './gossip-home.ts';
import { HomePapers } from './home-papers.ts';
import { buildNodeHomes } from './node-home.ts';
import { OpenSuite } from './open-suite.ts';

// The simplest home shows that world and checker hold together; test/sim runs the real one.
const GOSSIP_RUNS = 40;
const papers = new HomePapers(new OpenSuite(new SodiumSuite()));
const build = buildGossipHomes(papers);
const gossip: Homes = { papers, build };
const nodes: Homes = { papers, build: buildNodeHomes(papers) };

async function runsOf(count: number, homes: Homes): Promise<FederationRun[]> {
  const runs: FederationRun[] = [];
  for (let seed = 1; seed <= count; seed++) runs.push(await simulateFederation(seed, homes));
  return runs;
}

test(`after healing all homes and clients agree (gossip, 5 homes, seeds 1 to ${GOSSIP_RUNS})`, {
  timeout: 60_000,
}, async () => {
  const runs = await runsOf(GOSSIP_RUNS, gossip);
  const total = (what: keyof FederationRun) => runs.reduce((sum, run) => sum + run[what], 0);
  // The world must be bad enough to mean something.
  expect(total('pdus')).toBeGreaterThan(10 * GOSSIP_RUNS);
  expect(total('discounted')).toBeGreaterThan(0.1 * GOSSIP_RUNS);
  expect(total('crashes')).toBeGreaterThan(0.5 * GOSSIP_RUNS);
  expect(total('homes')).toBeGreaterThan(3 * GOSSIP_RUNS);
});

// 134: hints that came before the PDU that added a home were dropped by it, and remembered as told.
const ONCE_WRONG = [134];

test(`real nodes agree too (5 nodes, seeds ${ONCE_WRONG.join()})`, { timeout: 60_000 }, async () => {
  for (const seed of ONCE_WRONG) expect((await simulateFederation(seed, nodes)).pdus).toBeGreaterThan(1);
});

test('a run is the same for the same seed', { timeout: 60_000 }, async () => {
  for (const homes of [gossip, nodes])
    expect(await simulateFederation(5, homes)).toEqual(await simulateFederation(5, homes));
});

/** Homes with a fault, which the checker must find. */
function faulty(change: (home: HomeUnderTest) => Partial<HomeUnderTest>): Homes {
  const withFault = (machine: HomeMachine): HomeMachine => ({
    start: async () => {
      const home = await machine.start();
      return { ...bound(home), ...change(home) };
    },
  });
  return { papers, build: (site) => withFault(build(site)) };
}

test('a home that forgets on a crash what it acknowledged is found out', async () => {
  const forgetful: Homes = { papers, build: (site: HomeSite) => ({ start: () => build(site).start() }) };
  await expect(runsOf(30, forgetful)).rejects.toThrow(/acknowledged|missing everywhere|holds everything/);
});

test('homes that do not give each other what is missing are found out', async () => {
  const mean = faulty(({ service }) => ({ service: { ...service, pdus: async () => new Uint8Array() } }));
  await expect(runsOf(30, mean)).rejects.toThrow(/holds everything|same/);
});

test('a home that shows a PDU twice is found out', async () => {
  const doubling = faulty((home) => ({
    held: async (conversation) => (await home.held(conversation)).flatMap((pdu) => [pdu, pdu]),
  }));
  await expect(runsOf(1, doubling)).rejects.toThrow('held once');
});

test('a home that does not deliver what it holds is found out', async () => {
  const lazy = faulty((home) => ({ delivered: async (address) => (await home.delivered(address)).slice(1) }));
  await expect(runsOf(1, lazy)).rejects.toThrow('everybody gets');
});

test('a home that delivers twice is found out', async () => {
  const doubling = faulty((home) => ({
    delivered: async (address) => (await home.delivered(address)).flatMap((id) => [id, id]),
  }));
  await expect(runsOf(1, doubling)).rejects.toThrow('delivered once');
});

function bound(home: HomeUnderTest): HomeUnderTest {
  return {
    service: home.service,
    submit: home.submit.bind(home),
    held: home.held.bind(home),
    delivered: home.delivered.bind(home),
    crash: home.crash.bind(home),
  };
}
