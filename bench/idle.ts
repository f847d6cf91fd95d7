/**
 * Idle clients: memory of a node for each following connection, bytes an hour, node CPU.
 *
 * The node is told to beat every few seconds instead of every 30, and clients ping as often; what an interval costs is
 * then multiplied by the intervals of an hour. To this come the comparisons of heads with a second node, one each five
 * minutes: each a connection of its own, measured from the first byte to the last, TLS and TCP headers left out.
 */
import { readFileSync } from 'node:fs';
import { From } from '../src/protocol/index.ts';
import type { Person } from '../test/harness/person.ts';
import { WireClient } from '../test/harness/wire-client.ts';
import type { BenchResult } from './bench-options.ts';
import { dialMetered, type MeteredSocket } from './byte-meter.ts';
import { mailboxOf } from './drain-load.ts';
import { NodeProcess } from './node-process.ts';
import { random, register } from './people.ts';

const CLIENTS = 10_000;
/** File descriptors that a process needs beside its connections. */
const SPARE_FILES = 500;
const PEOPLE = 500;
const OPENED_AT_ONCE = 50;
const HEARTBEAT_MS = 5_000;
const INTERVALS = 4;
const REAL_HEARTBEAT_MS = 30_000;
const COMPARISONS_PER_HOUR = 12;
const COMPARISONS_MEASURED = 2_000;
const HOUR_MS = 3_600_000;

interface IdleClient {
  readonly wire: WireClient;
  readonly metered: MeteredSocket;
}

export async function benchIdle(): Promise<BenchResult> {
  await using node = await NodeProcess.open({ limits: { heartbeatMs: HEARTBEAT_MS } });
  const people = await inTurn(PEOPLE, (i) => register(node.url, `idle${i}@${node.home}`));
  const wanted = Math.min(CLIENTS, filesMax() - SPARE_FILES);
  const before = await node.usage();
  const clients = await inTurn(wanted, (i) => follow(node.url, people[i % PEOPLE] as Person));
  const opened = await node.usage();
  const beats = await measureBeats(node, clients);
  const after = await node.usage();
  for (const { wire } of clients) wire.close();
  const comparison = await measureComparisons(node, people);
  const beatsPerHour = HOUR_MS / REAL_HEARTBEAT_MS;
  return {
    clients: clients.length,
    rssPerConnectionKib: (Math.max(opened.rss, after.rss) - before.rss) / clients.length / 1024,
    bytesPerBeat: beats.bytes,
    bytesPerComparison: comparison.bytes,
    bytesPerClientAndHour: beats.bytes * beatsPerHour + comparison.bytes * COMPARISONS_PER_HOUR,
    cpuMicrosPerBeat: beats.cpuMicros,
    cpuMicrosPerComparison: comparison.cpuMicros,
    percentOfCoreFor10000Beating: ((beats.cpuMicros * 10_000) / (REAL_HEARTBEAT_MS * 1000)) * 100,
    percentOfCoreFor10000Comparing: ((comparison.cpuMicros * 10_000 * COMPARISONS_PER_HOUR) / (HOUR_MS * 1000)) * 100,
  };
}

async function follow(url: string, person: Person): Promise<IdleClient> {
  const metered = await dialMetered(url);
  const wire = new WireClient(metered.socket);
  const answer = await wire.authenticate(random, person.address, person.device);
  if (answer.oneofKind !== 'welcome') throw new Error(`not welcome: ${JSON.stringify(answer)}`);
  await wire.ask((request) => ({
    oneofKind: 'clientInfo',
    clientInfo: {
      version: 1,
      from: From.NOW,
      time: 0,
      ledger: [],
      client: 'bench',
      request,
      headersOnly: false,
      newestFirst: true,
    },
  }));
  return { wire, metered };
}

/**
 * What a head and a ping with its answer cost. On a busy machine an interval lasts longer than it should, so heads and
 * pings are counted, not intervals.
 */
async function measureBeats(
  node: NodeProcess,
  clients: readonly IdleClient[],
): Promise<{ bytes: number; cpuMicros: number }> {
  await pause(HEARTBEAT_MS); // what opening left to do is done
  const pingBytes = await bytesOfPing(clients[0] as IdleClient);
  const cpuBefore = await node.usage();
  const bytesBefore = bytesOf(clients);
  const headsBefore = headsOf(clients);
  const startedAt = performance.now();
  for (let interval = 0; interval < INTERVALS; interval++)
    await pingInSlices(clients, startedAt + interval * HEARTBEAT_MS);
  const { cpuSeconds } = await node.usage();
  const heads = headsOf(clients) - headsBefore;
  const pings = INTERVALS * clients.length;
  const headBytes = (bytesOf(clients) - bytesBefore - pings * pingBytes) / heads;
  const beats = (heads + pings) / 2;
  return { bytes: headBytes + pingBytes, cpuMicros: ((cpuSeconds - cpuBefore.cpuSeconds) * 1e6) / beats };
}

/** The least of a few, since a head may come in between. */
async function bytesOfPing({ wire, metered }: IdleClient): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const before = metered.bytes();
    await wire.ask((request) => ({ oneofKind: 'ping', ping: { request } }));
    least = Math.min(least, metered.bytes() - before);
  }
  return least;
}

function bytesOf(clients: readonly IdleClient[]): number {
  return clients.reduce((sum, { metered }) => sum + metered.bytes(), 0);
}

function headsOf(clients: readonly IdleClient[]): number {
  return clients.reduce((sum, { wire }) => sum + wire.unasked.length, 0);
}

/** Every client pings once, spread over one interval as clients in the world are. */
async function pingInSlices(clients: readonly IdleClient[], from: number): Promise<void> {
  const slices = 20;
  for (let slice = 0; slice < slices; slice++) {
    await pause(Math.max(0, from + (slice * HEARTBEAT_MS) / slices - performance.now()));
    const part = clients.filter((_, i) => i % slices === slice);
    await Promise.all(part.map(({ wire }) => wire.ask((request) => ({ oneofKind: 'ping', ping: { request } }))));
  }
}

/** Connect, prove who one is, ask for the heads, close. */
async function measureComparisons(
  node: NodeProcess,
  people: readonly Person[],
): Promise<{ bytes: number; cpuMicros: number }> {
  const before = await node.usage();
  const bytes = await inTurn(COMPARISONS_MEASURED, async (i) => {
    const person = people[i % people.length] as Person;
    const metered = await dialMetered(node.url);
    const wire = new WireClient(metered.socket);
    await wire.authenticate(random, person.address, person.device);
    await mailboxOf(wire);
    wire.close();
    return metered.bytes();
  });
  const { cpuSeconds } = await node.usage();
  return {
    bytes: bytes.reduce((sum, count) => sum + count, 0) / COMPARISONS_MEASURED,
    cpuMicros: ((cpuSeconds - before.cpuSeconds) * 1e6) / COMPARISONS_MEASURED,
  };
}

async function inTurn<Made>(count: number, make: (i: number) => Promise<Made>): Promise<Made[]> {
  const made: Made[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) made[i] = await make(i);
  };
  await Promise.all(Array.from({ length: OPENED_AT_ONCE }, lane));
  return made;
}

/** Files this process may open; the node inherits the same. */
function filesMax(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1024);
  } catch {
    return 1024; // not Linux: what is usual
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
