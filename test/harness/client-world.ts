/**
 * Clients and a real node in one process: memory sockets, one clock, and a wire that a test may read and change, which is
 * how a node that cheats is made.
 */
import {
  createMemorySocketPair,
  DialError,
  type Dialer,
  type FrameSocket,
  type KeyPair,
  type Log,
  SeededPrng,
  SeededSecureRandom,
} from '../../src/base/index.ts';
import { authenticate, openConnection } from '../../src/client/connection/index.ts';
import {
  Client,
  type ClientDeps,
  type ClientOptions,
  type Created,
  createAccount,
  type DeviceProfile,
  type Enrolled,
  joinAccount,
  type SetupDeps,
} from '../../src/client/index.ts';
import {
  accountContentJson,
  decodeNodeMessage,
  deviceIdOf,
  encodeNodeMessage,
  homeOf,
  type NodeMessage,
  parseAccountChain,
  signDocument,
} from '../../src/protocol/index.ts';
import { MemoryStore, type Store } from '../../src/store/index.ts';
import { InThreadBodyWorker } from '../../src/vault/index.ts';
import { NodeWorld, type WorldOptions } from './node-world.ts';

/** What a wire makes of each frame of a node: the frame, another, or none. */
export type Tamper = (message: NodeMessage) => NodeMessage | undefined;

export const NODE_URL = 'ws://home.example/client';
export const PASSWORD = 'correct horse battery staple';
export const never: AbortSignal = new AbortController().signal;

export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

export class ClientWorld implements AsyncDisposable {
  readonly node: NodeWorld;
  readonly random = new SeededSecureRandom(99);
  readonly prng = new SeededPrng(99);
  /** Set: the node cannot be reached. */
  isCut = false;
  tamper: Tamper | undefined;
  /** The keys that domains without a home publish. */
  findKey: NonNullable<ClientDeps['findOrdinaryKey']> = async () => undefined;
  /** Other URLs of the node, each with a wire of its own. */
  readonly otherWires = new Map<string, Tamper>();
  readonly #sockets = new Set<FrameSocket>();

  private constructor(node: NodeWorld) {
    this.node = node;
  }

  static async open(options: WorldOptions = {}): Promise<ClientWorld> {
    return new ClientWorld(await NodeWorld.open(options));
  }

  readonly dialer: Dialer = {
    dial: async (url) => {
      const other = this.otherWires.get(url);
      if (this.isCut || (url !== NODE_URL && other === undefined))
        throw new DialError('unreachable', `${url} cannot be reached`);
      const [ours, theirs] = createMemorySocketPair();
      void this.node.core.serve(theirs, undefined);
      this.#sockets.add(ours);
      void ours.closed.then(() => this.#sockets.delete(ours));
      return new TamperedSocket(ours, () => other ?? this.tamper);
    },
  };

  get log(): Log {
    const quiet = (): void => undefined;
    const warn = (fields: object, message: string): void => {
      if (process.env.DEBUG !== undefined) console.error(message, fields);
    };
    return { debug: warn, info: quiet, warn, error: (fields, message) => console.error(message, fields) };
  }

  setupDeps(store: Store): SetupDeps {
    const { clock, suite } = this.node;
    return { clock, suite, random: this.random, dialer: this.dialer, log: this.log, store };
  }

  /** An account whose first device keeps `store`. */
  async createAccount(name: string): Promise<{ readonly store: Store; readonly created: Created }> {
    const store = new MemoryStore();
    const created = await createAccount(
      this.setupDeps(store),
      { address: this.node.address(name), nodeUrl: NODE_URL, password: PASSWORD, invite: '', deviceName: 'first' },
      never,
    );
    return { store, created };
  }

  async joinAccount(
    name: string,
    password = PASSWORD,
  ): Promise<{ readonly store: Store; readonly enrolled: Enrolled }> {
    const store = new MemoryStore();
    const enrolled = await joinAccount(
      this.setupDeps(store),
      { address: this.node.address(name), nodeUrl: NODE_URL, password, deviceName: 'joined' },
      never,
    );
    return { store, enrolled };
  }

  /** A client on a profile; `store` is the profile's. */
  async openClient(
    store: Store,
    profile: DeviceProfile,
    changes: Partial<ClientOptions> = {},
    edges: Partial<Pick<ClientDeps, 'openVault' | 'saveProfile'>> = {},
  ): Promise<Client> {
    const { clock, random } = { clock: this.node.clock, random: this.random };
    return Client.open(
      {
        ...this.setupDeps(store),
        prng: this.prng,
        openVault: async (secrets) => new InThreadBodyWorker({ clock, random }, { secrets }),
        saveProfile: async () => undefined,
        findOrdinaryKey: (address, signal) => this.findKey(address, signal),
        ...edges,
      },
      { profile, nodeUrl: NODE_URL, autoConnect: false, ...changes },
    );
  }

  /** A new account with its client. */
  async newPerson(name: string): Promise<{ client: Client; store: Store; created: Created }> {
    const { store, created } = await this.createAccount(name);
    return { client: await this.openClient(store, created.profile), store, created };
  }

  /** A second device of an account, without the cost of a password. */
  async newDevice(profile: DeviceProfile): Promise<{ client: Client; store: Store; profile: DeviceProfile }> {
    const store = new MemoryStore();
    const device = this.node.suite.keyPair(this.random.bytes(32));
    await enrolDevice(this.setupDeps(store), profile, device);
    const joined = { ...profile, device };
    return { client: await this.openClient(store, joined), store, profile: joined };
  }

  /** The client's connection is cut, and there is a new one, over the wire as it is now. */
  async reconnect(client: Client): Promise<void> {
    const back = new Promise<void>((resolve) => client.events.on('mailserverAvailable', () => resolve()));
    this.cutAll();
    await this.node.clock.advance(1);
    await Promise.race([back, client.connect(never)]);
  }

  /** Every connection is cut without a goodbye. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
  }
}

/** A socket whose incoming frames a test changes. */
class TamperedSocket implements FrameSocket {
  readonly #inner: FrameSocket;
  readonly #tamper: () => Tamper | undefined;

  constructor(inner: FrameSocket, tamper: () => Tamper | undefined) {
    this.#inner = inner;
    this.#tamper = tamper;
  }

  send(frame: Uint8Array): Promise<void> {
    return this.#inner.send(frame);
  }

  get bufferedBytes(): number {
    return this.#inner.bufferedBytes;
  }

  get incoming(): AsyncIterable<Uint8Array> {
    const [inner, tamper] = [this.#inner.incoming, this.#tamper];
    return {
      async *[Symbol.asyncIterator]() {
        for await (const frame of inner) {
          const changed = (tamper() ?? ((message: NodeMessage) => message))(decodeNodeMessage(frame));
          if (changed !== undefined) yield encodeNodeMessage(changed);
        }
      },
    };
  }

  close(code: number, reason: string): void {
    this.#inner.close(code, reason);
  }

  terminate(): void {
    this.#inner.terminate();
  }

  get closed(): Promise<{ readonly code: number; readonly reason: string }> {
    return this.#inner.closed;
  }
}

/** Adds a device to an account's chain as a device that is in already may: nobody types a password. */
async function enrolDevice(deps: SetupDeps, profile: DeviceProfile, device: KeyPair): Promise<void> {
  const home = homeOf(profile.address);
  const name = 'another';
  await using connection = await openConnection(deps, { url: NODE_URL, home, key: undefined }, never);
  await authenticate(deps, connection, { address: profile.address, home, key: profile.device });
  const { chain } = await connection.request('chain', (request) => ({
    oneofKind: 'getChain',
    getChain: { request, address: profile.address, after: 0 },
  }));
  const current = parseAccountChain(deps.suite, chain.documents).at(-1);
  if (current === undefined) throw new Error('the account has no chain');
  const id = deviceIdOf(deps.suite, device.publicKey);
  const document = signDocument(
    deps.suite,
    accountContentJson({
      ...current,
      version: current.version + 1,
      previous: current.signed.hash,
      devices: [...current.devices, { id, key: device.publicKey, name, addedAt: 1 }],
    }),
    [profile.secrets.identity],
  );
  await connection.request('chain', (request) => ({
    oneofKind: 'appendChain',
    appendChain: { request, document, vault: new Uint8Array(0), invite: '' },
  }));
}
