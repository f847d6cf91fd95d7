/** A place that shares feeds in memory, for tests of synchronizers: the real one, over real logs, on a clock that is moved. */
import { type Clock, type Log, SeededSecureRandom, SILENT_LOG } from '../../src/base/index.ts';
import { SodiumSuite } from '../../src/base/system/index.ts';
import {
  createFeedKeys,
  createNobleStreamCipher,
  type DropReason,
  type FeedKeyPair,
  FeedLog,
  type FeedOptions,
  type Notice,
  PlainFeedStore,
  Synchronizer,
  type SynchronizerOptions,
  type TransportDialer,
} from '../../src/feed/index.ts';
import { MemoryStore, type Store } from '../../src/store/index.ts';

export const siteSuite = new SodiumSuite();

export function feedKeys(seed: number): FeedKeyPair {
  return createFeedKeys({ suite: siteSuite, random: new SeededSecureRandom(seed) });
}

export interface SiteOptions extends SynchronizerOptions {
  readonly seed: number;
  readonly store?: Store;
  readonly dialer?: TransportDialer;
  readonly log?: Log;
}

export class FeedSite implements AsyncDisposable {
  readonly store: Store;
  readonly sync: Synchronizer;
  readonly notices: Notice[] = [];
  readonly #ownsStore: boolean;

  constructor(clock: Clock, options: SiteOptions) {
    this.#ownsStore = options.store === undefined;
    this.store = options.store ?? new MemoryStore();
    this.sync = new Synchronizer(
      {
        clock,
        random: new SeededSecureRandom(options.seed),
        createCipher: createNobleStreamCipher,
        store: new PlainFeedStore(this.store),
        log: options.log ?? SILENT_LOG,
        dialer: options.dialer,
      },
      options,
    );
    for (const kind of ['stored', 'complete', 'forked', 'beyond', 'dropped', 'unknownFeed'] as const)
      this.sync.events.on(kind, (notice) => void this.notices.push(notice));
  }

  /** Writes a feed. */
  async write(keys: FeedKeyPair, options: Partial<FeedOptions> = {}): Promise<FeedLog> {
    return this.#share(
      await FeedLog.open({ suite: siteSuite, store: this.store }, { prefix: keys.discoveryKey, ...keys }),
      options,
    );
  }

  /** Copies a feed. */
  async follow(keys: FeedKeyPair, options: Partial<FeedOptions> = {}): Promise<FeedLog> {
    const { discoveryKey: prefix, publicKey } = keys;
    return this.#share(
      await FeedLog.open({ suite: siteSuite, store: this.store }, { prefix, publicKey, replica: true }),
      options,
    );
  }

  async append(log: FeedLog, blocks: readonly Uint8Array[]): Promise<void> {
    await this.store.transact((transaction) => log.append(transaction, blocks));
    this.sync.announce(log.id);
  }

  get dropped(): readonly DropReason[] {
    return this.notices.flatMap((notice) => (notice.kind === 'dropped' ? [notice.reason] : []));
  }

  async problemsOf(log: FeedLog): Promise<readonly string[]> {
    const problems: string[] = [];
    for await (const { message } of log.verifyAll(this.store, {})) problems.push(message);
    return problems;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sync[Symbol.asyncDispose]();
    if (this.#ownsStore) await this.store[Symbol.asyncDispose]();
  }

  #share(log: FeedLog, options: Partial<FeedOptions>): FeedLog {
    this.sync.addFeed(log, { live: true, sparse: false, ...options });
    return log;
  }
}
