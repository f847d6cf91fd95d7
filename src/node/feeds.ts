/**
 * The feeds of a node: the one it writes, and those it wrote before it was restored. A node whose folder lacks the secret
 * key of its feed was restored from a backup: two nodes must never write one feed, so it names the old one retired and
 * begins another (design: "Restore ends the feed"). Beside them stand copies of what the other nodes of the home write.
 */
import {
  type CryptoSuite,
  fromHex,
  fromUtf8,
  invariant,
  type Log,
  type SecureRandom,
  toHex,
  utf8,
} from '../base/index.ts';
import { createFeedKeys, discoveryKeyOf, FeedLog } from '../feed/index.ts';
import { type FeedId, feedIdOf } from '../protocol/index.ts';
import { type Store, type StoreReader, under } from '../store/index.ts';
import { copyPage } from './copy-page.ts';
import type { DataFolder } from './data-folder.ts';
import { PROVEN_PAGE_BLOCKS } from './limits.ts';
import { COPY_RECORDS, copyPrefix, copyRecordKey, FEED_RECORDS, feedPrefix, feedRecordKey } from './view-keys.ts';

export interface FeedRecord {
  /** Hexadecimal. */
  readonly publicKey: string;
  /** Order of creation: 1, 2, 3 … */
  readonly order: number;
  readonly retired: boolean;
}

export interface FeedsDeps {
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
  readonly store: Store;
  readonly folder: DataFolder;
  readonly log: Log;
}

export interface Feeds {
  /** The feed being written. */
  readonly current: FeedLog;
  /** The current feed first, then our retired ones, newest first, then copies of the other nodes' feeds. It grows. */
  readonly all: ReadonlyMap<FeedId, FeedLog>;
  /** Those whose outboxes and expiry are this node's: written here, or left to it by a node that was removed. It grows. */
  readonly ours: ReadonlySet<FeedId>;
  /** Written here before, oldest first. */
  readonly retired: readonly FeedId[];
  /** Whether nobody will write it any more. */
  isRetired(feed: FeedId): boolean;
}

/** Who writes a copied feed, as far as this node keeps it. */
export interface CopyRecord {
  /** Hexadecimal. */
  readonly publicKey: string;
  /** The node that wrote it was removed, and this one goes on with what it had begun. */
  readonly isInherited: boolean;
}

export class NodeFeeds implements Feeds {
  readonly current: FeedLog;
  readonly retired: readonly FeedId[];
  readonly #deps: FeedsDeps;
  readonly #all = new Map<FeedId, FeedLog>();
  readonly #ours: Set<FeedId>;
  #ended: ReadonlySet<FeedId> = new Set();

  private constructor(deps: FeedsDeps, current: FeedLog, retired: readonly FeedLog[]) {
    this.#deps = deps;
    this.current = current;
    this.retired = retired.map(({ id }) => id);
    this.#ours = new Set([current.id, ...this.retired]);
    this.#all.set(current.id, current);
    for (const log of [...retired].reverse()) this.#all.set(log.id, log);
  }

  static async open(deps: FeedsDeps): Promise<NodeFeeds> {
    const records = await readRecords(deps.store);
    const last = records.at(-1);
    const secretKey =
      last === undefined || last.record.retired ? undefined : await deps.folder.feedSecretKey(last.feed);
    if (last !== undefined && secretKey === undefined) {
      deps.log.warn(
        { feed: last.feed },
        'the secret key of the feed is not here: this node was restored, and begins a new feed',
      );
      await retireFeed(deps, last.feed);
    }
    const current =
      last !== undefined && secretKey !== undefined
        ? await openFeed(deps, last.record, secretKey)
        : await createFeed(deps, (last?.record.order ?? 0) + 1);
    const copies = await readCopyRecords(deps.store);
    const retired: FeedLog[] = [];
    for (const { feed, record } of records)
      if (feed !== current.id) {
        const isCopy = copies.some((copy) => copy.feed === feed);
        retired.push(isCopy ? await openCopy(deps, feed, record) : await openFeed(deps, record, undefined));
      }
    const feeds = new NodeFeeds(deps, current, retired);
    for (const { record } of copies) await feeds.#openCopy(record);
    return feeds;
  }

  get all(): ReadonlyMap<FeedId, FeedLog> {
    return this.#all;
  }

  get ours(): ReadonlySet<FeedId> {
    return this.#ours;
  }

  isRetired(feed: FeedId): boolean {
    return feed !== this.current.id && (this.retired.includes(feed) || this.#ended.has(feed));
  }

  /** Feeds of other nodes that the home document says nobody writes any more. */
  setEnded(feeds: ReadonlySet<FeedId>): void {
    this.#ended = feeds;
  }

  /** Keeps a copy of another node's feed from now on; the log as it is when it is kept already. */
  async copy(publicKey: Uint8Array): Promise<FeedLog> {
    const feed = feedIdOf(discoveryKeyOf(this.#deps.suite, publicKey));
    const known = this.#all.get(feed);
    if (known !== undefined) return known;
    const record: CopyRecord = { publicKey: toHex(publicKey), isInherited: false };
    await this.#deps.store.transact((transaction) => transaction.put(copyRecordKey(feed), encodeRecord(record)));
    return this.#openCopy(record);
  }

  /**
   * Own feeds that ended become copies: another node may hold more of them than this one, which was restored. What is here
   * of them is proven once more, block by block, on its way.
   */
  async keepEndedAsCopies(): Promise<void> {
    const { store } = this.#deps;
    for (const feed of this.retired) {
      const ended = this.#all.get(feed);
      if (ended === undefined || ended.isReplica) continue;
      const options = { prefix: copyPrefix(feed), publicKey: ended.publicKey, replica: true };
      const copy = await FeedLog.open(this.#deps, options);
      for (let from = 0; from < ended.length; from += PROVEN_PAGE_BLOCKS)
        await copyPage(store, ended, copy, from, Math.min(ended.length, from + PROVEN_PAGE_BLOCKS));
      const record: CopyRecord = { publicKey: toHex(ended.publicKey), isInherited: true };
      const rows = under(feedPrefix(feed));
      await store.transact((transaction) => {
        transaction.put(copyRecordKey(feed), encodeRecord(record));
        transaction.deleteRange(rows.from, rows.to);
      });
      this.#all.set(feed, copy);
    }
  }

  /** What a removed node had begun in this feed is this node's to go on with. */
  async inherit(feed: FeedId): Promise<void> {
    const log = this.#all.get(feed);
    invariant(log?.isReplica === true, `the feed ${feed} is a copy`);
    const record: CopyRecord = { publicKey: toHex(log.publicKey), isInherited: true };
    await this.#deps.store.transact((transaction) => transaction.put(copyRecordKey(feed), encodeRecord(record)));
    this.#ours.add(feed);
  }

  async #openCopy(record: CopyRecord): Promise<FeedLog> {
    const { store, suite } = this.#deps;
    const publicKey = fromHex(record.publicKey);
    const prefix = copyPrefix(feedIdOf(discoveryKeyOf(suite, publicKey)));
    const log = await FeedLog.open({ suite, store }, { prefix, publicKey, replica: true });
    // Two may have asked at once: one log writes a prefix.
    const known = this.#all.get(log.id);
    if (known?.isReplica === true) return known;
    this.#all.set(log.id, log);
    if (record.isInherited) this.#ours.add(log.id);
    return log;
  }
}

/** The feeds of a store that is only looked at, such as a backup's: nothing is begun, retired or written. */
export async function readFeeds(deps: Pick<FeedsDeps, 'suite' | 'store'>): Promise<ReadonlyMap<FeedId, FeedLog>> {
  const feeds = new Map<FeedId, FeedLog>();
  const copies = await readCopyRecords(deps.store);
  for (const { feed, record } of (await readRecords(deps.store)).reverse())
    if (!copies.some((copy) => copy.feed === feed)) feeds.set(feed, await openFeed(deps, record, undefined));
  for (const { feed, record } of copies) feeds.set(feed, await openCopy(deps, feed, record));
  return feeds;
}

/** The feed is never written again; its key goes after the record says so. */
export async function retireFeed(deps: FeedsDeps, feed: FeedId): Promise<void> {
  await deps.store.transact(async (transaction) => {
    const row = await transaction.get(feedRecordKey(feed));
    invariant(row !== undefined, `feed ${feed} has a record`);
    transaction.put(feedRecordKey(feed), encodeRecord({ ...decodeRecord(row), retired: true }));
  });
  await deps.folder.forgetFeedSecretKey(feed);
}

async function createFeed(deps: FeedsDeps, order: number): Promise<FeedLog> {
  const keys = createFeedKeys(deps);
  const feed = feedIdOf(keys.discoveryKey);
  // The key is on disk before the record names the feed: a crash between leaves an unused key, never a feed without one.
  await deps.folder.saveFeedSecretKey(feed, keys.secretKey);
  const record: FeedRecord = { publicKey: toHex(keys.publicKey), order, retired: false };
  await deps.store.transact((transaction) => transaction.put(feedRecordKey(feed), encodeRecord(record)));
  return openFeed(deps, record, keys.secretKey);
}

function openFeed(
  deps: Pick<FeedsDeps, 'suite' | 'store'>,
  record: FeedRecord,
  secretKey: Uint8Array | undefined,
): Promise<FeedLog> {
  const publicKey = fromHex(record.publicKey);
  const prefix = feedPrefix(feedIdOf(discoveryKeyOf(deps.suite, publicKey)));
  return FeedLog.open(deps, { prefix, publicKey, ...(secretKey === undefined ? {} : { secretKey }) });
}

function openCopy(
  deps: Pick<FeedsDeps, 'suite' | 'store'>,
  feed: FeedId,
  { publicKey }: { readonly publicKey: string },
): Promise<FeedLog> {
  return FeedLog.open(deps, { prefix: copyPrefix(feed), publicKey: fromHex(publicKey), replica: true });
}

/** Oldest first. */
export async function readRecords(
  store: StoreReader,
): Promise<{ readonly feed: FeedId; readonly record: FeedRecord }[]> {
  const rows = await store.range({ ...FEED_RECORDS, limit: 100_000 });
  return rows
    .map(({ key, value }) => ({ feed: feedIdOf(key.slice(-32)), record: decodeRecord(value) }))
    .sort((a, b) => a.record.order - b.record.order);
}

export async function readCopyRecords(
  store: StoreReader,
): Promise<{ readonly feed: FeedId; readonly record: CopyRecord }[]> {
  const rows = await store.range({ ...COPY_RECORDS, limit: 100_000 });
  return rows.map(({ key, value }) => ({
    feed: feedIdOf(key.slice(-32)),
    record: JSON.parse(fromUtf8(value)) as CopyRecord,
  }));
}

export function encodeRecord(record: FeedRecord | CopyRecord): Uint8Array {
  return utf8(JSON.stringify(record));
}

function decodeRecord(bytes: Uint8Array): FeedRecord {
  return JSON.parse(fromUtf8(bytes)) as FeedRecord;
}
