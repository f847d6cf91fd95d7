/** A home that has a transport and nothing else: real HTTP on loopback, a signed chain, and a service that writes down what it is asked. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import {
  type Clock,
  type CryptoSuite,
  fromUtf8,
  type KeyPair,
  type Log,
  NobleSuite,
  SILENT_LOG,
  utf8,
} from '../../src/base/index.ts';
import { type Resolver, type ServiceAddress, UndiciDialer } from '../../src/base/system/index.ts';
import type { FederationService } from '../../src/federation/ports.ts';
import {
  DEFAULT_TRANSPORT_LIMITS,
  HttpHomeDirectory,
  HttpLink,
  mountFederation,
  type TransportLimits,
} from '../../src/federation/transport/index.ts';
import {
  type HomeContent,
  type HomeName,
  homeContentJson,
  parseFeedId,
  parseHomeDocument,
  parseHomeName,
  signDocument,
} from '../../src/protocol/index.ts';
import { MemoryStore } from '../../src/store/index.ts';

export const suite: CryptoSuite = new NobleSuite();
export const never: AbortSignal = new AbortController().signal;

export function keyPairOf(seed: number): KeyPair {
  return suite.keyPair(new Uint8Array(32).fill(seed));
}

/** Names that answer as a test says; nothing leaves this machine. */
export class TableResolver implements Resolver {
  readonly addresses = new Map<string, readonly string[]>([['localhost', ['127.0.0.1']]]);
  readonly services = new Map<string, readonly ServiceAddress[]>();

  async resolve(name: string): Promise<readonly string[]> {
    const found = this.addresses.get(name);
    if (found === undefined) throw new Error(`ENOTFOUND ${name}`);
    return found;
  }
}

/** Answers with what it was asked, and writes it down. */
export class RecordingService implements FederationService {
  readonly asked: string[] = [];
  readonly contacts: HomeName[] = [];
  /** Of each `send`. */
  readonly signals: AbortSignal[] = [];
  /** What `send` waits for, if anything. */
  gate: Promise<void> | undefined;
  /** What any question throws, if anything. */
  failure: unknown;

  async send(origin: HomeName, txn: string, body: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    this.signals.push(signal);
    await this.#note(`send ${origin} ${txn} ${body.length}`);
    await this.gate;
    signal.throwIfAborted();
    return body.slice(0, 16);
  }

  async pull(origin: HomeName, feed: string, after: number): Promise<Uint8Array | undefined> {
    await this.#note(`pull ${origin} ${feed} ${after}`);
    return after === 0 ? utf8('pulled') : undefined;
  }

  async pdus(origin: HomeName, ids: readonly string[]): Promise<Uint8Array> {
    return this.#note(`pdus ${origin} ${ids.join(' ')}`);
  }

  async state(origin: HomeName, conversation: string, after: string | undefined): Promise<Uint8Array> {
    return this.#note(`state ${origin} ${conversation} ${after ?? '-'}`);
  }

  async backfill(origin: HomeName, conversation: string, from: readonly string[], limit: number): Promise<Uint8Array> {
    return this.#note(`backfill ${origin} ${conversation} ${from.join(' ')} ${limit}`);
  }

  async account(address: string, after: number): Promise<Uint8Array> {
    return this.#note(`account ${address} ${after}`);
  }

  async keyLog(after: number): Promise<Uint8Array> {
    return this.#note(`keylog ${after}`);
  }

  async blob(origin: HomeName, list: string, number: number): Promise<Uint8Array> {
    return this.#note(`blob ${origin} ${list} ${number}`);
  }

  contact(origin: HomeName): void {
    this.contacts.push(origin);
  }

  async #note(line: string): Promise<Uint8Array> {
    this.asked.push(line);
    if (this.failure !== undefined) throw this.failure;
    return utf8(line);
  }
}

export interface TransportHomeOptions {
  readonly clock: Clock;
  readonly seed: number;
  readonly log?: Log;
  readonly limits?: Partial<TransportLimits>;
  /** Its dialer refuses private and loopback addresses, as that of a public home does. */
  readonly isPublic?: boolean;
}

export class TransportHome implements AsyncDisposable {
  readonly home: HomeName;
  readonly homeKey: KeyPair;
  nodeKey: KeyPair;
  readonly service = new RecordingService();
  readonly resolver = new TableResolver();
  readonly store = new MemoryStore();
  readonly directory: HttpHomeDirectory;
  readonly dialer: UndiciDialer;
  /** What `/.well-known/restante` serves. */
  chain: Uint8Array[] = [];
  /** Requests for it. */
  lookups = 0;
  /** Where those are sent instead. */
  redirect: string | undefined;
  readonly #server: Server;

  private constructor(server: Server, options: TransportHomeOptions) {
    const { clock, seed, log = SILENT_LOG } = options;
    this.#server = server;
    this.home = parseHomeName(`localhost:${(server.address() as AddressInfo).port}`);
    this.homeKey = keyPairOf(seed);
    this.nodeKey = keyPairOf(seed + 100);
    this.dialer = new UndiciDialer({ clock, resolver: this.resolver }, { allowPrivate: options.isPublic !== true });
    const services = { services: async (name: string) => this.resolver.services.get(name) ?? [] };
    this.directory = new HttpHomeDirectory({ clock, suite, dialer: this.dialer, services, store: this.store, log });
  }

  static async open(options: TransportHomeOptions): Promise<TransportHome> {
    // A port comes first, since a loopback home is named after it.
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const fastify = Fastify({ logger: false, serverFactory: (handler) => server.on('request', handler) });
    const home = new TransportHome(server, options);
    home.publish();
    fastify.get('/.well-known/restante', async (request, reply) => {
      home.lookups += 1;
      if (home.redirect !== undefined) return reply.redirect(home.redirect);
      const after = Number((request.query as { after?: string }).after ?? 0);
      const documents = home.chain.slice(after).map(fromUtf8);
      return reply.header('content-type', 'application/json').send(`{"documents":[${documents.join(',')}]}`);
    });
    const deps = { ...home, suite, clock: options.clock, log: options.log ?? SILENT_LOG };
    const limits = { ...DEFAULT_TRANSPORT_LIMITS, ...options.limits };
    await mountFederation(fastify, deps, { home: home.home, limits });
    await fastify.ready();
    return home;
  }

  /** The next version of its chain, with the node key as it is now. */
  publish(change: Partial<HomeContent> = {}): void {
    const last = this.chain.at(-1);
    const before = last === undefined ? undefined : parseHomeDocument(suite, last);
    const version = this.chain.length + 1;
    const content: HomeContent = {
      home: this.home,
      version,
      previous: before?.signed.hash ?? null,
      time: version,
      key: this.homeKey.publicKey,
      keyLog: this.homeKey.publicKey,
      nodes: [
        {
          name: 'a1',
          key: this.nodeKey.publicKey,
          urls: [`ws://${this.home}/client`],
          feed: parseFeedId('ab'.repeat(32)),
          retired: [],
        },
      ],
      registrar: 'a1',
      ...change,
    };
    this.chain.push(signDocument(suite, homeContentJson(content), [this.homeKey]));
  }

  /** A link that signs as this home, with the node key as it is now. */
  link(): HttpLink {
    const signer = { node: 'a1', secretKey: this.nodeKey.secretKey };
    return new HttpLink({ dialer: this.dialer, directory: this.directory, suite }, { home: this.home, signer });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.directory[Symbol.asyncDispose]();
    await this.dialer[Symbol.asyncDispose]();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
