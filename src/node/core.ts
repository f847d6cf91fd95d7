/**
 * A node without its doors: the folder, the store, the feeds and all that works on them. It serves any FrameSocket, so
 * tests and simulations run the real thing with the wire cut.
 */
import {
  type Clock,
  type CryptoSuite,
  type Dialer,
  type FrameSocket,
  type Log,
  Scope,
  type SecureRandom,
  type SignatureChecker,
} from '../base/index.ts';
import type { Conversations, Messaging } from '../federation/index.ts';
import { createSodiumStreamCipher } from '../feed/node/index.ts';
import { EntryKind, type FeedId, type FeedState, type HomeName, parseAccountDocument } from '../protocol/index.ts';
import type { Abroad } from './abroad.ts';
import { Accounts, type Registration } from './accounts.ts';
import { AwaitedBodies } from './awaited-bodies.ts';
import { BlobSweep } from './blob-sweep.ts';
import { DataFolder } from './data-folder.ts';
import type { Doorway } from './doorway.ts';
import { type FeedsDeps, NodeFeeds, retireFeed } from './feeds.ts';
import { Fleet } from './fleet/index.ts';
import type { FoldedEntry } from './fold.ts';
import type { Gathering } from './gathering.ts';
import { HomeChain } from './home-chain.ts';
import type { Intake } from './intake.ts';
import { Journal } from './journal.ts';
import { type HomeKeyLog, retireKeyLog } from './key-log.ts';
import type { Letters } from './letters.ts';
import { DISK_RESERVE_SHARE, type NodeLimits } from './limits.ts';
import type { HomePeople } from './local-people.ts';
import type { Metrics } from './metrics.ts';
import { type NodeStore, openNodeStore } from './node-store.ts';
import { openKeyLog } from './open-key-log.ts';
import type { NodeOperator } from './operator.ts';
import type { Remote } from './remote.ts';
import { Retention } from './retention.ts';
import { type Disk, Room } from './room.ts';
import { createServices, type Parts } from './services.ts';
import { Session, type SessionDeps } from './session.ts';
import type { Sessions } from './sessions.ts';
import { openSpeaking } from './speaking.ts';
import { StatfsDisk } from './statfs-disk.ts';

export interface CoreDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  /** For the signatures of submits. The core does not close it. */
  readonly signatures: SignatureChecker;
  readonly log: Log;
  readonly metrics: Metrics;
  /** undefined: this node speaks with no other home, as when a command opens its folder. */
  readonly abroad: Abroad | undefined;
  /** The way to the other nodes of the home; undefined: this node goes to none, as when a command opens its folder. */
  readonly nodes?: Dialer | undefined;
  /** Absent: the one that the folder is on. */
  readonly disk?: Disk;
  /** Who carries ordinary mail out; default: nobody. */
  readonly letters?: Letters;
}

export interface CoreOptions {
  readonly folder: string;
  /** The PostgreSQL database that has the rows, for a new folder or when it is elsewhere now. */
  readonly database?: string;
  readonly home?: HomeName;
  readonly nodeName?: string;
  readonly registration: Registration;
  readonly limits: NodeLimits;
  /** A client proved that this node was restored from an older state: its feed is retired already, open a new core. */
  readonly onFeedRetired: () => void;
  /** This node has become the registrar of its home, or is it no more, or was removed: open a new core. */
  readonly onRoleChanged?: () => void;
  /** On how many disks an entry is before its receipt says so, this node's included. */
  readonly durability?: number;
}

export class Core implements AsyncDisposable {
  readonly folder: DataFolder;
  readonly home: HomeChain;
  readonly operator: NodeOperator;
  readonly accounts: Accounts;
  readonly journal: Journal;
  readonly retention: Retention;
  readonly sessions: Sessions;
  readonly feeds: NodeFeeds;
  readonly keyLog: HomeKeyLog;
  /** The other nodes of the home. */
  readonly fleet: Fleet;
  /** What people of this and other homes say to each other, folded. */
  readonly conversations: Conversations;
  readonly messaging: Messaging | undefined;
  readonly people: HomePeople;
  /** For a door to the world's mail. */
  readonly doorway: Doorway;
  readonly #deps: CoreDeps;
  readonly #options: CoreOptions;
  readonly store: NodeStore;
  readonly room: Room;
  readonly #awaited: AwaitedBodies;
  readonly #gathering: Gathering;
  /** Of large attachments. */
  readonly blobSweep: BlobSweep;
  readonly #intake: Intake;
  readonly #scope: Scope;
  readonly #sessionDeps: SessionDeps;
  readonly #served = new Set<Promise<void>>();
  #nextSession = 0;

  private constructor(deps: CoreDeps, options: CoreOptions, parts: Parts) {
    this.#deps = deps;
    this.#options = options;
    this.folder = parts.folder;
    this.home = parts.home;
    this.accounts = parts.accounts;
    this.journal = parts.journal;
    this.retention = parts.retention;
    this.feeds = parts.feeds;
    this.keyLog = parts.keyLog;
    this.fleet = parts.fleet;
    this.conversations = parts.conversations;
    this.messaging = parts.messaging;
    this.people = parts.people;
    this.#gathering = parts.gathering;
    const { store, held, folder } = parts;
    this.#awaited = new AwaitedBodies(
      {
        ...deps,
        store,
        feeds: parts.feeds.all,
        outbox: held,
        onCleared: (place) => parts.journal.events.emit('cleared', place),
      },
      folder.config,
    );
    this.blobSweep = new BlobSweep({ ...deps, store, feeds: parts.feeds.all }, folder.config);
    this.store = parts.store;
    this.room = parts.room;
    const services = createServices(deps, options, parts, (feed) => this.#retire(feed, parts.feedsDeps));
    this.sessions = services.sessions;
    this.operator = services.operator;
    this.doorway = services.doorway;
    this.#intake = services.intake;
    this.#sessionDeps = { ...deps, ...services, nodeKey: parts.folder.nodeKey };
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'a task of the node failed'));
  }

  static async open(deps: CoreDeps, options: CoreOptions): Promise<Core> {
    const folder = await DataFolder.open(deps, options.folder, {
      ...(options.home === undefined ? {} : { home: options.home }),
      ...(options.nodeName === undefined ? {} : { node: options.nodeName }),
    });
    const store = await openNodeStore(deps, folder, options.database);
    let opened: Core | undefined;
    try {
      const room = await openRoom(deps, folder, options.limits);
      const feedsDeps = { suite: deps.suite, random: deps.random, store, folder, log: deps.log };
      const feeds = await NodeFeeds.open(feedsDeps);
      const keyLog = await openKeyLog(feedsDeps);
      const own = { home: folder.config.home, feed: feeds.current, feeds: feeds.all };
      const journal = new Journal({ ...deps, ...own, store, keyLog });
      // What a salvage left to be folded again, before anybody asks for it.
      for (const log of feeds.all.values()) await journal.foldOn(log);
      const accounts = await Accounts.open(
        { suite: deps.suite, store, journal, homeKey: folder.homeKey },
        { home: folder.config.home, registration: options.registration },
      );
      const home = await HomeChain.open({ ...deps, store, journal, homeKey: folder.homeKey, keyLog: keyLog.publicKey });
      const retention = await Retention.open({ ...deps, store, journal, accounts, ours: feeds.ours });
      const fleet = await Fleet.open(
        {
          ...deps,
          store,
          folder,
          feeds,
          journal,
          home,
          keyLog,
          room,
          createCipher: createSodiumStreamCipher,
          dialer: deps.nodes,
        },
        {
          onRoleChanged: (why) => {
            deps.log.warn({ why }, 'the node is opened again');
            options.onRoleChanged?.();
          },
          onBeyond: (feed) => (opened === undefined ? undefined : opened.#retire(feed, feedsDeps)),
          onInherited: () => opened?.messaging?.inherited(),
          onAnswered: (of) => opened?.lookAfterBodies(of),
        },
      );
      const base = { folder, store, feedsDeps, feeds, keyLog, journal, accounts, home, retention, fleet, room };
      const core = new Core(deps, options, { ...base, ...(await openSpeaking(deps, base, options)) });
      opened = core;
      core.#start();
      await fleet.membership.takeOver();
      return core;
    } catch (error) {
      await store[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Names this node in the home document, under these URLs. */
  async publish(urls: readonly string[]): Promise<void> {
    const { config, nodeKey } = this.folder;
    const { current, ours } = this.feeds;
    const retired = [...ours].filter((feed) => feed !== current.id);
    const node = { name: config.node, key: nodeKey.publicKey, urls, feed: current.id, retired };
    await this.fleet.membership.publish(node);
  }

  /** Serves a connection of another node of the home until it ends. */
  async serveNode(socket: FrameSocket, authorization?: string): Promise<void> {
    const served = this.fleet.serve(socket, authorization).finally(() => this.#served.delete(served));
    this.#served.add(served);
    await served;
  }

  /** Serves one client connection until it ends; says when the other end has proven who it is. */
  async serve(socket: FrameSocket, remote: Remote, onAuthenticated: () => void = () => {}): Promise<void> {
    if (this.#scope.signal.aborted) {
      socket.close(1012, 'stopping');
      return;
    }
    const session = new Session(
      this.#sessionDeps,
      {
        id: this.#nextSession++,
        home: this.folder.config.home,
        remote,
        registration: this.#options.registration,
        heartbeatMs: this.#options.limits.heartbeatMs,
        feeds: () => this.#feedStates(),
        isReady: () => this.fleet.isReady,
        onAuthenticated,
      },
      socket,
    );
    const served = session.run().finally(() => this.#served.delete(served));
    this.#served.add(served);
    await served;
  }

  /** What is not well; empty when all is. */
  async health(): Promise<readonly string[]> {
    try {
      await this.store.get(Uint8Array.of(0));
      return this.room.problem === undefined ? [] : [this.room.problem];
    } catch (error) {
      this.#deps.log.error({ error }, 'the store does not answer');
      return ['the store does not answer'];
    }
  }

  /** What other homes are served by: a node that its home goes on without takes nothing, so that they turn to another. */
  get outside(): Messaging | undefined {
    return this.fleet.membership.isRemoved ? undefined : this.messaging;
  }

  /** Another node's mail for a home was answered for. */
  lookAfterBodies(of: HomeName): void {
    this.#scope.spawn('awaited bodies', (signal) => this.#awaited.sweepOf(of, signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.messaging?.[Symbol.asyncDispose]();
    await this.#gathering[Symbol.asyncDispose]();
    this.fleet.waits.end();
    // Intake first: what it accepted is written and answered while the sessions are still there.
    await this.#scope[Symbol.asyncDispose]();
    this.sessions.closeAll('stopping', 'this node stops; it or another will be there soon');
    await this.fleet[Symbol.asyncDispose]();
    await Promise.all(this.#served);
    await this.store[Symbol.asyncDispose]();
  }

  #start(): void {
    this.sessions.attach(this.journal);
    this.journal.events.on('committed', ({ entries }) => this.#takeChains(entries));
    this.#scope.spawn('intake', (signal) => this.#intake.run(signal));
    this.#scope.spawn('sweep', (signal) => this.sessions.sweep(signal));
    this.#scope.spawn('heartbeat', (signal) => this.sessions.heartbeat(signal));
    this.#scope.spawn('retention', (signal) => this.retention.run(signal));
    this.#scope.spawn('awaited bodies', (signal) => this.#awaited.run(signal));
    this.#scope.spawn('room', (signal) => this.room.run(signal));
    this.#scope.spawn('blobs', (signal) => this.blobSweep.run(signal));
  }

  /** Accounts that changed at another node: who was revoked there is cut here. */
  #takeChains(entries: readonly FoldedEntry[]): void {
    for (const { feed, header } of entries) {
      if (header.kind !== EntryKind.ACCOUNT || feed === this.feeds.current.id) continue;
      const { address } = parseAccountDocument(this.#deps.suite, header.document);
      this.accounts.forget(address);
      this.#scope.spawn('account', async () => {
        const account = await this.accounts.find(address);
        if (account !== undefined) this.sessions.keepOnly(account);
      });
    }
  }

  #feedStates(): FeedState[] {
    return [...this.feeds.all].map(([feed, log]) => ({
      feed: log.discoveryKey,
      length: log.length,
      retired: this.feeds.isRetired(feed),
    }));
  }

  #retire(feed: FeedId, feedsDeps: FeedsDeps): void {
    if (feed !== this.feeds.current.id) return;
    this.#deps.log.error(
      { feed },
      'a client holds a head of this node beyond its own: the node was restored, its feed ends',
    );
    this.#scope.spawn('retire', async () => {
      await retireFeed(feedsDeps, feed);
      await retireKeyLog(feedsDeps);
      this.#options.onFeedRetired();
    });
  }
}

/** Of a database server's disk nothing is known before it is full. */
async function openRoom(deps: CoreDeps, folder: DataFolder, { diskReserveBytes }: NodeLimits): Promise<Room> {
  const disk = deps.disk ?? (folder.database === undefined ? new StatfsDisk(folder.path) : undefined);
  const options = { reserveBytes: diskReserveBytes, reserveShare: DISK_RESERVE_SHARE };
  const room = new Room({ ...deps, disk }, options);
  await room.look();
  return room;
}
