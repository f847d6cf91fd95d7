/** `verify` and `repair`: the feeds against their trees, and the views against the feeds. */
import { type CryptoSuite, compareBytes, invariant, readUint64, toHex } from '../base/index.ts';
import type { FeedLog } from '../feed/index.ts';
import {
  type Address,
  decodeEntryHeader,
  EntryKind,
  type FeedId,
  type HomeName,
  parseAccountDocument,
  parseAddress,
  parsePdu,
} from '../protocol/index.ts';
import { type KeySpan, MemoryStore, type Row, type Store, type StoreReader } from '../store/index.ts';
import { type FoldedEntry, foldEntry, keysOf } from './fold.ts';
import { NodeError } from './node-error.ts';
import { ViewBuffer } from './view-buffer.ts';
import { foldedKey, VIEWS, viewsOf } from './view-keys.ts';

export interface Problem {
  readonly code: 'block' | 'entry' | 'view_missing' | 'view_extra' | 'view_differs';
  readonly where: string;
  readonly message: string;
}

export interface CheckResult {
  readonly ok: boolean;
  /** Blocks and view rows looked at. */
  readonly checked: number;
  readonly problems: readonly Problem[];
}

export interface CheckDeps {
  readonly suite: CryptoSuite;
  readonly home: HomeName;
  readonly store: Store;
  readonly feeds: ReadonlyMap<FeedId, FeedLog>;
}

export interface CheckOptions {
  /** Only this account: the blocks of its entries, and the views that stand under its name. */
  readonly account?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly stage: string; readonly done: number; readonly total: number }) => void;
}

const FOLD_PAGE_BLOCKS = 512;
const COMPARE_PAGE_ROWS = 2_000;
/** More are counted but not listed: the first hundred say what is wrong. */
const PROBLEMS_LISTED = 100;

/**
 * Every held block against its tree, every view row against a fresh fold of the feeds. The store is only read, and serves
 * meanwhile; writers wait only for the last step, in which the views stand still to be compared.
 */
export async function checkEverything(deps: CheckDeps, options: CheckOptions): Promise<CheckResult> {
  const problems: Problem[] = [];
  let checked = 0;
  const note = (problem: Problem): void => {
    if (problems.length < PROBLEMS_LISTED) problems.push(problem);
  };
  const account = options.account === undefined ? undefined : parseAddress(options.account);
  await using fresh = new MemoryStore();
  const fold = new FreshFold(deps, fresh, account, note);
  await fold.catchUp(deps.store, options);
  for (const [id, feed] of deps.feeds) {
    const blocks = fold.blocksOf(id);
    checked += blocks?.size ?? feed.length;
    const found = feed.verifyAll(deps.store, {
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onProgress: (done, total) => options.onProgress?.({ stage: 'blocks', done, total }),
    });
    for await (const { code, index, message } of found)
      if (blocks === undefined || blocks.has(index) || !BLOCK_PROBLEMS.has(code))
        note({ code: 'block', where: `${id.slice(0, 16)}/${index}`, message: `${code}: ${message}` });
  }
  await deps.store.transact(async (transaction) => {
    await fold.catchUp(transaction, options);
    for (const bounds of account === undefined ? [VIEWS] : viewsOf(account))
      checked += await compareViews(transaction, fresh, bounds, note);
  });
  return { ok: problems.length === 0, checked, problems };
}

/** Throws the views away, all or an account's, and folds them again from the feeds; one transaction, so a crash leaves the old ones. */
export async function rebuildViews(deps: CheckDeps, options: CheckOptions): Promise<void> {
  const problems: Problem[] = [];
  const account = options.account === undefined ? undefined : parseAddress(options.account);
  await using fresh = new MemoryStore();
  const fold = new FreshFold(deps, fresh, account, (problem) => problems.push(problem));
  await fold.catchUp(deps.store, options);
  await deps.store.transact(async (transaction) => {
    await fold.catchUp(transaction, options);
    if (problems.length > 0)
      throw new NodeError('damaged', `an entry cannot be read: ${problems[0]?.where} ${problems[0]?.message}`, {
        fix: 'Restore the newest backup with `restante restore`; clients give back what came after it.',
      });
    for (const bounds of account === undefined ? [VIEWS] : viewsOf(account)) {
      transaction.deleteRange(bounds.from, bounds.to);
      for await (const row of rowsOf(fresh, bounds)) transaction.put(row.key, row.value);
    }
  });
}

/** The views of the feeds, folded again into a store of their own, as far as a reader sees the feeds. */
class FreshFold {
  readonly #deps: CheckDeps;
  readonly #into: Store;
  readonly #account: Address | undefined;
  readonly #note: (problem: Problem) => void;
  readonly #folded = new Map<FeedId, number>();
  readonly #blocks = new Map<FeedId, Set<number>>();

  /** With an account, only what concerns it is folded: rows under other names are wrong then, and nobody looks at them. */
  constructor(deps: CheckDeps, into: Store, account: Address | undefined, note: (problem: Problem) => void) {
    this.#deps = deps;
    this.#into = into;
    this.#account = account;
    this.#note = note;
  }

  /** The blocks of the account's entries so far; undefined without an account: all of them. */
  blocksOf(feed: FeedId): ReadonlySet<number> | undefined {
    return this.#account === undefined ? undefined : (this.#blocks.get(feed) ?? new Set());
  }

  async catchUp(reader: StoreReader, options: CheckOptions): Promise<void> {
    for (const feed of [...this.#deps.feeds.values()].reverse()) {
      const row = await reader.get(foldedKey(feed.id));
      // A transaction sees blocks that are not on disk yet; the fold's own row says how far they go. Of a copy it says how
      // far its header blocks are here.
      const folded = row === undefined ? 0 : readUint64(row);
      const length = feed.isReplica ? folded : Math.max(feed.length, folded);
      for (let next = this.#folded.get(feed.id) ?? 0; next < length; ) {
        options.signal?.throwIfAborted();
        next = await this.#foldPage(reader, feed, next, length);
        this.#folded.set(feed.id, next);
        options.onProgress?.({ stage: 'views', done: next, total: length });
      }
    }
  }

  async #foldPage(reader: StoreReader, feed: FeedLog, from: number, length: number): Promise<number> {
    const page = await readEntries(this.#deps.suite, reader, feed, { from, length }, this.#note);
    const entries = this.#account === undefined ? page.entries : this.#concerning(this.#account, page.entries);
    await this.#into.transact(async (transaction) => {
      const views = new ViewBuffer(transaction);
      await views.prefetch(keysOf(this.#deps, entries));
      for (const entry of entries) await foldEntry(this.#deps, views, entry);
      views.flush();
    });
    return page.next;
  }

  /** The entries that an account's views are made of, each as if it concerned nobody else. */
  #concerning(account: Address, entries: readonly FoldedEntry[]): FoldedEntry[] {
    return entries.flatMap((entry) => {
      const { header } = entry;
      const isIts =
        header.accounts.includes(account) ||
        header.erased.some((range) => range.account === account) ||
        (header.kind === EntryKind.ACCOUNT &&
          parseAccountDocument(this.#deps.suite, header.document).address === account);
      if (!isIts) return [];
      const blocks = this.#blocks.get(entry.feed) ?? new Set<number>();
      this.#blocks.set(entry.feed, blocks.add(entry.index));
      if (header.hasBody) blocks.add(entry.index + 1);
      const erased = header.erased.filter((range) => range.account === account);
      return [
        { ...entry, header: { ...header, accounts: header.accounts.filter((name) => name === account), erased } },
      ];
    });
  }
}

/** The entries of a page of blocks; a body block at its end belongs to the next page's first header. */
async function readEntries(
  suite: CryptoSuite,
  reader: StoreReader,
  feed: FeedLog,
  { from, length }: { readonly from: number; readonly length: number },
  note: (problem: Problem) => void,
): Promise<{ readonly entries: readonly FoldedEntry[]; readonly next: number }> {
  const end = Math.min(length, from + FOLD_PAGE_BLOCKS);
  const indexes = Array.from({ length: end - from }, (_, i) => from + i);
  const blocks = await feed.getBlocks(reader, indexes);
  const entries: FoldedEntry[] = [];
  let next = from;
  while (next < end) {
    const block = blocks[next - from];
    try {
      invariant(block !== undefined, 'the header block is held');
      const header = decodeEntryHeader(block);
      const isMail = header.kind === EntryKind.MAIL || header.kind === EntryKind.NOTE;
      entries.push({ feed: feed.id, index: next, header, ...(isMail ? { pdu: parsePdu(suite, header.pdu) } : {}) });
      next += header.hasBody ? 2 : 1;
    } catch (error) {
      note({ code: 'entry', where: `${feed.id.slice(0, 16)}/${next}`, message: (error as Error).message });
      next += 1;
    }
  }
  return { entries, next };
}

/** Of one block. What is wrong with the tree or its signatures is wrong for every account. */
const BLOCK_PROBLEMS: ReadonlySet<string> = new Set(['block_hash', 'missing_block', 'uncleared_block']);

/** Walks both stores' views side by side; returns how many rows were looked at. */
async function compareViews(
  actual: StoreReader,
  expected: StoreReader,
  bounds: KeySpan,
  note: (problem: Problem) => void,
): Promise<number> {
  let checked = 0;
  const [left, right] = [rowsOf(actual, bounds), rowsOf(expected, bounds)];
  let [a, b] = [await left.next(), await right.next()];
  while (a.done !== true || b.done !== true) {
    checked += 1;
    const order = a.done === true ? 1 : b.done === true ? -1 : compareBytes(a.value.key, b.value.key);
    const where = toHex((order <= 0 ? a.value : b.value).key);
    if (order < 0) note({ code: 'view_extra', where, message: 'a view row that no entry explains' });
    else if (order > 0) note({ code: 'view_missing', where, message: 'a view row is missing' });
    else if (compareBytes(a.value.value, b.value.value) !== 0)
      note({ code: 'view_differs', where, message: 'a view row differs' });
    if (order <= 0) a = await left.next();
    if (order >= 0) b = await right.next();
  }
  return checked;
}

async function* rowsOf(reader: StoreReader, bounds: KeySpan): AsyncGenerator<Row> {
  let { from } = bounds;
  for (;;) {
    const rows = await reader.range({ from, to: bounds.to, limit: COMPARE_PAGE_ROWS });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    from = Uint8Array.of(...last.key, 0);
  }
}
