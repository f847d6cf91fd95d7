/** Several real nodes of one home in one process: memory sockets between them, one clock that tests move, links that tests cut. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  createMemorySocketPair,
  DialError,
  type Dialer,
  type FrameSocket,
  InlineSignatureChecker,
  type Log,
  ManualClock,
  SeededSecureRandom,
  SILENT_LOG,
} from '../../src/base/index.ts';
import { SodiumSuite } from '../../src/base/system/index.ts';
import type { Abroad } from '../../src/node/abroad.ts';
import { Core, DEFAULT_LIMITS, type Disk, joinFleet, type Letters, Metrics } from '../../src/node/index.ts';
import { type Address, type HomeName, parseAddress, parseHomeName } from '../../src/protocol/index.ts';
import type { Store } from '../../src/store/index.ts';
import { FeedLag } from './feed-lag.ts';
import type { Internet, Site } from './internet.ts';
import { NOON } from './node-world.ts';
import { createPerson, type Person } from './person.ts';
import { WireClient } from './wire-client.ts';

const CLOCK_STEP_MS = 10;
/** Of time that goes by: below a heartbeat. */
const PASSING_STEP_MS = 5_000;
const TURN_MS = 5;
const TURNS_MS_MAX = 40_000;

export interface FleetOptions {
  readonly durability?: number;
  /** Two homes of one test have different keys. */
  readonly seed?: number;
  /** Shared with another home. */
  readonly clock?: ManualClock;
  /** The way to other homes; without it there is none. */
  readonly internet?: Internet;
  /** Of nodes by name; absent: the real one. */
  readonly disks?: ReadonlyMap<string, Disk>;
  /** Of nodes by name: whoever is here sends ordinary mail once somebody carries it. */
  readonly letters?: ReadonlyMap<string, Letters>;
  /** Without an internet: the way to other homes all the same. */
  readonly abroad?: Abroad;
}

export class FleetNode {
  readonly name: string;
  readonly folder: string;
  core: Core | undefined;
  /** Where other homes reach it. */
  site: Site | undefined;
  readonly sockets = new Set<FrameSocket>();

  constructor(name: string, folder: string) {
    this.name = name;
    this.folder = folder;
  }

  get running(): Core {
    if (this.core === undefined) throw new Error(`node ${this.name} does not run`);
    return this.core;
  }
}

export class FleetWorld implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly random: SeededSecureRandom;
  readonly suite = new SodiumSuite();
  home: HomeName = parseHomeName('home.example');
  readonly nodes = new Map<string, FleetNode>();
  /** Names of nodes between which no link comes about, each pair in order of names: `a b`. */
  readonly cuts = new Set<string>();
  readonly #options: FleetOptions;
  readonly #folder: string;
  #lost = 0;
  #isOver = false;
  readonly #lag = new FeedLag();
  readonly #reopening: Promise<void>[] = [];

  private constructor(folder: string, options: FleetOptions) {
    this.#folder = folder;
    this.#options = options;
    this.clock = options.clock ?? new ManualClock(NOON);
    this.random = new SeededSecureRandom(options.seed ?? 7);
  }

  /** Node `a`, and then the others, which join it. */
  static async open(names: readonly string[] = ['a', 'b'], options: FleetOptions = {}): Promise<FleetWorld> {
    const world = new FleetWorld(await mkdtemp(join(tmpdir(), 'restante-fleet-')), options);
    const [first, ...others] = names;
    if (first === undefined) throw new Error('a fleet has a node');
    await world.start(first);
    for (const name of others) await world.join(name, first);
    return world;
  }

  node(name: string): FleetNode {
    const known = this.nodes.get(name) ?? new FleetNode(name, `${name}-${this.#lost}`);
    this.nodes.set(name, known);
    return known;
  }

  core(name: string): Core {
    return this.node(name).running;
  }

  /** A place in this world's temporary folder. */
  pathOf(name: string): string {
    return join(this.#folder, name);
  }

  /** What a running node has on its disk. */
  storeOf(name: string): Store {
    return this.core(name).store;
  }

  async start(name: string): Promise<Core> {
    const node = this.node(name);
    const { internet } = this.#options;
    node.site ??= await internet?.open(
      () => node.core,
      () => this.home,
    );
    // A loopback home is named after the place of its first node.
    if (node.site !== undefined && this.nodes.size === 1 && !this.home.startsWith('localhost'))
      this.home = parseHomeName(`localhost:${node.site.port}`);
    const disk = this.#options.disks?.get(name);
    const letters = this.#options.letters?.get(name);
    node.core = await Core.open(
      {
        ...(disk === undefined ? {} : { disk }),
        ...(letters === undefined ? {} : { letters }),
        clock: this.clock,
        random: this.random,
        suite: this.suite,
        signatures: new InlineSignatureChecker(this.suite),
        log: this.#log(name),
        metrics: new Metrics(),
        abroad: node.site === undefined ? this.#options.abroad : internet?.abroadOf(node.site),
        nodes: this.#dialer(name),
      },
      {
        folder: join(this.#folder, node.folder),
        home: this.home,
        nodeName: name,
        registration: 'open',
        limits: DEFAULT_LIMITS,
        ...(this.#options.durability === undefined ? {} : { durability: this.#options.durability }),
        onFeedRetired: () => this.#reopen(node),
        onRoleChanged: () => this.#reopen(node),
      },
    );
    await node.core.publish([urlOf(node)]);
    return node.core;
  }

  /** A new node with an empty disk, taken in by another. */
  async join(name: string, by: string): Promise<void> {
    await this.joinWith(name, by, await this.core(by).fleet.createToken());
    await this.start(name);
    await this.until(() => this.core(by).home.current?.nodes.some((one) => one.name === name) === true);
    await this.settled();
  }

  /** A new folder is made a node's; it is not started. */
  async joinWith(name: string, by: string, token: string, folder = this.node(name).folder): Promise<void> {
    const deps = { clock: this.clock, random: this.random, suite: this.suite, log: this.#log(name) };
    const options = { folder: join(this.#folder, folder), url: urlOf(this.node(by)), token, name };
    await joinFleet({ ...deps, dialer: this.#dialer(name) }, options, new AbortController().signal);
  }

  /** The disk of a node is gone; what is started under its name next is a new folder. */
  async loseDisk(name: string): Promise<void> {
    await this.stop(name);
    await this.node(name).site?.[Symbol.asyncDispose]();
    this.nodes.delete(name);
    this.#lost += 1;
  }

  async stop(name: string): Promise<void> {
    const node = this.node(name);
    const { core } = node;
    node.core = undefined;
    await core?.[Symbol.asyncDispose]();
  }

  /** Nothing passes between two nodes until `heal`. */
  cut(a: string, b: string): void {
    this.cuts.add(pair(a, b));
    for (const node of [this.node(a), this.node(b)]) for (const socket of node.sockets) socket.terminate();
  }

  async heal(): Promise<void> {
    this.cuts.clear();
    await this.settled();
  }

  /** Links stay, and what is said over them passes; nothing of feeds does until what this returns is called. */
  holdFeeds(): () => Promise<void> {
    this.#lag.begin();
    return () => this.#lag.end();
  }

  /** A node is opened anew, as another core than `before`. */
  async reopened(name: string, before: Core): Promise<void> {
    await this.until(() => {
      const { core } = this.node(name);
      return core !== undefined && core !== before;
    }, `${name} opened anew`);
  }

  /** Time goes by, in steps in which disks and people keep up. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += PASSING_STEP_MS) {
      await this.clock.advance(PASSING_STEP_MS);
      await turn();
    }
  }

  /** Moves the clock until something is so. */
  async until(isSo: () => boolean | Promise<boolean>, what = 'it', stepMs = CLOCK_STEP_MS): Promise<void> {
    const startedAt = performance.now();
    while (!(await isSo())) {
      if (performance.now() - startedAt > TURNS_MS_MAX) throw new Error(`${what} did not come about`);
      await this.clock.advance(stepMs);
      await turn();
    }
  }

  /** Every running node is linked to every other that is not cut off, and has what it has. */
  async settled(): Promise<void> {
    await this.until(async () => {
      const cores = [...this.nodes.values()].filter(({ core }) => core !== undefined);
      for (const a of cores)
        for (const b of cores) {
          if (a === b || this.cuts.has(pair(a.name, b.name))) continue;
          if (!a.running.fleet.isLinkedTo(b.running.folder.nodeKey.publicKey)) return false;
          const feed = a.running.feeds.current;
          if (b.running.fleet.copies.here(feed.id) < feed.length) return false;
        }
      return true;
    }, 'a settled fleet');
  }

  connect(name: string): WireClient {
    const [ours, theirs] = createMemorySocketPair();
    void this.core(name).serve(theirs, undefined);
    return new WireClient(ours);
  }

  address(name: string): Address {
    return parseAddress(`${name}@${this.home}`);
  }

  async person(name: string, at = 'a'): Promise<Person> {
    const person = createPerson(this.random, this.address(name));
    const client = this.connect(at);
    const answer = await this.moving(client.register(person));
    client.close();
    if (answer.oneofKind !== 'chain') throw new Error(`not registered: ${JSON.stringify(answer)}`);
    return person;
  }

  async signIn(person: Person, at: string): Promise<WireClient> {
    const client = this.connect(at);
    const answer = await client.authenticate(this.random, person.address, person.device);
    if (answer.oneofKind !== 'welcome') throw new Error(`not welcome: ${JSON.stringify(answer)}`);
    return client;
  }

  /** What a promise yields, while the clock moves. */
  async moving<Result>(promise: Promise<Result>): Promise<Result> {
    let isDone = false;
    const done = promise.finally(() => {
      isDone = true;
    });
    done.catch(() => undefined); // thrown to who waits for it, below
    await this.until(() => isDone);
    return done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#reopening);
    for (const name of this.nodes.keys()) await this.stop(name);
    for (const { site } of this.nodes.values()) await site?.[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #reopen(node: FleetNode): void {
    const reopening = (async () => {
      const { core } = node;
      await this.stop(node.name);
      if (core !== undefined && !this.#isOver) await this.start(node.name);
    })();
    this.#reopening.push(reopening);
  }

  #dialer(from: string): Dialer {
    return {
      dial: async (url) => {
        const { host } = new URL(url);
        const to = [...this.nodes.values()].find((node) => new URL(urlOf(node)).host === host)?.name ?? '';
        const core = this.nodes.get(to)?.core;
        if (core === undefined || this.cuts.has(pair(from, to))) throw new DialError('unreachable', `${url} is away`);
        const [ours, theirs] = createMemorySocketPair();
        for (const [name, socket] of [
          [from, ours],
          [to, theirs],
        ] as const) {
          const { sockets } = this.node(name);
          sockets.add(socket);
          void socket.closed.then(() => sockets.delete(socket));
        }
        void core.serveNode(this.#lag.through(theirs));
        return this.#lag.through(ours);
      },
    };
  }

  #log(name: string): Log {
    if (process.env.DEBUG === undefined) return SILENT_LOG;
    const say =
      (level: string) =>
      (fields: object, message: string): void =>
        console.error(name, level, message, fields);
    return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  }
}

function urlOf({ name, site }: FleetNode): string {
  return site === undefined ? `ws://${name}.home.example/client` : `ws://127.0.0.1:${site.port}/client`;
}

/** Disks are real: the clock must not run ahead of them. */
async function turn(): Promise<void> {
  await pause(TURN_MS);
}

function pair(a: string, b: string): string {
  return [a, b].sort().join(' ');
}
