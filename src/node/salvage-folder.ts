/**
 * What `repair` does where a node does not run, before its folder is opened: the database is made sound, and feeds end where
 * their keys have signed them. A feed of this node whose end may be lost is never written again, as after a restore: positions
 * behind its end may have been given. The node then begins another, and other nodes give it what they have of the old one.
 */
import { fromHex, fromUtf8, type Log, readUint64, toHex } from '../base/index.ts';
import { discoveryKeyOf, FeedLog, type FeedLogOptions, type MendedEnd, mendEnd } from '../feed/index.ts';
import { type FeedId, feedIdOf, type HomeName } from '../protocol/index.ts';
import { type KeySpan, type Store, under } from '../store/index.ts';
import { type SalvageReport, SqliteStore } from '../store/sqlite/index.ts';
import { DataFolder, type DataFolderDeps } from './data-folder.ts';
import {
  encodeRecord,
  type FeedRecord,
  type FeedsDeps,
  readCopyRecords,
  readFeeds,
  readRecords,
  retireFeed,
} from './feeds.ts';
import { retireKeyLog } from './key-log.ts';
import { HOME_VERSIONS_MAX } from './limits.ts';
import { NodeError } from './node-error.ts';
import { type Problem, problem } from './problem.ts';
import { rebuildViews } from './view-check.ts';
import {
  COPY_RECORDS,
  copyPrefix,
  FEED_RECORDS,
  feedPrefix,
  feedRecordKey,
  foldedKey,
  HOME_VERSIONS,
  KEY_LOG_MIRRORS,
  KEY_LOG_RECORD,
  keyLogPrefix,
  toldHomeKey,
} from './view-keys.ts';

export interface SalvageFolderDeps extends DataFolderDeps {
  readonly log: Log;
}

/** What was mended, each as the problem that it was; nothing for a sound folder, and for rows in PostgreSQL. */
export async function salvageFolder(deps: SalvageFolderDeps, path: string): Promise<readonly Problem[]> {
  const folder = await DataFolder.open(deps, path, {});
  if (folder.database !== undefined || !(await folder.hasStore())) return [];
  const report = await SqliteStore.salvage(folder.storeFolder);
  await using store = await SqliteStore.open(deps, { folder: folder.storeFolder });
  if (report.problems.length > 0 && !report.isLostKnown)
    throw beyondRepair('some of its rows are lost, and which is not known', false);
  const salvage = new FolderSalvage({ ...deps, folder, store }, report);
  const mended = await salvage.run();
  if (report.lost.length > 0) await makeViews(deps, { home: folder.config.home, store, lost: report.lost });
  return [...describe(report), ...mended];
}

/**
 * Views that lack rows would be folded on as if they were whole, and a home begun anew that lacks its document. They are made
 * again: of this node's own feeds here, of copies when the node starts, as far as they are there then. Throws NodeError
 * `damaged` where an entry of an own feed is lost: what comes after it cannot be made, and stands in the old views alone.
 */
async function makeViews(
  deps: SalvageFolderDeps,
  { home, store, lost }: { readonly home: HomeName; readonly store: Store; readonly lost: readonly Uint8Array[] },
): Promise<void> {
  await keepHome(store, lost);
  const feeds = await readFeeds({ ...deps, store });
  const copies = [...feeds.values()].filter(({ isReplica }) => isReplica);
  // How far a copy is folded may be lost: it is folded again when the node starts.
  await store.transact((transaction) => {
    for (const { id } of copies) transaction.delete(foldedKey(id));
  });
  const check = { ...deps, home, store, feeds, checkStore: async () => [] };
  if (await rebuildViews(check, {})) return;
  throw beyondRepair('an entry of its own feed is lost', copies.length > 0);
}

/**
 * Versions of the home that this node had come from nodes whose feeds may lack them now: they stay as what it was told. A home
 * that went back to an older version would be signed for a second time.
 */
async function keepHome(store: Store, lost: readonly Uint8Array[]): Promise<void> {
  const rows = await store.range({ ...HOME_VERSIONS, limit: HOME_VERSIONS_MAX });
  const newest = toHex(rows.at(-1)?.key ?? new Uint8Array(0));
  const [first, end] = [toHex(HOME_VERSIONS.from), toHex(HOME_VERSIONS.to)];
  const isNewestLost = lost.map(toHex).some((key) => key >= first && key < end && key > newest);
  if (isNewestLost) throw beyondRepair('the newest version of its home is lost', true);
  await store.transact((transaction) => {
    for (const { key, value } of rows) transaction.put(toldHomeKey(readUint64(key, key.length - 8)), value);
  });
}

function beyondRepair(what: string, hasOthers: boolean): NodeError {
  return new NodeError('damaged', `this node cannot go on from its database: ${what}`, {
    fix: hasOthers
      ? 'Join the home again under the same name, in an empty folder (`restante fleet join`): the other nodes have it.'
      : 'Where the home has other nodes, join it again under the same name in an empty folder (`restante fleet join`); else restore the newest backup with `restante restore`: clients give back what came after it.',
  });
}

class FolderSalvage {
  readonly #deps: FeedsDeps;
  readonly #report: SalvageReport;
  readonly #mended: Problem[] = [];

  constructor(deps: FeedsDeps, report: SalvageReport) {
    this.#deps = deps;
    this.#report = report;
  }

  async run(): Promise<readonly Problem[]> {
    const { folder, store } = this.#deps;
    await this.#restoreRecords();
    await this.#dropUnknownCopies();
    const copies = await readCopyRecords(store);
    for (const { feed, record } of copies)
      await this.#mend(feed, { prefix: copyPrefix(feed), publicKey: fromHex(record.publicKey), replica: true });
    for (const { feed, record } of await readRecords(store)) {
      if (copies.some((copy) => copy.feed === feed)) continue;
      const secretKey = await folder.feedSecretKey(feed);
      const options = { prefix: feedPrefix(feed), publicKey: fromHex(record.publicKey) };
      const isEndLost = await this.#mend(feed, { ...options, ...(secretKey === undefined ? {} : { secretKey }) });
      if (isEndLost && !record.retired) await retireFeed(this.#deps, feed);
    }
    await this.#mendKeyLog();
    return this.#mended;
  }

  /** Whether blocks at the end of the feed may be lost. */
  async #mend(feed: FeedId, options: FeedLogOptions): Promise<boolean> {
    const end = await mendEnd(this.#deps, options);
    if (end.kind !== 'whole') this.#mended.push(describeEnd(feed, end));
    if (this.#report.problems.length > 0) await this.#forgetLost(await FeedLog.open(this.#deps, options));
    return end.kind === 'cut' || this.#mayLack(options.prefix, end.length);
  }

  /** Nodes of the tree are made again from blocks; blocks of a copy that are lost are to come again. */
  async #forgetLost(log: FeedLog): Promise<void> {
    const { store } = this.#deps;
    const { mender } = log;
    const { nodes } = await mender.settle(store);
    for (const part of mender.partsOf(nodes)) await store.transact((transaction) => mender.putNodes(transaction, part));
    if (!log.isReplica) return;
    const lost: number[] = [];
    for await (const { code, index } of log.verifyAll(store, {}))
      if (code === 'missing_block' || code === 'unreadable_block') lost.push(index);
    await store.transact((transaction) => {
      for (const index of lost) mender.forget(transaction, index);
    });
  }

  /** Whether rows of a feed from this length on were there. */
  #mayLack(prefix: Uint8Array, length: number): boolean {
    const { lost } = this.#report;
    const end = toHex(prefix);
    return lost.some((key) => toHex(key).startsWith(end) && isOfEnd(key.subarray(prefix.length), length));
  }

  /** The record of a feed whose secret key is here says nothing that the key does not. */
  async #restoreRecords(): Promise<void> {
    const { folder, store, suite } = this.#deps;
    const records = await readRecords(store);
    let order = records.reduce((most, { record }) => Math.max(most, record.order), 0);
    for (const key of this.#lostIn(FEED_RECORDS)) {
      const feed = feedIdOf(key.slice(-32));
      const secretKey = await folder.feedSecretKey(feed);
      const publicKey = secretKey?.subarray(-32);
      if (publicKey === undefined || feedIdOf(discoveryKeyOf(suite, publicKey)) !== feed) continue;
      const record: FeedRecord = { publicKey: toHex(publicKey), order: ++order, retired: false };
      await store.transact((transaction) => transaction.put(feedRecordKey(feed), encodeRecord(record)));
    }
  }

  /** Whose feed a copy is stands in its record alone; other nodes name it again, and it is copied from its first block on. */
  async #dropUnknownCopies(): Promise<void> {
    const { store } = this.#deps;
    for (const key of this.#lostIn(COPY_RECORDS)) {
      const rows = under(copyPrefix(feedIdOf(key.slice(-32))));
      await store.transact((transaction) => transaction.deleteRange(rows.from, rows.to));
    }
  }

  /** One whose end may be lost is begun anew, and one of another node is followed from its first record. */
  async #mendKeyLog(): Promise<void> {
    const { folder, store, suite } = this.#deps;
    if ([...this.#lostIn(KEY_LOG_MIRRORS)].length > 0)
      await store.transact((transaction) => transaction.deleteRange(KEY_LOG_MIRRORS.from, KEY_LOG_MIRRORS.to));
    const row = await store.get(KEY_LOG_RECORD);
    if (row === undefined) return;
    const publicKey = fromHex((JSON.parse(fromUtf8(row)) as { readonly publicKey: string }).publicKey);
    const feed = feedIdOf(discoveryKeyOf(suite, publicKey));
    const secretKey = await folder.feedSecretKey(feed);
    if (secretKey === undefined) return;
    if (await this.#mend(feed, { prefix: keyLogPrefix(feed), publicKey, secretKey })) await retireKeyLog(this.#deps);
  }

  *#lostIn({ from, to }: KeySpan): Generator<Uint8Array> {
    const [first, end] = [toHex(from), toHex(to)];
    for (const key of this.#report.lost) if (toHex(key) >= first && toHex(key) < end) yield key;
  }
}

/** A row of a feed, below its prefix: a block from `length` on, or a signature of more. */
function isOfEnd(row: Uint8Array, length: number): boolean {
  const kind = String.fromCharCode(row[0] ?? 0);
  const number = Number(BigInt(`0x${toHex(row.subarray(1)) || '0'}`));
  return (kind === 'b' && number >= length) || (kind === 's' && number > length);
}

function describe({ damagedFolder, lost, problems, rowCount }: SalvageReport): Problem[] {
  if (problems.length === 0) return [];
  const lacking = `${lost.length} rows could not be read`;
  const message = `${problems[0]}: the database was written anew with ${rowCount} rows, ${lacking}; what was there is in ${damagedFolder}`;
  return [problem('store', 'store', message)];
}

function describeEnd(feed: FeedId, end: MendedEnd): Problem {
  const where = `feed ${feed.slice(0, 16)}`;
  if (end.kind !== 'cut') return problem('signature', where, 'its last signature was damaged and is made again');
  return problem(
    'signature',
    where,
    `it ends at ${end.length} instead of ${end.lengthBefore}, where its key has signed it`,
  );
}
