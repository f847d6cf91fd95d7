/** `verify` and `repair`: the feeds against their trees, and the views against the feeds. */
import { type CryptoSuite, compareBytes, invariant, readUint64, toHex } from '../base/index.ts';
import type { FeedLog } from '../feed/index.ts';
import { decodeEntryHeader, EntryKind, type FeedId, type HomeName, parsePdu } from '../protocol/index.ts';
import { MemoryStore, type Row, type Store, type StoreReader } from '../store/index.ts';
import { type FoldedEntry, foldEntry, keysOf } from './fold.ts';
import { NodeError } from './node-error.ts';
import { ViewBuffer } from './view-buffer.ts';
import { foldedKey, VIEWS } from './view-keys.ts';

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
  for (const [id, feed] of deps.feeds) {
    checked += feed.length;
    const found = feed.verifyAll(deps.store, {
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onProgress: (done, total) => options.onProgress?.({ stage: 'blocks', done, total }),
    });
    for await (const { code, index, message } of found)
      note({ code: 'block', where: `${id.slice(0, 16)}/${index}`, message: `${code}: ${message}` });
  }
  await using fresh = new MemoryStore();
  const fold = new FreshFold(deps, fresh, note);
  await fold.catchUp(deps.store, options);
  await deps.store.transact(async (transaction) => {
    await fold.catchUp(transaction, options);
    checked += await compareViews(transaction, fresh, note);
  });
  return { ok: problems.length === 0, checked, problems };
}

/** Throws the views away and folds them again from the feeds; one transaction, so a crash leaves the old ones. */
export async function rebuildViews(deps: CheckDeps, options: CheckOptions): Promise<void> {
  const problems: Problem[] = [];
  await using fresh = new MemoryStore();
  const fold = new FreshFold(deps, fresh, (problem) => problems.push(problem));
  await fold.catchUp(deps.store, options);
  await deps.store.transact(async (transaction) => {
    await fold.catchUp(transaction, options);
    if (problems.length > 0)
      throw new NodeError('damaged', `an entry cannot be read: ${problems[0]?.where} ${problems[0]?.message}`, {
        fix: 'Restore the newest backup with `restante restore`; clients give back what came after it.',
      });
    transaction.deleteRange(VIEWS.from, VIEWS.to);
    for await (const row of rowsOf(fresh)) transaction.put(row.key, row.value);
  });
}

/** The views of the feeds, folded again into a store of their own, as far as a reader sees the feeds. */
class FreshFold {
  readonly #deps: CheckDeps;
  readonly #into: Store;
  readonly #note: (problem: Problem) => void;
  readonly #folded = new Map<FeedId, number>();

  constructor(deps: CheckDeps, into: Store, note: (problem: Problem) => void) {
    this.#deps = deps;
    this.#into = into;
    this.#note = note;
  }

  async catchUp(reader: StoreReader, options: CheckOptions): Promise<void> {
    for (const feed of [...this.#deps.feeds.values()].reverse()) {
      const row = await reader.get(foldedKey(feed.id));
      // A transaction sees blocks that are not on disk yet; the fold's own row says how far they go.
      const length = Math.max(feed.length, row === undefined ? 0 : readUint64(row));
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
    await this.#into.transact(async (transaction) => {
      const views = new ViewBuffer(transaction);
      await views.prefetch(keysOf(this.#deps, page.entries));
      for (const entry of page.entries) await foldEntry(this.#deps, views, entry);
      views.flush();
    });
    return page.next;
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

/** Walks both stores' views side by side; returns how many rows were looked at. */
async function compareViews(
  actual: StoreReader,
  expected: StoreReader,
  note: (problem: Problem) => void,
): Promise<number> {
  let checked = 0;
  const [left, right] = [rowsOf(actual), rowsOf(expected)];
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

async function* rowsOf(reader: StoreReader): AsyncGenerator<Row> {
  let { from } = VIEWS;
  for (;;) {
    const rows = await reader.range({ from, to: VIEWS.to, limit: COMPARE_PAGE_ROWS });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    from = Uint8Array.of(...last.key, 0);
  }
}
