/**
 * The nodes of a home, as one of them sees them: a link to each that is there, over which they copy each other's feeds, tell
 * what is on their disks, and ask the registrar for what it alone may do. What is here is durable elsewhere; a link that
 * ends is made again and goes on where the feeds are.
 */
import {
  type Clock,
  type CryptoSuite,
  type Dialer,
  type FrameSocket,
  type Log,
  readUint32,
  Scope,
  type SecureRandom,
  SeededPrng,
  toBase64,
} from '../../base/index.ts';
import type { BlockClaim, CreateStreamCipher } from '../../feed/index.ts';
import { decodeKeyLogPage, type FeedId, type HomeName, type HomeNode, type KeyLogPage } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { DataFolder } from '../data-folder.ts';
import type { NodeFeeds } from '../feeds.ts';
import type { HomeChain } from '../home-chain.ts';
import type { Journal } from '../journal.ts';
import type { HomeKeyLog } from '../key-log.ts';
import type { Room } from '../room.ts';
import { Copies } from './copies.ts';
import { CopyStore } from './copy-store.ts';
import { Dialing } from './dialing.ts';
import { Exchanges } from './exchanges.ts';
import { FleetError } from './fleet-error.ts';
import { type FleetStatus, fleetStatus } from './fleet-status.ts';
import { FollowedKeyLog } from './followed-key-log.ts';
import { greetAsAcceptor, type OwnNode } from './greeting.ts';
import { upgradeKey } from './handshake.ts';
import { JoinTokens } from './join-token.ts';
import { takeIn } from './joining.ts';
import { KEY_LOG_INTERVAL_MS, NEWCOMERS_MAX } from './limits.ts';
import { Links } from './links.ts';
import { Membership } from './membership.ts';
import { Mirrors } from './mirrors.ts';
import type { NodeLink } from './node-link.ts';
import { parseAnswer, type RegistrarRequest } from './requests.ts';
import { Roster } from './roster.ts';
import { SharedFeeds } from './shared-feeds.ts';
import { type RegistrarDuties, Talk } from './talk.ts';
import { Waits } from './waits.ts';

export interface FleetDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  readonly log: Log;
  readonly store: Store;
  readonly folder: DataFolder;
  readonly feeds: NodeFeeds;
  readonly journal: Journal;
  readonly home: HomeChain;
  readonly keyLog: HomeKeyLog;
  readonly room: Pick<Room, 'isLow'>;
  readonly createCipher: CreateStreamCipher;
  /** undefined: this node reaches no other, as when a command opens its folder. */
  readonly dialer: Dialer | undefined;
}

export interface FleetEvents {
  /** The registrar, or its log of keys, is another than when this node was opened, or this node was removed. */
  readonly onRoleChanged: (why: string) => void;
  /** Feeds were left to this node: what they have for other homes is to be sent. */
  readonly onInherited: () => void;
  /** Of another node's outbox for this home bodies may be awaited no more. */
  readonly onAnswered: (home: HomeName) => void;
  /** A feed of ours was signed for beyond what is here: this node was restored. */
  readonly onBeyond: (feed: FeedId) => void;
}

export class Fleet implements AsyncDisposable {
  readonly roster: Roster;
  readonly copies: Copies;
  readonly tokens: JoinTokens;
  readonly membership: Membership;
  readonly waits: Waits;
  readonly exchanges: Exchanges;
  readonly mirrors: Mirrors;
  readonly shared: SharedFeeds;
  duties: RegistrarDuties | undefined;
  readonly #deps: FleetDeps;
  readonly #own: OwnNode;
  readonly #events: FleetEvents;
  readonly #scope: Scope;
  readonly #links: Links;
  readonly #dialing: Dialing;
  readonly #talk: Talk;
  #isReady: boolean;
  /** Connections that have not said yet who they are. */
  #newcomers = 0;

  private constructor(deps: FleetDeps, events: FleetEvents, roster: Roster, mirrors: Mirrors) {
    this.mirrors = mirrors;
    this.#deps = deps;
    this.#events = events;
    this.roster = roster;
    const isAlone = roster.nodes.every(({ name }) => name === deps.folder.config.node);
    this.#isReady = isAlone || deps.feeds.current.length > 0;
    const { config, nodeKey } = deps.folder;
    this.#own = { home: config.home, name: config.node, key: nodeKey };
    this.copies = new Copies(deps.clock);
    this.tokens = new JoinTokens({ ...deps, now: () => deps.clock.now() });
    this.membership = new Membership(
      {
        ...deps,
        ...events,
        roster,
        isLinkedTo: (key) => this.isLinkedTo(key),
        askRegistrar: (what, body) => this.askRegistrar(what, body),
      },
      this.#own,
    );
    this.waits = new Waits({
      ...deps,
      copies: this.copies,
      roster,
      others: () => this.others,
      links: () => this.links,
    });
    this.exchanges = new Exchanges({ ...deps, ...events, copies: this.copies, roster, links: () => this.links });
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'a task of the fleet failed'));
    this.shared = new SharedFeeds({
      ...deps,
      copyStore: new CopyStore({ ...deps, followKeyLog: () => this.followKeyLog() }),
      roster,
      copies: this.copies,
      links: () => this.links,
      onBeyond: events.onBeyond,
      onCopied: () => this.membership.inherit(),
      onComplete: () => {
        this.#isReady = true;
      },
    });
    this.#talk = new Talk(
      {
        ...deps,
        roster,
        copies: this.copies,
        membership: this.membership,
        shared: this.shared,
        exchanges: this.exchanges,
        duties: () => this.duties,
        begin: (link, keys) => this.#links.beginFor(link, keys),
      },
      { home: config.home },
    );
    this.#links = this.#createLinks();
    this.#dialing = this.#createDialing();
  }

  static async open(deps: FleetDeps, events: FleetEvents): Promise<Fleet> {
    const roster = await Roster.open(deps);
    const isAlone = roster.nodes.every(({ name }) => name === deps.folder.config.node);
    if (!isAlone) await deps.feeds.keepEndedAsCopies();
    const fleet = new Fleet(deps, events, roster, await Mirrors.open(deps));
    await fleet.membership.inherit();
    fleet.#start();
    return fleet;
  }

  /** The other nodes of the home. */
  get others(): readonly HomeNode[] {
    return this.roster.nodes.filter(({ name }) => name !== this.#own.name);
  }

  get links(): readonly NodeLink[] {
    return this.#links.all;
  }

  isLinkedTo(key: Uint8Array): boolean {
    return this.#links.of(key) !== undefined;
  }

  /** Whether clients may follow their mail here: not at a node that has just joined, or was
   * restored, until it has what the others have. */
  get isReady(): boolean {
    return this.#isReady || this.others.length === 0;
  }

  status(): FleetStatus {
    return fleetStatus(this, this.#deps);
  }

  /** Lets one node in, within the hour. Throws FleetError `not_here` at a node that is not the registrar. */
  async createToken(): Promise<string> {
    if (this.membership.isRegistrar) return this.tokens.create();
    throw new FleetError('not_here', `node ${this.#deps.home.current?.registrar} takes nodes in`, {
      fix: 'Make the token there.',
    });
  }

  /**
   * Whether an upgrade may become a link: its query is signed by a key that this home names or named. Without a key somebody
   * comes with a token; of those there are few at once.
   */
  mayLink(target: URL, authorization: string | undefined): boolean {
    if (authorization !== undefined) return this.mirrors.nameOf(authorization) !== undefined;
    if (!target.searchParams.has('node')) return this.#newcomers < NEWCOMERS_MAX;
    const key = upgradeKey(this.#deps.suite, this.#own.home, target);
    return key !== undefined && this.roster.standingOf(key) !== 'stranger';
  }

  /** Serves a connection that another node, or a newcomer, has opened. */
  async serve(socket: FrameSocket, authorization?: string): Promise<void> {
    const mirror = this.mirrors.nameOf(authorization);
    if (mirror !== undefined) return this.mirrors.serve(mirror, socket, this.shared);
    try {
      const isKnown = (key: Uint8Array): boolean => this.roster.standingOf(key) !== 'stranger';
      this.#newcomers += 1;
      const greeted = greetAsAcceptor(this.#deps, this.#own, socket, isKnown, this.#scope.signal);
      const visitor = await greeted.finally(() => {
        this.#newcomers -= 1;
      });
      if (visitor.kind === 'newcomer') await takeIn(this.#joinDeps, socket, visitor);
      else await this.#links.run(socket, visitor.frames, { name: visitor.name, key: visitor.key, isDialed: false });
    } catch (error) {
      if (!(error instanceof FleetError) && !this.#scope.signal.aborted) throw error;
      this.#deps.log.info({ error }, 'somebody came as a node of this home and was not let in');
    }
  }

  /** Asks the node that keeps the home's keys. Throws FleetError `no_registrar` when there is no link to it. */
  async askRegistrar(what: RegistrarRequest, body: unknown): Promise<unknown> {
    const registrar = this.roster.nodes.find(({ name }) => name === this.#deps.home.current?.registrar);
    const link = registrar === undefined ? undefined : this.#links.of(registrar.key);
    if (link?.isOpen !== true)
      throw new FleetError('no_registrar', 'the node that keeps the keys of this home is away', { retry: 'later' });
    return link.ask(what, body);
  }

  /** A block of a feed, of one node after the other that is linked and has it: not judged yet. */
  async *blocksElsewhere(feed: FeedId, index: number): AsyncGenerator<BlockClaim> {
    for (const link of this.links)
      try {
        const { block, nodes } = parseAnswer('block', await link.ask('block', { feed, index }));
        yield { index, block, nodes, signature: undefined };
      } catch (error) {
        if (!(error instanceof FleetError)) throw error;
        this.#deps.log.info({ error, node: link.other.name, feed, index }, 'a node did not give a block');
      }
  }

  /** Brings the log of the home's keys up to what the nodes that are here have. */
  async followKeyLog(): Promise<void> {
    const { keyLog, log } = this.#deps;
    if (!(keyLog instanceof FollowedKeyLog)) return;
    for (const link of this.links)
      try {
        await keyLog.follow(async (after): Promise<KeyLogPage> => {
          const { page } = parseAnswer('keyLog', await link.ask('keyLog', { after }));
          return decodeKeyLogPage(page);
        });
      } catch (error) {
        log.info({ error, node: link.other.name }, 'the log of the keys was not got from another node');
      }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.waits.end();
    this.#links.close();
    await this.#scope[Symbol.asyncDispose]();
    await this.shared[Symbol.asyncDispose]();
  }

  #start(): void {
    const { feeds, home, journal } = this.#deps;
    const keyLog = toBase64(this.#deps.keyLog.publicKey);
    feeds.setEnded(this.roster.endedFeeds);
    home.events.on('changed', (document) => {
      this.#scope.spawn('home changed', async () => {
        await this.roster.refresh();
        feeds.setEnded(this.roster.endedFeeds);
        await this.membership.inherit();
        this.shared.tellFeeds();
        this.#dialing.wake();
        for (const link of this.links) await this.#talk.tellHome(link, document.version - 1);
        // Each registrar writes a log of its own.
        if (toBase64(document.keyLog) !== keyLog) this.#events.onRoleChanged('the home has another registrar');
        else if (this.membership.isRemoved) this.#events.onRoleChanged('this node was removed from its home');
      });
    });
    journal.events.on('committed', ({ entries }) => {
      if (entries[0]?.feed === feeds.current.id) this.shared.announce();
    });
    journal.events.on('cleared', ({ feed, index }) => this.shared.announceCleared(feed, index));
    if (this.#deps.dialer !== undefined) this.#scope.spawn('dialing', (signal) => this.#dialing.run(signal));
    this.#scope.spawn('exchanges', (signal) => this.exchanges.run(signal));
    if (this.#deps.keyLog instanceof FollowedKeyLog)
      this.#scope.spawn('key log', (signal) => this.#watchKeyLog(signal));
  }

  async #watchKeyLog(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.followKeyLog();
      await this.#deps.clock.sleep(KEY_LOG_INTERVAL_MS, signal);
    }
  }

  #createLinks(): Links {
    return new Links(
      {
        ...this.#deps,
        scope: this.#scope,
        copies: this.copies,
        membership: this.membership,
        shared: this.shared,
        talk: () => this.#talk,
        onBegun: (link) => {
          this.#scope.spawn('exchanges', () => this.exchanges.greet(link));
          this.#scope.spawn('publish', () => this.membership.publishSelf());
          this.#scope.spawn('follow the key log', () => this.followKeyLog());
        },
        onEnded: () => this.#dialing.wake(),
      },
      this.#own,
    );
  }

  #createDialing(): Dialing {
    const prng = new SeededPrng(readUint32(this.#deps.random.bytes(4), 0));
    return new Dialing(
      { ...this.#deps, prng },
      {
        // The others do not know a node yet that the home document does not name.
        isFirst: ({ name }) =>
          this.#links.dialsFirst(name) || this.roster.standingOf(this.#own.key.publicKey) !== 'node',
        others: () => this.others,
        isLinked: ({ key }) => this.isLinkedTo(key),
        dial: (node, signal) => this.#links.dial(node, signal),
      },
    );
  }

  get #joinDeps(): Parameters<typeof takeIn>[0] {
    return {
      ...this.#deps,
      own: this.#own,
      roster: this.roster,
      tokens: this.tokens,
      isRegistrar: this.membership.isRegistrar,
      isThere: (name) => name === this.#own.name || this.links.some(({ other }) => other.name === name),
    };
  }
}
