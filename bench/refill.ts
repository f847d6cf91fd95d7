/**
 * How fast an empty node of a fleet gets what another has, by where it keeps its rows: the blocks of a feed in which people of
 * the home write to each other and abroad and mark what they have, while they go on, and while the other home answers.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SILENT_LOG } from '../src/base/index.ts';
import { SodiumSuite, SystemClock } from '../src/base/system/index.ts';
import { joinFleet, openNodeDialer, withOperator } from '../src/node/index.ts';
import type { Address } from '../src/protocol/index.ts';
import { type Person, writePdu } from '../test/harness/person.ts';
import { Postgres, skipsWithoutPostgres } from '../test/harness/postgres.ts';
import type { BenchOptions, BenchResult } from './bench-options.ts';
import { mailboxOf } from './drain-load.ts';
import { Load, type Mail } from './load.ts';
import { NodeProcess } from './node-process.ts';
import { random, register, signIn } from './people.ts';

const PEOPLE = 8;
const ROUNDS = 400;
const FULL_ROUNDS = 4_000;
const BODY_BYTES = 2_000;
const LOOK_PAUSE_MS = 20;
/** Between rounds of mail while a node is refilled. */
const TRICKLE_MS = 200;

const clock = new SystemClock();
const deps = { clock, random, suite: new SodiumSuite(), log: SILENT_LOG };

interface Refill {
  readonly blocksPerSecond: number;
  readonly nodeCpuMicros: number;
}

export async function benchRefill({ execArgv, full }: BenchOptions): Promise<BenchResult> {
  await using postgres = skipsWithoutPostgres('the refill of a node on PostgreSQL') ? undefined : await Postgres.open();
  const folder = await mkdtemp(join(tmpdir(), 'restante-refill-'));
  try {
    await using source = await Source.open(folder);
    await source.fill(full ? FULL_ROUNDS : ROUNDS);
    const places = [
      ['sqlite', undefined],
      ['postgres', postgres?.url],
    ] as const;
    const result: Record<string, number> = {};
    for (const [place, database] of places) {
      if (place === 'postgres' && database === undefined) continue;
      const { blocksPerSecond, nodeCpuMicros } = await refill(source, {
        folder: join(folder, place),
        database,
        execArgv,
      });
      result[`${place}BlocksPerSecond`] = blocksPerSecond;
      result[`${place}CpuMicrosPerBlock`] = nodeCpuMicros;
    }
    return result;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A home under mail, and another that answers for what it gets. */
class Source implements AsyncDisposable {
  readonly node: NodeProcess;
  readonly #abroad: NodeProcess;
  readonly #load: Load;
  readonly #stranger: Person;

  private constructor(node: NodeProcess, abroad: NodeProcess, load: Load, stranger: Person) {
    this.node = node;
    this.#abroad = abroad;
    this.#load = load;
    this.#stranger = stranger;
  }

  static async open(folder: string): Promise<Source> {
    const node = await NodeProcess.open({ folder: join(folder, 'source') });
    const abroad = await NodeProcess.open({ folder: join(folder, 'abroad') });
    const stranger = await register(abroad.url, `somebody@${abroad.home}`);
    return new Source(node, abroad, await Load.open(node, PEOPLE), stranger);
  }

  /** Resolves when the other home has what is for it. */
  async fill(rounds: number): Promise<void> {
    const queues = this.#load.people.map((_, i) => Array.from({ length: rounds }, () => this.#round(i)).flat());
    await this.#load.submit(this.node, queues);
    const client = await signIn(this.#abroad.url, this.#stranger);
    while ((await mailboxOf(client)).number < 2 * rounds * PEOPLE) await pause(LOOK_PAUSE_MS);
    client.close();
  }

  /** Somebody writes, now and then, until the signal. */
  async trickle(signal: AbortSignal): Promise<void> {
    for (let i = 0; !signal.aborted; i = (i + 1) % PEOPLE) {
      await this.#load.submit(
        this.node,
        this.#load.people.map((_, at) => (at === i ? this.#round(i) : [])),
      );
      await pause(TRICKLE_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#load[Symbol.dispose]();
    await this.#abroad[Symbol.asyncDispose]();
    await this.node[Symbol.asyncDispose]();
  }

  /** One of the people writes three mails and a mark. */
  #round(i: number): Mail[] {
    const { people } = this.#load;
    const person = people[i] as Person;
    const others = [1, 2].flatMap((step) => people[(i + step) % PEOPLE]?.address ?? []);
    const { address } = this.#stranger;
    return [
      write(person, [person.address, ...others]),
      write(person, [person.address, ...others, address]),
      write(person, [address]),
      write(person, [person.address], 'note'),
    ];
  }
}

function write(person: Person, to: readonly Address[], type: 'mail' | 'note' = 'mail'): Mail {
  const body = random.bytes(BODY_BYTES);
  return { pdu: writePdu(random, person, to, body, type), body };
}

interface Place {
  readonly folder: string;
  readonly database: string | undefined;
  readonly execArgv: readonly string[];
}

async function refill(source: Source, { folder, database, execArgv }: Place): Promise<Refill> {
  const token = await withOperator(deps, source.node.folder, (operator) => operator.fleetToken());
  const url = `${source.node.url.replace('http', 'ws')}/client`;
  const ended = new AbortController();
  const where = database === undefined ? {} : { database };
  const joining = { folder, url, token, name: basename(folder), ...where };
  await joinFleet({ ...deps, dialer: openNodeDialer(clock) }, joining, ended.signal);
  const before = await blocksOf(source.node);
  const startedAt = performance.now();
  await using node = await NodeProcess.open({ folder, execArgv: [...execArgv] });
  const trickle = source.trickle(ended.signal);
  while ((await blocksOf(node)) < before) await pause(LOOK_PAUSE_MS);
  const seconds = (performance.now() - startedAt) / 1000;
  const { cpuSeconds } = await node.usage();
  ended.abort();
  await trickle;
  return { blocksPerSecond: before / seconds, nodeCpuMicros: (cpuSeconds * 1e6) / before };
}

/** Of all feeds, as far as a node has them without a gap. */
async function blocksOf(node: NodeProcess): Promise<number> {
  const { feeds } = await withOperator(deps, node.folder, (operator) => operator.fleetStatus());
  return feeds.reduce((sum, { have }) => sum + have, 0);
}
