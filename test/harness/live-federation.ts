/**
 * Homes in one process that are real but for their clock, which tests move: a core with its disk, HTTP on loopback between
 * them, clients over memory sockets. A way between two homes can be cut, a home stopped, or ended at any step as by kill -9,
 * and what it sent is kept as hashes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createMemorySocketPair,
  DialError,
  type HttpAnswer,
  type HttpDialer,
  type HttpRequest,
  InlineSignatureChecker,
  type Log,
  ManualClock,
  SILENT_LOG,
  toHex,
} from '../../src/base/index.ts';
import { SodiumSuite, SystemRandom, SystemResolver, UndiciDialer } from '../../src/base/system/index.ts';
import { DEFAULT_TRANSPORT_LIMITS, mountFederation, type TransportLimits } from '../../src/federation/index.ts';
import { doorTo } from '../../src/node/abroad.ts';
import { HttpServer } from '../../src/node/http-server.ts';
import { Core, DEFAULT_LIMITS, Metrics, type NodeLimits } from '../../src/node/index.ts';
import {
  type Address,
  type HomeName,
  type PduId,
  parseAddress,
  parseHomeName,
  parsePdu,
} from '../../src/protocol/index.ts';
import { createPerson, type Person } from './person.ts';
import { WireClient } from './wire-client.ts';

const suite = new SodiumSuite();
const random = new SystemRandom();
/**
 * People of tests hand in as fast as they can, and nobody listens for a heartbeat, of which a month has millions: what tests
 * look at is elsewhere.
 */
const LIMITS: NodeLimits = { ...DEFAULT_LIMITS, submitsPerSecond: 1e9, submitBurst: 1e9, heartbeatMs: 3_600_000 };
/** Turns without anything under way after which nothing more happens by itself. */
const QUIET_TURNS = 8;
const ANY_KEY = Uint8Array.of(0);

export interface LiveFederationOptions {
  readonly log?: Log;
  readonly limits?: Partial<TransportLimits>;
}

export class LiveFederation implements AsyncDisposable {
  readonly clock = new ManualClock(Date.UTC(2026, 0, 15, 12));
  readonly homes: LiveFederationHome[] = [];
  readonly options: LiveFederationOptions;
  /** Requests between homes under way: while there are any, time stands still. */
  inFlight = 0;
  readonly #cut = new Set<string>();

  constructor(options: LiveFederationOptions = {}) {
    this.options = options;
  }

  async add(): Promise<LiveFederationHome> {
    const home = new LiveFederationHome(this, await mkdtemp(join(tmpdir(), 'restante-federation-')));
    this.homes.push(home);
    await home.start();
    return home;
  }

  cut(one: LiveFederationHome, other: LiveFederationHome): void {
    this.#cut.add(wayOf(one.home, other.home)).add(wayOf(other.home, one.home));
  }

  heal(): void {
    this.#cut.clear();
  }

  isCut(from: HomeName, to: string): boolean {
    return this.#cut.has(wayOf(from, to));
  }

  /** Lets time pass in steps, each after all that happens without time has happened. */
  async pass(ms: number, stepMs = 500): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      await this.#quiet();
      await this.clock.advance(Math.min(stepMs, ms - passed));
    }
    await this.#quiet();
  }

  /** Passes time until it holds; false when it does not within `withinMs`. */
  async until(holds: () => boolean | Promise<boolean>, withinMs: number, stepMs = 500): Promise<boolean> {
    for (let passed = 0; passed <= withinMs; passed += stepMs) {
      await this.#quiet();
      if (await holds()) return true;
      await this.clock.advance(stepMs);
    }
    return false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const home of this.homes) {
      await home.stop();
      await rm(home.folder, { recursive: true, force: true });
    }
  }

  /** Every store has done what it was asked, and what came of that, several times over, and no request is under way. */
  async #quiet(): Promise<void> {
    for (let turns = 0; turns < QUIET_TURNS; turns++) {
      // A read waits for the reads before it, and a transaction for the commits: on a busy machine one takes longer than many others.
      for (const home of this.homes) if (home.isUp) await home.settled();
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (this.inFlight > 0) turns = 0;
    }
  }
}

function wayOf(from: HomeName, to: string): string {
  return `${from} ${to}`;
}

export class LiveFederationHome {
  readonly folder: string;
  /** Hashes of the transactions sent, by destination and id: more than one is a retry that differs. */
  readonly sent = new Map<string, Set<string>>();
  /** Transactions sent. */
  sends = 0;
  /** Pulls asked of other homes. */
  pulls = 0;
  /** Called at each request of this home and after each answer. */
  onRequest: (request: HttpRequest, step: 'request' | 'answer') => void = () => undefined;
  readonly #federation: LiveFederation;
  #name: HomeName | undefined;
  #core: Core | undefined;
  #http: HttpServer | undefined;
  #dialer: UndiciDialer | undefined;

  constructor(federation: LiveFederation, folder: string) {
    this.#federation = federation;
    this.folder = folder;
  }

  get home(): HomeName {
    if (this.#name === undefined) throw new Error('never started');
    return this.#name;
  }

  get core(): Core {
    if (this.#core === undefined) throw new Error(`${this.#name} is away`);
    return this.#core;
  }

  /** Its store has done what it was asked. */
  async settled(): Promise<void> {
    const asked = this.core.store.transact((transaction) => transaction.get(ANY_KEY));
    await asked.catch(() => undefined); // a mortal home may die of this, too: whoever made it so raises it
  }

  get isUp(): boolean {
    return this.#core !== undefined;
  }

  /** Starts it, with its name and port of before if it was there before. */
  async start(): Promise<void> {
    const { clock, options } = this.#federation;
    const { log = SILENT_LOG } = options;
    const door = doorTo(() => this.#core?.messaging);
    const port = this.#name === undefined ? 0 : Number(this.#name.split(':')[1]);
    const named = this;
    this.#http = await HttpServer.open(
      {
        clock,
        log,
        metrics: new Metrics(),
        home: () => this.core.home,
        health: async () => [],
        mayLink: () => false,
        onLink: (socket) => socket.terminate(),
        onConnection: (socket) => socket.terminate(),
        mount: (fastify) =>
          mountFederation(
            fastify,
            { ...door, suite, clock, log },
            {
              get home(): HomeName {
                return named.home;
              },
              limits: { ...DEFAULT_TRANSPORT_LIMITS, ...options.limits },
            },
          ),
      },
      { host: '127.0.0.1', port, behindProxy: false, limits: LIMITS },
    );
    this.#name ??= parseHomeName(`localhost:${this.#http.port}`);
    this.#dialer = new UndiciDialer({ clock, resolver: new SystemResolver() }, { allowPrivate: true });
    const abroad = { dialer: this.#watched(this.#dialer), services: { services: async () => [] } };
    this.#core = await Core.open(
      { clock, random, suite, signatures: new InlineSignatureChecker(suite), log, metrics: new Metrics(), abroad },
      { folder: this.folder, home: this.home, registration: 'open', limits: LIMITS, onFeedRetired: () => undefined },
    );
    await this.#core.publish([`ws://${this.home}/client`]);
  }

  /** Stops it in order, as far as it is there. */
  async stop(): Promise<void> {
    const core = this.#core;
    this.#core = undefined;
    await this.#http?.[Symbol.asyncDispose]();
    await core?.[Symbol.asyncDispose]();
    await this.#dialer?.[Symbol.asyncDispose]();
    this.#http = undefined;
    this.#dialer = undefined;
  }

  address(name: string): Address {
    return parseAddress(`${name}@${this.home}`);
  }

  connect(): WireClient {
    const [ours, theirs] = createMemorySocketPair();
    void this.core.serve(theirs, undefined);
    return new WireClient(ours);
  }

  async person(name: string): Promise<Person> {
    const person = createPerson(random, this.address(name));
    const client = this.connect();
    const answer = await client.register(person);
    client.close();
    if (answer.oneofKind !== 'chain') throw new Error(`not registered: ${JSON.stringify(answer)}`);
    return person;
  }

  async signIn(person: Person): Promise<WireClient> {
    const client = this.connect();
    const answer = await client.authenticate(random, person.address, person.device);
    if (answer.oneofKind !== 'welcome') throw new Error(`not welcome: ${JSON.stringify(answer)}`);
    return client;
  }

  /** The ids in a person's mailbox, in its order; each with the body that its author named. Throws for any other. */
  async mailbox(person: Person): Promise<readonly PduId[]> {
    const client = await this.signIn(person);
    const ids: PduId[] = [];
    client.onEntries = (request, entries) => {
      if (request === 0) return; // comes live while the pages come: after what was asked for
      for (const { body, number, pdu: header } of entries) {
        const pdu = parsePdu(suite, header);
        if (number !== ids.length + 1) throw new Error(`number ${number} after ${ids.length}`);
        if (toHex(suite.sha256(body)) !== pdu.body.sha256) throw new Error(`another body of ${pdu.id}`);
        ids.push(pdu.id);
      }
    };
    // A home that dies while it is read answers nothing any more.
    const answer = await Promise.race([client.follow(), client.ended()]);
    client.close();
    if (answer === undefined) throw new Error(`${this.#name} went away while a mailbox was read`);
    return ids;
  }

  /** How many entries a person has. */
  async mailCount(person: Person): Promise<number> {
    const heads = await this.core.operator.accounts();
    return heads.find(({ address }) => address === person.address)?.entries ?? 0;
  }

  /** Destinations and ids of transactions that were sent again with other bytes. */
  get differing(): readonly string[] {
    return [...this.sent].filter(([, hashes]) => hashes.size > 1).map(([name]) => name);
  }

  #watched(dialer: HttpDialer): HttpDialer {
    return {
      request: async (request, signal): Promise<HttpAnswer> => {
        const { host, pathname } = new URL(request.url);
        this.onRequest(request, 'request');
        if (this.#federation.isCut(this.home, host)) throw new DialError('unreachable', `no way to ${host}`);
        if (request.body !== undefined && pathname.includes('/send/')) this.#note(host, pathname, request.body);
        if (pathname.endsWith('/pull')) this.pulls += 1;
        this.#federation.inFlight += 1;
        try {
          const answer = await dialer.request(request, signal);
          this.onRequest(request, 'answer');
          return answer;
        } finally {
          this.#federation.inFlight -= 1;
        }
      },
    };
  }

  #note(host: string, pathname: string, body: Uint8Array): void {
    const name = `${host} ${pathname}`;
    this.sends += 1;
    this.sent.set(name, (this.sent.get(name) ?? new Set()).add(toHex(suite.sha256(body))));
  }
}
