/**
 * Keeps feeds equal with peers over any transports: performs what `step` asks for, and tells it what happens. All peers'
 * messages go through one queue; a peer's next bytes are read when its last have been dealt with.
 *
 * - Nothing of a peer is stored before it is proven, and nothing is announced before it is on disk.
 * - What a peer does wrong ends its connection with a named reason, and nothing else.
 */
import type { Clock, Log, SecureRandom } from '../../base/index.ts';
import { abortable, Emitter, Scope, toHex, whenAborted } from '../../base/index.ts';
import type { FeedId } from '../../protocol/index.ts';
import { FeedError } from '../feed-error.ts';
import type { FeedLog } from '../feed-log.ts';
import { type CreateStreamCipher, WireStream } from '../wire/index.ts';
import { answerAll } from './answering.ts';
import { createFeedState, type FeedOptions } from './feed-state.ts';
import type { FeedStore } from './feed-store.ts';
import { Fetches } from './fetches.ts';
import { Intake, type IntakeResult } from './intake.ts';
import { ANSWERS_MAX, PEERS_MAX, TICK_MS, WRITE_TIMEOUT_MS } from './limits.ts';
import { offersOf } from './offering.ts';
import { PeerLink } from './peer-link.ts';
import { feedStatusOf, type SyncStatus, statusOf } from './status.ts';
import type { Notice, SyncEffect, SyncEvent } from './sync-event.ts';
import { createState, type DropReason, type PeerId, type SyncState } from './sync-state.ts';
import { step } from './sync-step.ts';
import type { Transport, TransportDialer } from './transport.ts';

export interface SynchronizerDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly createCipher: CreateStreamCipher;
  readonly store: FeedStore;
  readonly log: Log;
  /** Connects to what `addAddresses` names; undefined where peers only come by themselves. */
  readonly dialer: TransportDialer | undefined;
}

export interface SynchronizerOptions {
  /** At once, dialed and accepted. */
  readonly peersMax?: number;
  /** Ask peers to say when they have stored what we sent: for whoever counts copies. */
  readonly ack?: boolean;
  /** Ends everything when it is aborted: for whoever hooks the signals of the process. */
  readonly stop?: AbortSignal;
}

export interface PeerOptions {
  /** Who names a feed first: one end of a connection. */
  readonly isInitiator: boolean;
  /** Feeds that the peer may see; undefined: all. */
  readonly feeds?: ReadonlySet<FeedId>;
  /** Open every feed that it may see; an accepted peer gets only those that it opens by itself otherwise. */
  readonly opensAll?: boolean;
  /** A feed that the other end is known to have: a connection that begins with one which it lacks does not hold. */
  readonly first?: FeedId | undefined;
}

export interface PeerHandle {
  readonly id: PeerId;
  /** Why the connection ended, when it has. */
  readonly ended: Promise<DropReason>;
}

/** By kind of notice. */
export type SyncEvents = { readonly [Kind in Notice['kind']]: Extract<Notice, { readonly kind: Kind }> };

interface SharedFeed {
  readonly log: FeedLog;
  readonly intake: Intake;
}

interface Connected {
  readonly link: PeerLink;
  readonly address: string | undefined;
  readonly end: (reason: DropReason) => void;
}

export class Synchronizer implements AsyncDisposable {
  readonly events: Emitter<SyncEvents>;
  readonly #deps: SynchronizerDeps;
  readonly #state: SyncState;
  readonly #feeds = new Map<FeedId, SharedFeed>();
  readonly #links = new Map<PeerId, Connected>();
  readonly #scope: Scope;
  readonly #fetches = new Fetches();
  readonly #queue: SyncEvent[] = [];
  #isProcessing = false;
  #nextPeer = 1;

  constructor(deps: SynchronizerDeps, options: SynchronizerOptions = {}) {
    this.#deps = deps;
    this.#state = createState({
      id: deps.random.bytes(32),
      peersMax: options.peersMax ?? PEERS_MAX,
      ack: options.ack ?? false,
    });
    this.events = new Emitter((error) => deps.log.error({ error }, 'a listener of feed events failed'));
    this.#scope = new Scope((name, error) => deps.log.error({ name, error }, 'work of the synchronizer failed'));
    this.#scope.spawn('tick', (signal) => this.#tick(signal));
    whenAborted(options.stop, () => this.#stop());
  }

  /** Shares a feed. A log that is not writable must be a replica. */
  addFeed(log: FeedLog, options: FeedOptions): void {
    const intake = new Intake(this.#deps.store, log, (result) => this.#takeStored(log, result));
    this.#feeds.set(log.id, { log, intake });
    this.#post({ type: 'feedAdded', feed: createFeedState(log, options) });
  }

  shares(feed: FeedId): boolean {
    return this.#feeds.has(feed);
  }

  removeFeed(feed: FeedId): void {
    this.#feeds.delete(feed);
    this.#post({ type: 'feedRemoved', feed });
  }

  /** Talks to a peer over a connection until one of them ends it. */
  addPeer(transport: Transport, options: PeerOptions): PeerHandle {
    return this.#connect(transport, options, undefined);
  }

  /** Places where peers may be; they are dialed as needed, and again after failures. */
  addAddresses(addresses: readonly string[]): void {
    this.#post({ type: 'found', addresses });
  }

  removePeer(id: PeerId): void {
    this.#post({ type: 'gone', peer: id, reason: 'removed' });
  }

  /** To be called when blocks that were appended here are on disk. */
  announce(feed: FeedId): void {
    const shared = this.#feeds.get(feed);
    if (shared !== undefined) this.#post({ type: 'appended', feed, length: shared.log.length });
  }

  /** To be called when a block was cleared. */
  announceCleared(feed: FeedId, index: number): void {
    this.#post({ type: 'cleared', feed, index });
  }

  /** Fetches blocks [from, to) of a sparse feed. */
  want(feed: FeedId, from: number, to: number): void {
    this.#post({ type: 'wanted', feed, from, to });
  }

  /**
   * A block of a sparse feed: from here, or from peers, proven, perhaps before it is on disk. Rejects with `signal.reason`
   * when aborted, which is how whoever asks stops waiting.
   */
  async fetch(feed: FeedId, index: number, signal: AbortSignal): Promise<Uint8Array> {
    const log = this.#feeds.get(feed)?.log;
    if (log === undefined) throw new FeedError('not_found', `feed ${feed} is not shared here`);
    const block = log.has(index) ? await log.getBlock(this.#deps.store.readerOf(log), index) : undefined;
    if (block !== undefined) return block;
    const arrival = this.#fetches.wait(feed, index);
    this.want(feed, index, index + 1);
    this.#scope.spawn('prepare', () => this.#deps.store.prepare(log, index));
    try {
      return await abortable(arrival.block, signal);
    } finally {
      arrival.forget();
    }
  }

  status(): SyncStatus {
    return statusOf(this.#state);
  }

  /** Whether everything that is wanted, and known to be there, is here. */
  isComplete(feed: FeedId): boolean {
    const state = this.#state.feeds.get(feed);
    return state !== undefined && (state.isWritable || feedStatusOf(this.#state, state).isComplete);
  }

  /** Says goodbye to every peer, and waits for what is being stored. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    await this.#scope[Symbol.asyncDispose]();
  }

  #stop(): void {
    if (!this.#state.stopping) this.#post({ type: 'shutdown' });
  }

  #connect(transport: Transport, options: PeerOptions, address: string | undefined): PeerHandle {
    const { clock, createCipher, random } = this.#deps;
    const id = this.#nextPeer++;
    const wire = new WireStream({ createCipher, random });
    const link = new PeerLink({ clock, wire, transport }, id);
    const ended = new Promise<DropReason>((resolve) => {
      this.#links.set(id, { link, address, end: resolve });
    });
    this.#post({
      type: 'connected',
      peer: id,
      isInitiator: options.isInitiator,
      address,
      allowed: options.feeds,
      opensAll: options.opensAll ?? options.isInitiator,
      first: options.first,
    });
    this.#scope.spawn('read a peer', () => this.#read(link));
    return { id, ended };
  }

  async #read(link: PeerLink): Promise<void> {
    let reason: DropReason = 'closed';
    try {
      for await (const chunk of link.transport.incoming) {
        if (link.isEnded) return;
        this.#takeChunk(link, chunk);
      }
    } catch (error) {
      if (!(error instanceof FeedError)) throw error;
      reason = error.code === 'too_large' ? 'too_large' : error.code === 'wrong_key' ? 'wrong_feed' : 'malformed';
    } finally {
      this.#post({ type: 'gone', peer: link.id, reason });
    }
  }

  #takeChunk(link: PeerLink, chunk: Uint8Array): void {
    const events: SyncEvent[] = [];
    try {
      for (const inbound of link.wire.receive(chunk)) {
        if (inbound.kind === 'message')
          events.push({ type: 'received', peer: link.id, channel: inbound.channel, message: inbound.message });
        else if (inbound.kind === 'opening' && !this.#open(link, toHex(inbound.discoveryKey))) return;
      }
    } finally {
      const { isWithinFrame } = link.wire;
      this.#post({ type: 'alive', peer: link.id, bytes: chunk.length, isWithinFrame }, ...events);
    }
  }

  /** Answers the first feed of an accepted connection, which is what the rest of it is encrypted with. */
  #open(link: PeerLink, discoveryKey: string): boolean {
    const feed = this.#state.byDiscoveryKey.get(discoveryKey);
    const peer = this.#state.peers.get(link.id);
    const log = feed === undefined ? undefined : this.#feeds.get(feed.id)?.log;
    if (feed === undefined || log === undefined || peer === undefined || peer.allowed?.has(feed.id) === false) {
      this.#post({ type: 'gone', peer: link.id, reason: 'unknown_feed' });
      return false;
    }
    link.wire.open({ publicKey: log.publicKey, discoveryKey: log.discoveryKey });
    return true;
  }

  #takeStored(log: FeedLog, result: IntakeResult): void {
    if (result.kind === 'proven') this.#fetches.take(log.id, result.claim.claim);
    else if (result.kind === 'judged') {
      // Who began to wait between the proof and the disk.
      for (const { claim, acceptance } of result.judged)
        if (acceptance.outcome === 'stored') this.#fetches.take(log.id, claim);
      this.#post({ type: 'judged', feed: log.id, length: log.length, judged: result.judged });
    } else {
      this.#deps.log.error({ feed: log.id, error: result.error }, 'blocks of a feed could not be stored');
      this.#post({ type: 'storeFailed', feed: log.id, claims: result.claims });
    }
  }

  async #tick(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#deps.clock.sleep(TICK_MS, signal);
      const now = this.#deps.clock.monotonic();
      for (const { link } of this.#links.values())
        if (link.sendingSince !== undefined && now - link.sendingSince >= WRITE_TIMEOUT_MS)
          this.#post({ type: 'gone', peer: link.id, reason: 'write_timeout' });
      this.#post({ type: 'tick' });
    }
  }

  /** Queues what happened and deals with the queue, unless that is being done. */
  #post(...events: readonly SyncEvent[]): void {
    this.#queue.push(...events);
    if (this.#isProcessing) return;
    this.#isProcessing = true;
    try {
      for (let next = 0; next < this.#queue.length; next++) {
        const event = this.#queue[next] as SyncEvent;
        for (const effect of step(this.#state, event, this.#deps.clock.monotonic())) this.#perform(effect);
      }
    } finally {
      this.#queue.length = 0;
      this.#isProcessing = false;
    }
    this.#goOn();
  }

  /** What was gathered while events were dealt with leaves in one piece each. */
  #goOn(): void {
    for (const { intake } of this.#feeds.values()) for (const task of intake.start()) this.#scope.spawn('store', task);
    for (const { link } of this.#links.values()) {
      link.flush();
      if (link.answers.length > 0 && !link.isAnswering) this.#answer(link);
    }
  }

  #answer(link: PeerLink): void {
    link.isAnswering = true;
    this.#scope.spawn('answer a peer', async () => {
      try {
        await answerAll(link, this.#deps.store, (feed) => this.#feeds.get(feed)?.log);
      } finally {
        link.isAnswering = false;
      }
    });
  }

  #perform(effect: SyncEffect): void {
    if (effect.type === 'notify') {
      this.#notify(effect.notice);
      return;
    }
    if (effect.type === 'dial') {
      this.#scope.spawn('dial', (signal) => this.#dial(effect.address, signal));
      return;
    }
    const connected = this.#links.get(effect.peer);
    if (connected === undefined) return;
    const { link } = connected;
    switch (effect.type) {
      case 'send':
        link.write(effect.channel, effect.message);
        break;
      case 'keepAlive':
        link.wire.keepAlive();
        break;
      case 'open':
        this.#openFeed(link, effect.channel, effect.feed);
        break;
      case 'request':
        this.#request(link, effect);
        break;
      case 'offer': {
        const log = this.#feeds.get(effect.feed)?.log;
        if (log !== undefined)
          for (const have of offersOf(log, effect.from, effect.to)) link.write(effect.channel, have);
        break;
      }
      case 'answer':
        link.answers.push(effect);
        if (link.answers.length > ANSWERS_MAX) this.#post({ type: 'gone', peer: link.id, reason: 'chatter' });
        break;
      case 'accept':
        this.#feeds.get(effect.feed)?.intake.push({ peer: effect.peer, claim: effect.claim });
        break;
      case 'terminate':
        this.#links.delete(effect.peer);
        this.#scope.spawn('end a connection', () => link.end(effect.reason));
        connected.end(effect.reason);
    }
  }

  #openFeed(link: PeerLink, channel: number, feed: FeedId): void {
    const log = this.#feeds.get(feed)?.log;
    if (log === undefined) return;
    if (!link.wire.isOpen) link.wire.open({ publicKey: log.publicKey, discoveryKey: log.discoveryKey });
    // The first feed of an accepted connection was named when it was answered.
    else if (channel > 0) link.write(channel, { type: 'feed', discoveryKey: log.discoveryKey, nonce: undefined });
  }

  #request(
    link: PeerLink,
    { afterPrevious, channel, feed, index, plain }: Extract<SyncEffect, { type: 'request' }>,
  ): void {
    const digest = plain ? 0 : (this.#feeds.get(feed)?.log.digest(index, afterPrevious) ?? 0);
    link.write(channel, { type: 'request', index, bytes: undefined, hash: false, digest });
  }

  async #dial(address: string, signal: AbortSignal): Promise<void> {
    const { dialer, log } = this.#deps;
    try {
      if (dialer === undefined) throw new FeedError('out_of_range', 'nobody here connects to addresses');
      const transport = await dialer.dial(address, signal);
      this.#connect(transport, { isInitiator: true }, address);
    } catch (error) {
      if (!signal.aborted) log.debug({ address, error }, 'a peer was not reached');
      this.#post({ type: 'dialFailed', address });
    }
  }

  #notify(notice: Notice): void {
    if (notice.kind === 'dropped') this.#deps.log.debug(notice, 'a peer is gone');
    if (notice.kind === 'forked')
      this.#deps.log.error(
        { feed: notice.feed, lengths: notice.proof.lengths },
        'a feed has two histories: it is frozen',
      );
    this.events.emit(notice.kind, notice as never);
  }
}
