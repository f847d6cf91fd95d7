/** A fleet as operators run it: each node a process, reached by the others through a wire that tests cut. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SILENT_LOG } from '../../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom, SystemResolver, WsDialer } from '../../src/base/system/index.ts';
import { type FleetStatus, joinFleet, type Operator, openNodeDialer, withOperator } from '../../src/node/index.ts';
import { FRAME_BYTES_MAX } from '../../src/protocol/index.ts';
import { CutProxy } from './cut-proxy.ts';
import { freePort, HomeProcess } from './home-process.ts';
import { SmallDisk } from './small-disk.ts';
import { WireClient } from './wire-client.ts';

const clock = new SystemClock();
const deps = { clock, random: new SystemRandom(), suite: new SodiumSuite(), log: SILENT_LOG };
const clients = new WsDialer(
  { clock, resolver: new SystemResolver() },
  { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: 5_000, allowPrivate: true },
);
const never = new AbortController().signal;
const WAIT_MS_MAX = 120_000;

export interface LiveNode {
  readonly name: string;
  readonly folder: string;
  readonly port: number;
  readonly proxy: CutProxy;
  /** A disk of its own that tests fill; undefined where none may be mounted. */
  readonly disk: SmallDisk | undefined;
  process: HomeProcess | undefined;
}

export interface LiveFleetOptions {
  /** Nodes that get a disk of their own, which is small. */
  readonly smallDisks?: readonly string[];
  /** The PostgreSQL database that all of them share; default: RESTANTE_DATABASE, else each keeps its rows in its folder. */
  readonly database?: string;
}

export class LiveFleet implements AsyncDisposable {
  readonly nodes = new Map<string, LiveNode>();
  /** Every process of a node that there ever was: what it logged stays. */
  readonly everyProcess: HomeProcess[] = [];
  readonly folder: string;
  readonly #home: string;
  readonly #options: readonly string[];
  readonly #smallDisks: ReadonlySet<string>;
  readonly #database: string | undefined;
  #made = 0;

  private constructor(folder: string, home: string, options: readonly string[], more: LiveFleetOptions) {
    this.folder = folder;
    this.#home = home;
    this.#options = options;
    this.#smallDisks = new Set(more.smallDisks ?? []);
    this.#database = more.database ?? process.env.RESTANTE_DATABASE;
  }

  static async open(
    names: readonly string[],
    options: readonly string[],
    more: LiveFleetOptions = {},
  ): Promise<LiveFleet> {
    const folder = await mkdtemp(join(tmpdir(), 'restante-live-fleet-'));
    const [first, ...others] = names;
    if (first === undefined) throw new Error('a fleet has a node');
    const port = await freePort();
    const fleet = new LiveFleet(folder, `localhost:${port}`, options, more);
    await fleet.#make(first, port);
    await fleet.start(first);
    for (const name of others) await fleet.add(name, first);
    return fleet;
  }

  get home(): string {
    return this.#home;
  }

  node(name: string): LiveNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`the fleet has no node ${name}`);
    return node;
  }

  get running(): readonly LiveNode[] {
    return [...this.nodes.values()].filter((node) => node.process !== undefined);
  }

  async start(name: string): Promise<void> {
    const node = this.node(name);
    const url = `http://127.0.0.1:${node.proxy.port}`;
    const database = this.#database === undefined ? [] : ['--database', this.#database];
    const options = ['--home', this.#home, '--public-url', url, ...database, ...this.#options];
    node.process = await HomeProcess.open(node.folder, node.port, options);
    this.everyProcess.push(node.process);
  }

  /** A node with an empty disk, under a new name or one whose disk was lost. */
  async add(name: string, by: string): Promise<void> {
    const node = await this.#make(name, await freePort());
    const token = await this.operator(by, (operator) => operator.fleetToken());
    const url = `ws://127.0.0.1:${this.node(by).proxy.port}/client`;
    const dialer = openNodeDialer(clock);
    const database = this.#database === undefined ? {} : { database: this.#database };
    await joinFleet({ ...deps, dialer }, { folder: node.folder, url, token, name, ...database }, never);
    await this.start(name);
  }

  /** In order. */
  async stop(name: string): Promise<void> {
    const node = this.node(name);
    const { process: child } = node;
    node.process = undefined;
    await child?.stop();
  }

  /** kill -9. */
  async kill(name: string): Promise<void> {
    const node = this.node(name);
    const { process: child } = node;
    node.process = undefined;
    await child?.kill();
  }

  /** Its disk is gone too. */
  async wipe(name: string): Promise<void> {
    await this.kill(name);
    await this.#forget(name);
  }

  async remove(name: string, by: string): Promise<void> {
    await this.kill(name);
    await this.operator(by, (operator) => operator.fleetRemove(name));
    await this.#forget(name);
  }

  operator<Result>(name: string, work: (operator: Operator) => Promise<Result>): Promise<Result> {
    return withOperator(deps, this.node(name).folder, work);
  }

  async connect(name: string): Promise<WireClient> {
    return new WireClient(await clients.dial(`ws://127.0.0.1:${this.node(name).port}/client`, never));
  }

  /** Every running node is linked to every other, and none has less of a feed than another. */
  async settled(): Promise<void> {
    await until('a settled fleet', async () => {
      const names = this.running.map(({ name }) => name);
      const all = await Promise.all(names.map((name) => this.operator(name, (operator) => operator.fleetStatus())));
      return all.every((status) => isLinked(status, names)) && haveTheSame(all);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { disk, process: child, proxy } of this.nodes.values()) {
      await child?.stop();
      await proxy[Symbol.asyncDispose]();
      disk?.unmount();
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  async #make(name: string, port: number): Promise<LiveNode> {
    const folder = join(this.folder, `${name}-${this.#made++}`);
    // A node whose rows are in a database fills that one's disk.
    const isSmall = this.#smallDisks.has(name) && this.#database === undefined;
    const disk = isSmall ? await SmallDisk.mount(folder) : undefined;
    const node: LiveNode = { name, folder, port, proxy: await CutProxy.open(port), disk, process: undefined };
    this.nodes.set(name, node);
    return node;
  }

  async #forget(name: string): Promise<void> {
    const node = this.node(name);
    this.nodes.delete(name);
    await node.proxy[Symbol.asyncDispose]();
    node.disk?.unmount();
    await rm(node.folder, { recursive: true, force: true });
  }
}

function isLinked(status: FleetStatus, names: readonly string[]): boolean {
  const there = status.nodes.filter(({ state }) => state !== 'away').map(({ node }) => node);
  return names.every((name) => there.includes(name));
}

function haveTheSame(all: readonly FleetStatus[]): boolean {
  const lengths = all.map(({ feeds }) => new Map(feeds.map(({ feed, have }) => [feed, have])));
  const [first] = lengths;
  return lengths.every((one) => one.size === first?.size && [...one].every(([feed, have]) => first.get(feed) === have));
}

export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const startedAt = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startedAt > WAIT_MS_MAX) throw new Error(`${what} did not come about`);
    await pause(100);
  }
}
