/** A real node in a temporary folder, served over memory sockets, on a clock that tests move. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createMemorySocketPair,
  InlineSignatureChecker,
  type Log,
  ManualClock,
  SeededSecureRandom,
  SILENT_LOG,
} from '../../src/base/index.ts';
import { SodiumSuite } from '../../src/base/system/index.ts';
import type { Abroad } from '../../src/node/abroad.ts';
import {
  Core,
  type CoreOptions,
  DEFAULT_LIMITS,
  type Disk,
  Letters,
  Metrics,
  type NodeLimits,
} from '../../src/node/index.ts';
import { type Address, type HomeName, parseAddress, parseHomeName } from '../../src/protocol/index.ts';
import { createPerson, type Person } from './person.ts';
import { WireClient } from './wire-client.ts';

export const NOON = Date.UTC(2026, 0, 15, 12);

export interface WorldOptions {
  readonly registration?: CoreOptions['registration'];
  readonly limits?: Partial<NodeLimits>;
  readonly log?: Log;
  /** Absent: the real one. */
  readonly disk?: Disk;
  /** The way to other homes; default: this node speaks with none. */
  readonly abroad?: Abroad;
}

/** The world as it is where no other domain has a home. */
export const NO_OTHER_HOMES: Abroad = Object.freeze({
  dialer: { request: async () => ({ status: 404, headers: {}, body: new Uint8Array(0) }) },
  services: { services: async () => [] },
});

export class NodeWorld implements AsyncDisposable {
  readonly clock = new ManualClock(NOON);
  readonly random: SeededSecureRandom;
  readonly suite = new SodiumSuite();
  readonly home: HomeName = parseHomeName('home.example');
  /** Nobody carries them before a test says so. */
  readonly letters = new Letters({ log: SILENT_LOG });
  readonly folder: string;
  readonly #options: WorldOptions;
  core: Core;
  /** How often the core said that its feed ended. */
  retirements = 0;

  private constructor(folder: string, options: WorldOptions, random: SeededSecureRandom) {
    this.folder = folder;
    this.#options = options;
    this.random = random;
    this.core = undefined as never;
  }

  static async open(options: WorldOptions = {}, seed = 1): Promise<NodeWorld> {
    const world = new NodeWorld(await mkdtemp(join(tmpdir(), 'restante-')), options, new SeededSecureRandom(seed));
    await world.start();
    return world;
  }

  async start(folder = this.folder): Promise<void> {
    this.core = await Core.open(
      {
        clock: this.clock,
        random: this.random,
        suite: this.suite,
        signatures: new InlineSignatureChecker(this.suite),
        log: this.#options.log ?? SILENT_LOG,
        metrics: new Metrics(),
        ...(this.#options.disk === undefined ? {} : { disk: this.#options.disk }),
        letters: this.letters,
        abroad: this.#options.abroad,
      },
      {
        folder,
        home: this.home,
        registration: this.#options.registration ?? 'open',
        limits: { ...DEFAULT_LIMITS, ...this.#options.limits },
        onFeedRetired: () => {
          this.retirements += 1;
        },
      },
    );
    await this.core.publish(['ws://home.example/client']);
  }

  async stop(): Promise<void> {
    await this.core[Symbol.asyncDispose]();
  }

  connect(remote?: string): WireClient {
    const [ours, theirs] = createMemorySocketPair();
    void this.core.serve(theirs, remote);
    return new WireClient(ours);
  }

  address(name: string): Address {
    return parseAddress(`${name}@${this.home}`);
  }

  /** A registered person. */
  async person(name: string, changes: Parameters<typeof createPerson>[2] = {}): Promise<Person> {
    const person = createPerson(this.random, this.address(name), changes);
    const client = this.connect();
    const answer = await client.register(person);
    client.close();
    if (answer.oneofKind !== 'chain') throw new Error(`not registered: ${JSON.stringify(answer)}`);
    return person;
  }

  async signIn(person: Person): Promise<WireClient> {
    const client = this.connect();
    const answer = await client.authenticate(this.random, person.address, person.device);
    if (answer.oneofKind !== 'welcome') throw new Error(`not welcome: ${JSON.stringify(answer)}`);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
