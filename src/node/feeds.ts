/**
 * The feeds of a node: the one it writes, and those it wrote before it was restored. A node whose folder lacks the secret
 * key of its feed was restored from a backup: two nodes must never write one feed, so it names the old one retired and
 * begins another (design: "Restore ends the feed").
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
import type { Store } from '../store/index.ts';
import type { DataFolder } from './data-folder.ts';
import { FEED_RECORDS, feedPrefix, feedRecordKey } from './view-keys.ts';

interface FeedRecord {
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
  /** The current feed first, then the retired ones, newest first. */
  readonly all: ReadonlyMap<FeedId, FeedLog>;
  /** Oldest first. */
  readonly retired: readonly FeedId[];
}

export async function openFeeds(deps: FeedsDeps): Promise<Feeds> {
  const records = await readRecords(deps.store);
  const last = records.at(-1);
  const secretKey = last === undefined || last.record.retired ? undefined : await deps.folder.feedSecretKey(last.feed);
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
  const all = new Map<FeedId, FeedLog>([[current.id, current]]);
  const retired: FeedId[] = [];
  for (const { feed, record } of records.reverse()) {
    if (feed === current.id) continue;
    all.set(feed, await openFeed(deps, record, undefined));
    retired.unshift(feed);
  }
  return { current, all, retired };
}

/** The feeds of a store that is only looked at, such as a backup's: nothing is begun, retired or written. */
export async function readFeeds(deps: Pick<FeedsDeps, 'suite' | 'store'>): Promise<ReadonlyMap<FeedId, FeedLog>> {
  const feeds = new Map<FeedId, FeedLog>();
  for (const { feed, record } of (await readRecords(deps.store)).reverse())
    feeds.set(feed, await openFeed(deps, record, undefined));
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

async function readRecords(store: Store): Promise<{ readonly feed: FeedId; readonly record: FeedRecord }[]> {
  const rows = await store.range({ ...FEED_RECORDS, limit: 100_000 });
  return rows
    .map(({ key, value }) => ({ feed: feedIdOf(key.slice(-32)), record: decodeRecord(value) }))
    .sort((a, b) => a.record.order - b.record.order);
}

function encodeRecord(record: FeedRecord): Uint8Array {
  return utf8(JSON.stringify(record));
}

function decodeRecord(bytes: Uint8Array): FeedRecord {
  return JSON.parse(fromUtf8(bytes)) as FeedRecord;
}
