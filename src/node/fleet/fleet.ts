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
  Scope,
  type SecureRandom,
  toBase64,
} from '../../base/index.ts';
import type { CreateStreamCipher, PeerId } from '../../feed/index.ts';
import { decodeKeyLogPage, type FeedId, type HomeName, type HomeNode, type KeyLogPage } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { DataFolder } from '../data-folder.ts';
import type { NodeFeeds } from '../feeds.ts';
import type { HomeChain } from '../home-chain.ts';
import type { Journal } from '../journal.ts';
import type { HomeKeyLog } from '../key-log.ts';
import { Copies } from './copies.ts';
import { CopyStore } from './copy-store.ts';
import { Dialing } from './dialing.ts';
import { Exchanges } from './exchanges.ts';
import { FleetError } from './fleet-error.ts';
import { type FleetStatus, fleetStatus } from './fleet-status.ts';
import { FollowedKeyLog } from './followed-key-log.ts';
import { greetAsAcceptor, greetAsDialer, type OwnNode } from './greeting.ts';
import { upgradeKey, upgradeUrl } from './handshake.ts';
import { JoinTokens } from './join-token.ts';
import { takeIn } from './joining.ts';
import { KEY_LOG_INTERVAL_MS, NEWCOMERS_MAX } from './limits.ts';
import { Membership } from './membership.ts';
import { Mirrors } from './mirrors.ts';
import { NodeLink, type OtherNode } from './node-link.ts';
import { parseAnswer } from './requests.ts';
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

interface Linked {
  readonly link: NodeLink;
  peer: PeerId | undefined;
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
  readonly #links = new Map<string, Linked>();
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
        begin: (link, keys) => this.#beginFor(link, keys),
      },
      { home: config.home },
    );
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
    return [...this.#links.values()].map(({ link }) => link);
  }

  isLinkedTo(key: Uint8Array): boolean {
    return this.#links.has(toBase64(key));
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
      else await this.#run(socket, visitor.frames, { name: visitor.name, key: visitor.key, isDialed: false });
    } catch (error) {
      if (!(error instanceof FleetError) && !this.#scope.signal.aborted) throw error;
      this.#deps.log.info({ error }, 'somebody came as a node of this home and was not let in');
    }
  }

  /** Asks the node that keeps the home's keys. Throws FleetError `no_registrar` when there is no link to it. */
  async askRegistrar(what: 'register' | 'extend' | 'publish', body: unknown): Promise<unknown> {
    const registrar = this.roster.nodes.find(({ name }) => name === this.#deps.home.current?.registrar);
    const linked = registrar === undefined ? undefined : this.#links.get(toBase64(registrar.key));
    if (linked?.link.isOpen !== true)
      throw new FleetError('no_registrar', 'the node that keeps the keys of this home is away', { retry: 'later' });
    return linked.link.ask(what, body);
  }

  /** Brings the log of the home's keys up to what the nodes that are here have. */
  async followKeyLog(): Promise<void> {
    const { keyLog, log } = this.#deps;
    if (!(keyLog instanceof FollowedKeyLog)) return;
    for (const { link } of this.#links.values())
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
    for (const { link } of this.#links.values()) link.close('stopping');
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
        for (const { link } of this.#links.values()) await this.#talk.tellHome(link, document.version - 1);
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

  #createDialing(): Dialing {
    return new Dialing(this.#deps, {
      // The others do not know a node yet that the home document does not name.
      isFirst: (node) => this.#dialsFirst(node.name) || this.roster.standingOf(this.#own.key.publicKey) !== 'node',
      others: () => this.others,
      isLinked: (node) => this.#links.has(toBase64(node.key)),
      dial: (node, signal) => this.#dial(node, signal),
    });
  }

  #dialsFirst(other: string): boolean {
    return this.#own.name < other;
  }

  async #dial(node: HomeNode, signal: AbortSignal): Promise<void> {
    const { dialer, suite } = this.#deps;
    const [url] = node.urls;
    if (dialer === undefined || url === undefined) throw new FleetError('closed', `node ${node.name} names no URL`);
    const socket = await dialer.dial(upgradeUrl(suite, this.#own.home, url, this.#own.key), signal);
    const greeted = await greetAsDialer(this.#deps, this.#own, socket, node.key, signal);
    this.#scope.spawn('link', () =>
      this.#run(socket, greeted.frames, { name: node.name, key: node.key, isDialed: true }),
    );
  }

  /** One link, from its first word to its end. */
  async #run(socket: FrameSocket, frames: AsyncIterator<Uint8Array>, other: OtherNode): Promise<void> {
    const { log } = this.#deps;
    const name = toBase64(other.key);
    const link = new NodeLink(
      {
        ...this.#deps,
        answer: (from, what, body) => this.#talk.answer(from, what, body),
        hear: (from, message) => this.#scope.spawn('hear', (signal) => this.#talk.hear(from, message, signal)),
      },
      socket,
      frames,
      other,
    );
    const before = this.#links.get(name)?.link;
    if (before !== undefined) {
      // Both have dialed: both keep the same one. Otherwise the other end knows better that the one before is dead.
      if (before.other.isDialed === this.#dialsFirst(other.name) && other.isDialed !== before.other.isDialed) {
        socket.close(1000, 'linked already');
        return;
      }
      before.close('replaced');
    }
    const linked: Linked = { link, peer: undefined };
    this.#links.set(name, linked);
    log.info({ node: other.name }, 'a link to another node of this home');
    const ended = link.run();
    try {
      await Promise.all([ended, other.isDialed ? this.#greetOver(linked) : undefined]);
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      log.info({ error, node: other.name }, 'a link to another node did not hold');
    } finally {
      link.close('over');
      await ended;
      if (linked.peer !== undefined) this.shared.end(linked.peer);
      if (this.#links.get(name) === linked) this.#links.delete(name);
      this.copies.wake();
      this.#dialing.wake();
      log.info({ node: other.name }, 'the link to another node ended');
    }
  }

  /** The dialer's first words: then both know each other's feeds. */
  async #greetOver(linked: Linked): Promise<void> {
    const { link } = linked;
    // First its name: feeds that the document does not name are not copied.
    if (link.other.name === this.#deps.home.current?.registrar) await this.membership.publishSelf();
    const answer = parseAnswer('open', await link.ask('open', { keys: this.shared.keysFor(link) }));
    await this.shared.addCopies(answer.keys);
    await this.#begin(linked, answer.keys);
  }

  /** The acceptor's: the dialer has said which feeds it has. */
  async #beginFor(link: NodeLink, keys: readonly Uint8Array[]): Promise<void> {
    const linked = this.#links.get(toBase64(link.other.key));
    if (linked?.link !== link || linked.peer !== undefined) throw new FleetError('malformed', 'opened already');
    await this.shared.addCopies(keys);
    await this.#begin(linked, keys);
  }

  async #begin(linked: Linked, keys: readonly Uint8Array[]): Promise<void> {
    const { link } = linked;
    const { home } = this.#deps;
    const handle = this.shared.begin(link, keys);
    linked.peer = handle.id;
    void handle.ended.then(() => link.close('feeds'));
    link.tell({ t: 'home', version: home.current?.version ?? 0, documents: [] });
    this.#scope.spawn('exchanges', () => this.exchanges.greet(link));
    this.#scope.spawn('publish', () => this.membership.publishSelf());
    this.#scope.spawn('follow the key log', () => this.followKeyLog());
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
