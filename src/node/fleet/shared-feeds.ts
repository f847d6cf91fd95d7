/**
 * The feeds of a home between its nodes: which of them another node may see, the synchronizer that copies them, and what
 * the nodes tell each other of their disks. There is no synchronizer before there is somebody to copy from.
 */
import type { Clock, CryptoSuite, FrameSocket, Log, SecureRandom } from '../../base/index.ts';
import {
  type CreateStreamCipher,
  discoveryKeyOf,
  type FeedLog,
  type FeedStore,
  type PeerHandle,
  type PeerId,
  Synchronizer,
  type SyncStatus,
} from '../../feed/index.ts';
import { type FeedId, feedIdOf } from '../../protocol/index.ts';
import type { NodeFeeds } from '../feeds.ts';
import { readableBlock } from '../readable.ts';
import type { Copies } from './copies.ts';
import { FleetError } from './fleet-error.ts';
import { ASKED_BLOCK_BYTES_MAX } from './limits.ts';
import type { NodeLink } from './node-link.ts';
import type { AnswerOf, RequestOf } from './requests.ts';
import type { Roster } from './roster.ts';

export interface SharedFeedsDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  readonly log: Log;
  readonly createCipher: CreateStreamCipher;
  readonly copyStore: FeedStore;
  readonly feeds: NodeFeeds;
  readonly roster: Roster;
  readonly copies: Copies;
  readonly links: () => readonly NodeLink[];
  /** A feed is copied from now on: it may have been left to this node. */
  readonly onCopied: () => Promise<void>;
  /** A feed's key has signed more than its own writer has here. */
  readonly onBeyond: (feed: FeedId) => void;
  /** Every copy is here as far as its writer has signed for it, or as far as the other nodes have it. */
  readonly onComplete: () => void;
}

export class SharedFeeds implements AsyncDisposable {
  readonly #deps: SharedFeedsDeps;
  readonly #shared = new Set<FeedId>();
  #synchronizer: Synchronizer | undefined;
  #isComplete = false;

  constructor(deps: SharedFeedsDeps) {
    this.#deps = deps;
    for (const log of deps.feeds.all.values()) this.share(log);
  }

  get status(): SyncStatus | undefined {
    return this.#synchronizer?.status();
  }

  /** Own feeds that ended are not shared: a log that others hold longer is theirs to give. */
  share(log: FeedLog): void {
    if (this.#shared.has(log.id) || (!log.isWritable && !log.isReplica)) return;
    this.#shared.add(log.id);
    if (log.isReplica) this.#deps.copies.advance(log);
    this.#synchronizer?.addFeed(log, FETCH_ALL);
  }

  /** A former node is told of no feed but its own. */
  keysFor({ other }: NodeLink): readonly Uint8Array[] {
    const { feeds, roster } = this.#deps;
    const its = roster.standingOf(other.key) === 'former' ? roster.feedsOf(other.key) : undefined;
    return [...this.#shared]
      .filter((feed) => its?.has(feed) ?? true)
      .flatMap((feed) => feeds.all.get(feed)?.publicKey ?? []);
  }

  /** A block that another node lacks, and what proves it. Throws FleetError `not_here`. */
  async blockFor(link: NodeLink, { feed, index }: RequestOf<'block'>): Promise<AnswerOf<'block'>> {
    const { copyStore, feeds } = this.#deps;
    const log = feeds.all.get(feed);
    const mayKnow = log !== undefined && this.keysFor(link).includes(log.publicKey);
    if (!mayKnow || !log.has(index)) throw new FleetError('not_here', 'that block is not here');
    const reader = copyStore.readerOf(log);
    const block = await readableBlock(reader, log, index);
    const [proof] = await log.proofs(reader, [{ index, digest: 0, withHash: false }]);
    if (block === undefined || proof === undefined || block.length > ASKED_BLOCK_BYTES_MAX)
      throw new FleetError('not_here', 'that block cannot be given');
    return {
      block: Uint8Array.from(block),
      nodes: proof.nodes.map((node) => ({ ...node, hash: Uint8Array.from(node.hash) })),
    };
  }

  /** Feeds that another node has are copied when the home names them. */
  async addCopies(keys: readonly Uint8Array[]): Promise<void> {
    const { feeds, onCopied, roster, suite } = this.#deps;
    for (const key of keys) {
      const feed = feedIdOf(discoveryKeyOf(suite, key));
      if (!roster.isNamed(feed) || feeds.all.has(feed)) continue;
      this.share(await feeds.copy(key));
      await onCopied();
    }
  }

  /** Everybody is told again which feeds are here. */
  tellFeeds(): void {
    for (const link of this.#deps.links()) link.tell({ t: 'feeds', keys: [...this.keysFor(link)] });
  }

  /** Begins to copy, both ways; a dialer with one of the feeds that the other end has said to have. */
  begin(link: NodeLink, theirs: readonly Uint8Array[]): PeerHandle {
    const { copies, roster, suite } = this.#deps;
    const { isDialed, key } = link.other;
    const isFormer = roster.standingOf(key) === 'former';
    const handle = this.#open().addPeer(link.transport, {
      isInitiator: isDialed,
      opensAll: true,
      first: theirs.map((one) => feedIdOf(discoveryKeyOf(suite, one))).find((feed) => this.#shared.has(feed)),
      ...(isFormer ? { feeds: roster.feedsOf(key) } : {}),
    });
    for (const feed of this.#shared) if (copies.here(feed) > 0) this.#tellStored(link, feed);
    copies.wake();
    this.#checkComplete();
    return handle;
  }

  /** A mirror that the operator named gets what this node writes, and nothing else. */
  serveMirror(transport: FrameSocket): PeerHandle {
    return this.#open().addPeer(transport, { isInitiator: false, feeds: new Set([this.#deps.feeds.current.id]) });
  }

  end(peer: PeerId): void {
    this.#synchronizer?.removePeer(peer);
  }

  /** Blocks of our feed are on disk. */
  announce(): void {
    this.#synchronizer?.announce(this.#deps.feeds.current.id);
  }

  announceCleared(feed: FeedId, index: number): void {
    this.#synchronizer?.announceCleared(feed, index);
    this.#takeStored(feed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#synchronizer?.[Symbol.asyncDispose]();
  }

  #open(): Synchronizer {
    if (this.#synchronizer !== undefined) return this.#synchronizer;
    const { copyStore, feeds, onBeyond } = this.#deps;
    const synchronizer = new Synchronizer({ ...this.#deps, store: copyStore, dialer: undefined });
    this.#synchronizer = synchronizer;
    for (const feed of this.#shared) {
      const log = feeds.all.get(feed);
      if (log !== undefined) synchronizer.addFeed(log, FETCH_ALL);
    }
    synchronizer.events.on('stored', ({ feed }) => this.#takeStored(feed));
    synchronizer.events.on('beyond', ({ feed }) => onBeyond(feed));
    return synchronizer;
  }

  #takeStored(feed: FeedId): void {
    const { copies, feeds, links } = this.#deps;
    const log = feeds.all.get(feed);
    if (log === undefined) return;
    const before = copies.here(feed);
    if (copies.advance(log) === before) return;
    this.#checkComplete();
    for (const link of links()) this.#tellStored(link, feed);
    copies.wake();
  }

  /** Once: what comes later is new. A node that is gone may have taken blocks with it, which nobody can wait for. */
  #checkComplete(): void {
    if (this.#isComplete) return;
    const { copies, feeds, onComplete } = this.#deps;
    const others = [...feeds.all.values()].filter(({ isReplica, length }) => isReplica && length > 0);
    const level = new Set((this.status?.feeds ?? []).flatMap(({ feed, isLevel }) => (isLevel ? [feed] : [])));
    this.#isComplete =
      others.length > 0 && others.every(({ id, length }) => copies.here(id) >= length || level.has(id));
    if (this.#isComplete) onComplete();
  }

  #tellStored(link: NodeLink, feed: FeedId): void {
    link.tell({ t: 'stored', feed, to: this.#deps.copies.here(feed) });
  }
}

const FETCH_ALL = Object.freeze({ live: true, sparse: false });
