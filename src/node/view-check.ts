/** `verify` and `repair`: the feeds against their trees, and the views against the feeds. */
import { type CryptoSuite, compareBytes, readUint64 } from '../base/index.ts';
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
import { blockPlace, type Problem, problem, viewPlace } from './problem.ts';
import { readableBlocks } from './readable.ts';
import { ViewBuffer } from './view-buffer.ts';
import { foldedKey, VIEWS, viewsOf } from './view-keys.ts';

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
  /** What the database says of itself, in words; nothing where it looks after itself. */
  readonly checkStore: () => Promise<readonly string[]>;
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
  const note = (found: Problem): void => {
    if (problems.length < PROBLEMS_LISTED) problems.push(found);
  };
  for (const found of await deps.checkStore()) note(problem('store', 'store', found));
  // Rows of a damaged database are not what was written: what would be said of them says nothing of feeds and views.
  if (problems.length > 0) return { ok: false, checked, problems };
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
        note(problem(code, blockPlace(id, index), message));
  }
  if (fold.isBroken) return { ok: false, checked, problems };
  await deps.store.transact(async (transaction) => {
    await fold.catchUp(transaction, options);
    for (const bounds of account === undefined ? [VIEWS] : viewsOf(account))
      checked += await compareViews(transaction, fresh, bounds, note);
  });
  return { ok: problems.length === 0, checked, problems };
}

/**
 * Makes the views, all or an account's, what the feeds say; in one transaction, and only where they differ. False, with
 * nothing changed: an entry cannot be read.
 */
export async function rebuildViews(deps: CheckDeps, options: CheckOptions): Promise<boolean> {
  const account = options.account === undefined ? undefined : parseAddress(options.account);
  await using fresh = new MemoryStore();
  const fold = new FreshFold(deps, fresh, account, () => undefined); // the check that follows names it
  await fold.catchUp(deps.store, options);
  return await deps.store.transact(async (transaction) => {
    await fold.catchUp(transaction, options);
    if (fold.isBroken) return false;
    for (const bounds of account === undefined ? [VIEWS] : viewsOf(account))
      for await (const { expected, actual } of pairs(transaction, fresh, bounds))
        if (expected === undefined && actual !== undefined) transaction.delete(actual.key);
        else if (expected !== undefined && !isSameValue(expected, actual))
          transaction.put(expected.key, expected.value);
    return true;
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
  #isBroken = false;

  /** With an account, only what concerns it is folded: rows under other names are wrong then, and nobody looks at them. */
  constructor(deps: CheckDeps, into: Store, account: Address | undefined, note: (problem: Problem) => void) {
    this.#deps = deps;
    this.#into = into;
    this.#account = account;
    this.#note = (found) => {
      this.#isBroken = true;
      note(found);
    };
  }

  /** Whether an entry could not be read: what comes of the others is not what the views should be. */
  get isBroken(): boolean {
    return this.#isBroken;
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
  const blocks = await readableBlocks(reader, feed, indexes);
  const entries: FoldedEntry[] = [];
  let next = from;
  while (next < end) {
    const block = blocks[next - from];
    try {
      if (block === undefined) throw new Error('the header of an entry is not there, or cannot be read');
      const header = decodeEntryHeader(block);
      const isMail = header.kind === EntryKind.MAIL || header.kind === EntryKind.NOTE;
      entries.push({ feed: feed.id, index: next, header, ...(isMail ? { pdu: parsePdu(suite, header.pdu) } : {}) });
      next += header.hasBody ? 2 : 1;
    } catch (error) {
      note(problem('entry', blockPlace(feed.id, next), (error as Error).message));
      // Where the next one begins, nothing tells any more.
      return { entries, next: length };
    }
  }
  return { entries, next };
}

/** Of one block. What is wrong with the tree or its signatures is wrong for every account. */
const BLOCK_PROBLEMS: ReadonlySet<string> = new Set([
  'block_hash',
  'missing_block',
  'unreadable_block',
  'uncleared_block',
]);

/** Walks both stores' views side by side; returns how many rows were looked at. */
async function compareViews(
  actual: StoreReader,
  expected: StoreReader,
  bounds: KeySpan,
  note: (problem: Problem) => void,
): Promise<number> {
  let checked = 0;
  for await (const pair of pairs(actual, expected, bounds)) {
    checked += 1;
    const { actual: row, expected: right } = pair;
    if (row === undefined) note(problem('view_missing', viewPlace(pair.expected.key), 'a view row is missing'));
    else if (right === undefined) note(problem('view_extra', viewPlace(row.key), 'a view row that no entry explains'));
    else if (!isSameValue(right, row)) note(problem('view_differs', viewPlace(row.key), 'a view row differs'));
  }
  return checked;
}

type Pair =
  | { readonly actual: Row; readonly expected: Row | undefined }
  | { readonly actual: undefined; readonly expected: Row };

/** The rows of both, those of one key together. */
async function* pairs(actual: StoreReader, expected: StoreReader, bounds: KeySpan): AsyncGenerator<Pair> {
  const [left, right] = [rowsOf(actual, bounds), rowsOf(expected, bounds)];
  let [a, b] = [await left.next(), await right.next()];
  while (a.done !== true || b.done !== true) {
    const order = a.done === true ? 1 : b.done === true ? -1 : compareBytes(a.value.key, b.value.key);
    if (order > 0) yield { actual: undefined, expected: b.value as Row };
    else yield { actual: a.value as Row, expected: order === 0 ? (b.value as Row) : undefined };
    if (order <= 0) a = await left.next();
    if (order >= 0) b = await right.next();
  }
}

function isSameValue(a: Row, b: Row | undefined): boolean {
  return b !== undefined && compareBytes(a.value, b.value) === 0;
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
