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
  fromHex,
  fromUtf8,
  type Log,
  Scope,
  type SecureRandom,
  toBase64,
  utf8,
} from '../../base/index.ts';
import { type CreateStreamCipher, discoveryKeyOf, type FeedLog, type PeerId, Synchronizer } from '../../feed/index.ts';
import {
  decodeKeyLogPage,
  encodeKeyLogPage,
  type FeedId,
  feedIdOf,
  type HomeNode,
  type KeyLogPage,
} from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { DataFolder } from '../data-folder.ts';
import type { NodeFeeds } from '../feeds.ts';
import type { HomeChain } from '../home-chain.ts';
import type { Journal } from '../journal.ts';
import type { HomeKeyLog } from '../key-log.ts';
import { TAKE_OVER } from '../view-keys.ts';
import type { ControlMessage } from './control-message.ts';
import { Copies } from './copies.ts';
import { CopyStore } from './copy-store.ts';
import { Dialing } from './dialing.ts';
import { FleetError } from './fleet-error.ts';
import { type FleetStatus, fleetStatus } from './fleet-status.ts';
import { FollowedKeyLog } from './followed-key-log.ts';
import { greetAsAcceptor, greetAsDialer, type OwnNode } from './greeting.ts';
import { upgradeKey, upgradeUrl } from './handshake.ts';
import { JoinTokens } from './join-token.ts';
import { takeIn } from './joining.ts';
import { CATCH_UP_MS, DURABILITY_TIMEOUT_MS, KEY_LOG_INTERVAL_MS, NEWCOMERS_MAX } from './limits.ts';
import { NodeLink, type OtherNode } from './node-link.ts';
import { type AnswerOf, isRequest, parseAnswer, parseRequest, type RequestOf } from './requests.ts';
import { Roster } from './roster.ts';

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

/** What the registrar does for the other nodes. */
export interface RegistrarDuties {
  register(request: RequestOf<'register'>): Promise<AnswerOf<'register'>>;
  extend(request: RequestOf<'extend'>): Promise<AnswerOf<'register'>>;
}

export interface FleetEvents {
  /** The registrar, or its log of keys, is another than when this node was opened, or this node was removed. */
  readonly onRoleChanged: (why: string) => void;
  /** Feeds were left to this node: what they have for other homes is to be sent. */
  readonly onInherited: () => void;
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
  readonly synchronizer: Synchronizer;
  duties: RegistrarDuties | undefined;
  readonly #deps: FleetDeps;
  readonly #own: OwnNode;
  readonly #events: FleetEvents;
  readonly #scope: Scope;
  readonly #links = new Map<string, Linked>();
  readonly #dialing: Dialing;
  readonly #shared = new Set<FeedId>();
  /** Aborted when nobody is to wait for other nodes any more. */
  readonly #waits = new AbortController();
  #self: HomeNode | undefined;
  #isReady: boolean;
  /** Another node has told how far it knows the home's chain since this one was opened. */
  #isConfirmed = false;
  /** Connections that have not said yet who they are. */
  #newcomers = 0;

  private constructor(deps: FleetDeps, events: FleetEvents, roster: Roster) {
    this.#deps = deps;
    this.#events = events;
    this.roster = roster;
    this.#isReady = deps.feeds.current.length > 0 || roster.nodes.length === 0;
    const { config, nodeKey } = deps.folder;
    this.#own = { home: config.home, name: config.node, key: nodeKey };
    this.copies = new Copies(deps.clock);
    this.tokens = new JoinTokens({ ...deps, now: () => deps.clock.now() });
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'a task of the fleet failed'));
    const store = new CopyStore({
      ...deps,
      followKeyLog: () => this.followKeyLog(),
    });
    this.synchronizer = new Synchronizer({ ...deps, store, dialer: undefined });
    this.#dialing = new Dialing(deps, {
      // The others do not know a node yet that the home document does not name.
      isFirst: (node) => this.#dialsFirst(node.name) || roster.standingOf(nodeKey.publicKey) !== 'node',
      others: () => this.others,
      isLinked: (node) => this.#links.has(toBase64(node.key)),
      dial: (node, signal) => this.#dial(node, signal),
    });
  }

  static async open(deps: FleetDeps, events: FleetEvents): Promise<Fleet> {
    const fleet = new Fleet(deps, events, await Roster.open(deps));
    fleet.#start();
    return fleet;
  }

  /** The other nodes of the home. */
  get others(): readonly HomeNode[] {
    return this.roster.nodes.filter(({ name }) => name !== this.#own.name);
  }

  get isRegistrar(): boolean {
    const { current } = this.#deps.home;
    return current === undefined || current.registrar === this.#own.name;
  }

  /**
   * Whether this node may sign for the home now. A registrar that was away may have been replaced: after a start it asks
   * another node first. (A home of one node has nobody to ask.)
   */
  get mayActAsRegistrar(): boolean {
    return this.isRegistrar && (this.#isConfirmed || this.others.length === 0);
  }

  /** The home names this node no more: what it wrote travels on, and it takes nothing new. */
  get isRemoved(): boolean {
    return this.roster.standingOf(this.#own.key.publicKey) === 'former';
  }

  get links(): readonly NodeLink[] {
    return [...this.#links.values()].map(({ link }) => link);
  }

  isLinkedTo(key: Uint8Array): boolean {
    return this.#links.has(toBase64(key));
  }

  /** Whether clients may follow their mail here: not at a node that has just joined, until it has what the others have. */
  get isReady(): boolean {
    this.#isReady ||= this.#links.size > 0 && [...this.#shared].every((feed) => this.synchronizer.isComplete(feed));
    return this.#isReady;
  }

  status(): FleetStatus {
    return fleetStatus(this, this.#deps);
  }

  /** Lets one node in, within the hour. Throws FleetError `not_here` at a node that is not the registrar. */
  async createToken(): Promise<string> {
    if (this.isRegistrar) return this.tokens.create();
    throw new FleetError('not_here', `node ${this.#deps.home.current?.registrar} takes nodes in`, {
      fix: 'Make the token there.',
    });
  }

  /**
   * Whether an upgrade may become a link: its query is signed by a key that this home names or named. Without a key somebody
   * comes with a token; of those there are few at once.
   */
  mayLink(target: URL): boolean {
    if (!target.searchParams.has('node')) return this.#newcomers < NEWCOMERS_MAX;
    const key = upgradeKey(this.#deps.suite, this.#own.home, target);
    return key !== undefined && this.roster.standingOf(key) !== 'stranger';
  }

  /** Serves a connection that another node, or a newcomer, has opened. */
  async serve(socket: FrameSocket): Promise<void> {
    const { log } = this.#deps;
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
      log.info({ error }, 'somebody came as a node of this home and was not let in');
    }
  }

  /** Names this node in the home document, by itself or by the registrar, now and whenever that is not so. */
  async publish(node: HomeNode): Promise<void> {
    this.#self = node;
    await this.#publishSelf();
  }

  /**
   * The home goes on without a node, and this one with what it had begun: the outboxes of its feeds, and, when it was the
   * registrar, the home's keys. Throws FleetError.
   */
  async remove(name: string): Promise<void> {
    const { home, store } = this.#deps;
    const gone = this.roster.nodes.find((node) => node.name === name);
    if (gone === undefined) throw new FleetError('not_a_node', `this home has no node ${name}`);
    if (name === this.#own.name)
      throw new FleetError('not_here', 'a node is removed by the one that takes its place', {
        fix: 'Stop this node, and remove it at another.',
      });
    if (home.current?.registrar !== name && !this.isRegistrar)
      throw new FleetError('not_here', `node ${home.current?.registrar} keeps the keys of this home`, {
        fix: 'Remove the node there.',
      });
    if (this.isRegistrar) {
      this.#isConfirmed = true; // by the operator
      await home.change(this.#own.home, () => this.#without(gone));
      return;
    }
    if (this.isLinkedTo(gone.key))
      throw new FleetError('refused', `node ${name} keeps the home's keys and runs: two must never sign`, {
        fix: 'Stop it first.',
      });
    // The log of keys is begun by opening anew; then the document names both.
    await store.transact((transaction) => transaction.put(TAKE_OVER, utf8(name)));
    this.#events.onRoleChanged(`this node takes the place of ${name}`);
  }

  /** What `remove` began before this node was opened anew as the registrar. */
  async takeOver(): Promise<void> {
    const { home, log, store } = this.#deps;
    const row = await store.get(TAKE_OVER);
    if (row === undefined) return;
    const gone = this.roster.nodes.find(({ name }) => name === fromUtf8(row));
    if (gone !== undefined) await home.change(this.#own.home, () => this.#without(gone));
    await store.transact((transaction) => transaction.delete(TAKE_OVER));
    this.#isConfirmed = true; // by the operator
    log.warn({ gone: fromUtf8(row) }, 'this node keeps the keys of the home now');
  }

  #without(gone: HomeNode): { readonly nodes: readonly HomeNode[]; readonly registrar: string } {
    const own = this.#own.name;
    const nodes = this.roster.nodes.filter(({ name }) => name !== gone.name);
    return {
      nodes: nodes.map((node) =>
        node.name === own ? { ...node, retired: [...new Set([...node.retired, ...gone.retired, gone.feed])] } : node,
      ),
      registrar: own,
    };
  }

  /** Asks the node that keeps the home's keys. Throws FleetError `no_registrar` when there is no link to it. */
  async askRegistrar(what: 'register' | 'extend' | 'publish', body: unknown): Promise<unknown> {
    const registrar = this.roster.nodes.find(({ name }) => name === this.#deps.home.current?.registrar);
    const linked = registrar === undefined ? undefined : this.#links.get(toBase64(registrar.key));
    if (linked?.link.isOpen !== true)
      throw new FleetError('no_registrar', 'the node that keeps the keys of this home is away', { retry: 'later' });
    return linked.link.ask(what, body);
  }

  /** Whether `count` other nodes have blocks [0, to) of our feed on their disks, now or in time. */
  untilCopied(to: number, count: number): Promise<boolean> {
    const feed = this.#deps.feeds.current.id;
    const isReached = (): boolean => {
      const nodes = this.others.map(({ key }) => key);
      return this.copies.count(nodes, feed, to) >= count;
    };
    return this.copies.until(isReached, DURABILITY_TIMEOUT_MS, this.#waits.signal);
  }

  /** Waits until every node that there is a link to has what our feed has now, or a moment has passed. */
  async settle(): Promise<void> {
    const { id, length } = this.#deps.feeds.current;
    const isReached = (): boolean =>
      this.links.every(
        ({ other }) => this.roster.standingOf(other.key) !== 'node' || this.copies.there(other.key, id) >= length,
      );
    await this.copies.until(isReached, CATCH_UP_MS, this.#waits.signal);
  }

  /** Waits until something that another node wrote is folded here, or a moment has passed. */
  async untilHere(isHere: () => Promise<boolean>): Promise<void> {
    const { clock, journal } = this.#deps;
    const timer = new AbortController();
    let isLate = false;
    let wake: () => void = () => undefined;
    using _ = journal.events.on('committed', () => wake());
    const late = clock.sleep(CATCH_UP_MS, AbortSignal.any([timer.signal, this.#waits.signal])).then(
      () => {
        isLate = true;
      },
      () => {
        isLate = true; // it is here, or the node stops
      },
    );
    try {
      for (;;) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        if (isLate || (await isHere())) return;
        await Promise.race([late, woken]);
      }
    } finally {
      timer.abort();
    }
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

  /** The node stops: who waits for other nodes is answered as things stand. */
  endWaits(): void {
    this.#waits.abort(new DOMException('the node stops', 'AbortError'));
    this.copies.wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.endWaits();
    for (const { link } of this.#links.values()) link.close('stopping');
    await this.#scope[Symbol.asyncDispose]();
    await this.synchronizer[Symbol.asyncDispose]();
  }

  #start(): void {
    const { feeds, home, journal } = this.#deps;
    const { config } = this.#deps.folder;
    const [registrar, keyLog] = [home.current?.registrar ?? config.node, toBase64(this.#deps.keyLog.publicKey)];
    feeds.setEnded(this.roster.endedFeeds);
    for (const log of feeds.all.values()) this.#share(log);
    home.events.on('changed', (document) => {
      this.#scope.spawn('home changed', async () => {
        await this.roster.refresh();
        feeds.setEnded(this.roster.endedFeeds);
        await this.#inherit();
        await this.#openFeeds();
        this.#dialing.wake();
        for (const { link } of this.#links.values()) await this.#tellHome(link, document.version - 1);
        if (document.registrar !== registrar || toBase64(document.keyLog) !== keyLog)
          this.#events.onRoleChanged('the home has another registrar');
        else if (this.isRemoved) this.#events.onRoleChanged('this node was removed from its home');
      });
    });
    journal.events.on('committed', ({ entries }) => {
      if (entries[0]?.feed === feeds.current.id) this.synchronizer.announce(feeds.current.id);
    });
    journal.events.on('cleared', ({ feed, index }) => this.synchronizer.announceCleared(feed, index));
    this.synchronizer.events.on('stored', ({ feed }) => this.#tellStored(feed));
    this.synchronizer.events.on('beyond', ({ feed }) => this.#events.onBeyond(feed));
    if (this.#deps.dialer !== undefined) this.#scope.spawn('dialing', (signal) => this.#dialing.run(signal));
    this.#scope.spawn('key log', async (signal) => {
      for (;;) {
        await this.followKeyLog();
        await this.#deps.clock.sleep(KEY_LOG_INTERVAL_MS, signal);
      }
    });
  }

  /** Own feeds that ended are not shared: a log that others hold longer is theirs to give. */
  #share(log: FeedLog): void {
    if (this.#shared.has(log.id) || (!log.isWritable && !log.isReplica)) return;
    this.#shared.add(log.id);
    if (log.isReplica) this.copies.advance(log);
    this.synchronizer.addFeed(log, { live: true, sparse: false });
  }

  /** What the home document leaves to this node: the feeds of a node that was removed. */
  async #inherit(): Promise<void> {
    const { feeds, home } = this.#deps;
    const self = home.current?.nodes.find(({ name }) => name === this.#own.name);
    const left = (self?.retired ?? []).filter(
      (feed) => feeds.all.get(feed)?.isReplica === true && !feeds.ours.has(feed),
    );
    for (const feed of left) await feeds.inherit(feed);
    if (left.length > 0) this.#events.onInherited();
  }

  async #publishSelf(): Promise<void> {
    const { feeds, home, log } = this.#deps;
    const retired = [...feeds.ours].filter((feed) => feed !== feeds.current.id);
    const named = home.current?.nodes.find(({ name }) => name === this.#own.name)?.retired ?? [];
    // What is named as ended stays named, in its order.
    const node =
      this.#self === undefined ? undefined : { ...this.#self, retired: [...new Set([...named, ...retired])] };
    if (node === undefined || home.withNode(node) === undefined || this.isRemoved) return;
    try {
      if (this.mayActAsRegistrar) await home.publish(this.#own.home, node);
      else if (!this.isRegistrar) await this.askRegistrar('publish', node);
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      log.info({ error }, 'the registrar does not name this node yet');
    }
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
        answer: (from, what, body) => this.#answer(from, what, body),
        hear: (from, message) => this.#hear(from, message),
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
      if (linked.peer !== undefined) this.synchronizer.removePeer(linked.peer);
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
    if (link.other.name === this.#deps.home.current?.registrar) await this.#publishSelf();
    const answer = parseAnswer('open', await link.ask('open', { keys: this.#keysFor(link) }));
    await this.#addCopies(answer.keys);
    await this.#begin(linked);
  }

  async #begin(linked: Linked): Promise<void> {
    const { link } = linked;
    const { home } = this.#deps;
    const isFormer = this.roster.standingOf(link.other.key) === 'former';
    const handle = this.synchronizer.addPeer(link.transport, {
      isInitiator: link.other.isDialed,
      opensAll: true,
      ...(isFormer ? { feeds: this.roster.feedsOf(link.other.key) } : {}),
    });
    linked.peer = handle.id;
    void handle.ended.then(() => link.close('feeds'));
    link.tell({ t: 'home', version: home.current?.version ?? 0, documents: [] });
    for (const feed of this.#shared) if (this.copies.here(feed) > 0) this.#tellStoredTo(link, feed);
    this.copies.wake();
    this.#scope.spawn('publish', () => this.#publishSelf());
    this.#scope.spawn('follow the key log', () => this.followKeyLog());
  }

  /** A former node is told of no feed but its own. */
  #keysFor(link: NodeLink): readonly Uint8Array[] {
    const { feeds } = this.#deps;
    const its = this.roster.standingOf(link.other.key) === 'former' ? this.roster.feedsOf(link.other.key) : undefined;
    return [...this.#shared]
      .filter((feed) => its?.has(feed) ?? true)
      .flatMap((feed) => feeds.all.get(feed)?.publicKey ?? []);
  }

  /** Feeds that another node has are copied when they are the home's, or the other's own that is to be named yet. */
  async #addCopies(keys: readonly Uint8Array[]): Promise<void> {
    const { feeds, suite } = this.#deps;
    for (const key of keys) {
      const feed = feedIdOf(discoveryKeyOf(suite, key));
      if (!this.roster.isNamed(feed) || this.#shared.has(feed) || feeds.all.has(feed)) continue;
      this.#share(await feeds.copy(key));
    }
  }

  /** What the document names newly: everybody is told again what is here, and asked for what is there. */
  async #openFeeds(): Promise<void> {
    for (const { link } of this.#links.values()) link.tell({ t: 'feeds', keys: [...this.#keysFor(link)] });
  }

  #hear(link: NodeLink, message: ControlMessage): void {
    switch (message.t) {
      case 'feeds':
        this.#scope.spawn('feeds', () => this.#addCopies(message.keys));
        break;
      case 'home':
        this.#scope.spawn('home', () => this.#hearHome(link, message.version, message.documents));
        break;
      case 'stored':
        this.copies.told(link.other.key, feedIdOf(fromHex(message.feed)), message.to);
        break;
      default:
        this.#deps.log.debug({ node: link.other.name, said: message.t }, 'a node says what is not for a link');
    }
  }

  async #hearHome(link: NodeLink, version: number, documents: readonly Uint8Array[]): Promise<void> {
    const { home } = this.#deps;
    await home.learn(this.#own.home, documents);
    if (version <= (home.current?.version ?? 0) && !this.#isConfirmed) {
      this.#isConfirmed = true;
      this.#scope.spawn('publish', () => this.#publishSelf());
    }
    const known = home.current?.version ?? 0;
    if (version < known) await this.#tellHome(link, version);
    // Whoever told may have feeds that could not be known before.
    if (documents.length > 0) link.tell({ t: 'feeds', keys: [...this.#keysFor(link)] });
  }

  async #tellHome(link: NodeLink, after: number): Promise<void> {
    const { home } = this.#deps;
    const documents = await home.documents(Math.max(0, after - 1));
    link.tell({ t: 'home', version: home.current?.version ?? 0, documents: [...documents] });
  }

  #tellStored(feed: FeedId): void {
    const log = this.#deps.feeds.all.get(feed);
    if (log === undefined) return;
    const before = this.copies.here(feed);
    if (this.copies.advance(log) === before) return;
    for (const { link } of this.#links.values()) this.#tellStoredTo(link, feed);
    this.copies.wake();
  }

  #tellStoredTo(link: NodeLink, feed: FeedId): void {
    link.tell({ t: 'stored', feed, to: this.copies.here(feed) });
  }

  async #answer(link: NodeLink, what: string, body: unknown): Promise<unknown> {
    if (!isRequest(what)) throw new FleetError('malformed', `nobody here knows the request ${what}`);
    switch (what) {
      case 'open': {
        const linked = this.#links.get(toBase64(link.other.key));
        if (linked?.link !== link || linked.peer !== undefined) throw new FleetError('malformed', 'opened already');
        await this.#addCopies(parseRequest('open', body).keys);
        const keys = this.#keysFor(link);
        await this.#begin(linked);
        return { keys };
      }
      case 'publish':
        return this.#publishOther(link, parseRequest('publish', body));
      case 'keyLog': {
        const { after } = parseRequest('keyLog', body);
        return { page: encodeKeyLogPage(await this.#deps.keyLog.page(after)) };
      }
      case 'register':
        return this.#duties(link).register(parseRequest('register', body));
      case 'extend':
        return this.#duties(link).extend(parseRequest('extend', body));
    }
  }

  #duties(link: NodeLink): RegistrarDuties {
    if (this.roster.standingOf(link.other.key) !== 'node') throw new FleetError('not_a_node', 'not one of this home');
    if (!this.mayActAsRegistrar || this.duties === undefined)
      throw new FleetError('not_here', 'another node keeps the keys of this home');
    return this.duties;
  }

  /** A node names itself: the name is its own already, or the one that its token was good for. */
  async #publishOther(link: NodeLink, node: HomeNode): Promise<object> {
    const { home } = this.#deps;
    if (!this.mayActAsRegistrar) throw new FleetError('not_here', 'another node keeps the keys of this home');
    const { key } = link.other;
    const isItself = toBase64(key) === toBase64(node.key);
    const standing = this.roster.standingOf(key);
    const mayTakeName =
      standing === 'node'
        ? this.roster.nodes.some((one) => one.name === node.name && toBase64(one.key) === toBase64(key))
        : standing === 'newcomer' && this.roster.admittedAs(key) === node.name;
    if (!isItself || !mayTakeName) throw new FleetError('refused', `the name ${node.name} is not this node's`);
    await home.change(this.#own.home, () => home.withNode(this.#continued(node)));
    await this.roster.refresh();
    return {};
  }

  /** Under a name that had another feed before, that feed has ended: its disk was lost, or it was restored. */
  #continued(node: HomeNode): HomeNode {
    const before = this.roster.nodes.find(({ name }) => name === node.name);
    const ended = [...(before?.retired ?? []), ...(before === undefined ? [] : [before.feed]), ...node.retired];
    return { ...node, retired: [...new Set(ended)].filter((feed) => feed !== node.feed) };
  }

  get #joinDeps(): Parameters<typeof takeIn>[0] {
    return {
      ...this.#deps,
      own: this.#own,
      roster: this.roster,
      tokens: this.tokens,
      isRegistrar: this.isRegistrar,
      isThere: (name) => name === this.#own.name || this.links.some(({ other }) => other.name === name),
    };
  }
}
