/**
 * The one way into a node's state: entries are appended to its feed, folded into the views and cleared of erased bodies in
 * one store transaction, then announced. Transactions run one after the other and share commits, so a writer need not
 * wait for the disk before it hands over the next batch. Entries that other nodes wrote come in as blocks of their feeds, and
 * are folded in the transaction that stores them.
 */
import { type Clock, type CryptoSuite, Emitter, type Log, readUint64 } from '../base/index.ts';
import type { Acceptance, BlockClaim, FeedLog } from '../feed/index.ts';
import {
  type Address,
  decodeEntryHeader,
  EntryHeader,
  EntryKind,
  encodeEntryHeader,
  type FeedId,
  feedIdOf,
  type HomeName,
  type Pdu,
  ProtocolError,
  parseAccountDocument,
  parseAddress,
  parseHomeDocument,
  parsePdu,
} from '../protocol/index.ts';
import type { Store, StoreTransaction } from '../store/index.ts';
import { blocksToClear } from './clearing.ts';
import type { ErasedBody } from './erasure.ts';
import { type FoldedEntry, foldEntry, isStanding, keysOf } from './fold.ts';
import { HeaderBlocks } from './header-blocks.ts';
import type { KeyLog } from './key-log.ts';
import { FOLD_ENTRIES_MAX } from './limits.ts';
import { ViewBuffer } from './view-buffer.ts';
import { foldedKey } from './view-keys.ts';

/** An entry to be written: the header's version, time and body fields are the journal's to fill. */
export interface NewEntry {
  readonly header: Partial<EntryHeader> & { readonly kind: EntryKind };
  readonly body?: Uint8Array;
  /** SHA-256 of the body, when it is known already. */
  readonly bodySha256?: Uint8Array;
  /** The parsed PDU, when there is one. */
  readonly pdu?: Pdu;
}

export interface WrittenEntry {
  readonly feed: FeedId;
  readonly index: number;
  /** Microseconds since 1970. */
  readonly receivedAt: number;
}

/** What became durable, for those who follow: only a hint, the views are the truth. */
export interface JournalEvents {
  committed: { readonly addresses: ReadonlySet<Address>; readonly entries: readonly FoldedEntry[] };
  /** A body is gone. */
  cleared: { readonly feed: FeedId; readonly index: number };
}

export interface JournalDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly home: HomeName;
  readonly store: Store;
  readonly log: Log;
  /** The feed this node writes. */
  readonly feed: FeedLog;
  /** All feeds, retired ones and copies included, for clearing bodies. */
  readonly feeds: ReadonlyMap<FeedId, FeedLog>;
  /** Names every document that becomes one of the home's. */
  readonly keyLog: Pick<KeyLog, 'append'>;
}

/** Lives inside the callback of `write`. */
export interface JournalTransaction {
  readonly views: ViewBuffer;
  readonly transaction: StoreTransaction;
  /** Writes entries in this order; their rows are folded when it returns. */
  append(entries: readonly NewEntry[]): Promise<readonly WrittenEntry[]>;
}

export class Journal {
  readonly events: Emitter<JournalEvents>;
  readonly #deps: JournalDeps;

  constructor(deps: JournalDeps) {
    this.#deps = deps;
    this.events = new Emitter((error) => deps.log.error({ error }, 'a follower of the journal failed'));
  }

  /** Resolves when all that `work` appended is on disk, then tells followers. Throws what `work` throws. */
  async write<Result>(work: (journal: JournalTransaction) => Promise<Result>): Promise<Result> {
    return this.#deps.store.transact(async (transaction) => {
      const views = new ViewBuffer(transaction);
      const written: FoldedEntry[] = [];
      const result = await work({
        views,
        transaction,
        append: (entries) => this.#append(views, transaction, entries, written),
      });
      views.flush();
      transaction.onCommit(() => this.#announce(written));
      return result;
    });
  }

  /**
   * Takes blocks of a feed that another node writes, and folds the header blocks that are here without a gap from the
   * first on, in one transaction. A body may be owed: its header says that one follows. Resolves when all is on disk.
   */
  async accept(log: FeedLog, claims: readonly BlockClaim[]): Promise<readonly Acceptance[]> {
    const { store } = this.#deps;
    const { acceptances, isMore } = await store.transact(async (transaction) => {
      const accepted = await log.accept(transaction, claims);
      await this.#tellBodies(transaction, log, accepted);
      // What came after everybody here had erased it goes again.
      for (const { outcome, index } of accepted)
        if (outcome === 'stored' && log.mayBeCleared(index)) log.clear(transaction, index);
      return { acceptances: accepted, isMore: await this.#foldCopy(transaction, log) };
    });
    if (isMore) await this.foldOn(log);
    return acceptances;
  }

  /** Folds what is here of a copy and was not folded yet; of a feed that is none, everything is. */
  async foldOn(log: FeedLog): Promise<void> {
    let isMore = true;
    while (isMore) isMore = await this.#deps.store.transact((transaction) => this.#foldCopy(transaction, log));
  }

  /** Bodies that were owed: whoever their entries are for is told again. */
  async #tellBodies(transaction: StoreTransaction, log: FeedLog, accepted: readonly Acceptance[]): Promise<void> {
    const row = log.isReplica ? await transaction.get(foldedKey(log.id)) : undefined;
    const folded = row === undefined ? 0 : readUint64(row);
    // Headers are folded without a gap, so what comes below is a body.
    const bodies = accepted.filter(({ outcome, index }) => outcome === 'stored' && index > 0 && index < folded);
    if (bodies.length === 0) return;
    const headers = await log.getBlocks(
      transaction,
      bodies.map(({ index }) => index - 1),
    );
    const addresses = new Set<Address>();
    for (const block of headers)
      if (block !== undefined)
        for (const account of decodeEntryHeader(block).accounts) addresses.add(account as Address);
    transaction.onCommit(() => this.events.emit('committed', { addresses, entries: [] }));
  }

  /** A page of entries; says whether there may be more. */
  async #foldCopy(transaction: StoreTransaction, log: FeedLog): Promise<boolean> {
    if (!log.isReplica) return false;
    const views = new ViewBuffer(transaction);
    const row = await views.get(foldedKey(log.id));
    const entries = await this.#readCopy(transaction, log, row === undefined ? 0 : readUint64(row));
    const standing = await this.#standing(views, entries);
    await this.#fold(views, transaction, entries);
    // What a registrar signed last may come after its successor has logged what it had.
    const now = await this.#standing(views, entries);
    const newly = entries.filter((entry) => now.has(entry) && !standing.has(entry));
    this.#deps.keyLog.append(
      transaction,
      newly.map(({ header }) => header),
    );
    views.flush();
    transaction.onCommit(() => this.#announce(entries));
    return entries.length === FOLD_ENTRIES_MAX;
  }

  /** Those that bring a document which is a version of its chain by now. */
  async #standing(views: ViewBuffer, entries: readonly FoldedEntry[]): Promise<ReadonlySet<FoldedEntry>> {
    const standing = new Set<FoldedEntry>();
    for (const entry of entries) if (await isStanding(this.#deps, views, entry.header)) standing.add(entry);
    return standing;
  }

  async #readCopy(transaction: StoreTransaction, log: FeedLog, from: number): Promise<readonly FoldedEntry[]> {
    const entries: FoldedEntry[] = [];
    const blocks = new HeaderBlocks(log, transaction);
    for (let index = from; entries.length < FOLD_ENTRIES_MAX; ) {
      const block = await blocks.read(index);
      if (block === undefined) break;
      try {
        const entry = readEntry(this.#deps.suite, log.id, index, block);
        entries.push(entry);
        index += entry.header.hasBody ? 2 : 1;
      } catch (error) {
        // Its writer is newer than this program, or wrong: what follows waits, and nothing else is held up.
        if (!(error instanceof ProtocolError)) throw error;
        this.#deps.log.error({ error, feed: log.id, index }, 'an entry of another node cannot be read');
        break;
      }
    }
    return entries;
  }

  async #append(
    views: ViewBuffer,
    transaction: StoreTransaction,
    entries: readonly NewEntry[],
    written: FoldedEntry[],
  ): Promise<readonly WrittenEntry[]> {
    const { clock, feed } = this.#deps;
    if (entries.length === 0) return [];
    const receivedAt = Math.floor(clock.now() * 1000);
    const blocks: Uint8Array[] = [];
    const headers: EntryHeader[] = [];
    const offsets: number[] = [];
    for (const entry of entries) {
      const header = this.#complete(entry, receivedAt);
      headers.push(header);
      offsets.push(blocks.length);
      blocks.push(encodeEntryHeader(header));
      if (entry.body !== undefined) blocks.push(entry.body);
    }
    const { firstIndex } = feed.append(transaction, blocks);
    const folded = headers.map(
      (header, i): FoldedEntry => ({
        feed: feed.id,
        index: firstIndex + (offsets[i] as number),
        header,
        ...(entries[i]?.pdu === undefined ? {} : { pdu: entries[i].pdu }),
      }),
    );
    await this.#fold(views, transaction, folded);
    this.#deps.keyLog.append(transaction, headers);
    written.push(...folded);
    return folded.map((entry) => ({ feed: entry.feed, index: entry.index, receivedAt }));
  }

  #complete(entry: NewEntry, receivedAt: number): EntryHeader {
    const { body } = entry;
    const header = { ...EMPTY_HEADER, ...entry.header, version: 1, receivedAt, hasBody: body !== undefined };
    if (body !== undefined) {
      header.bodySha256 = entry.bodySha256 ?? this.#deps.suite.sha256(body);
      header.bodySize = body.length;
    }
    return header;
  }

  async #fold(views: ViewBuffer, transaction: StoreTransaction, entries: readonly FoldedEntry[]): Promise<void> {
    await views.prefetch(keysOf(this.#deps, entries));
    const erased: ErasedBody[] = [];
    for (const entry of entries) {
      erased.push(...(await foldEntry(this.#deps, views, entry)));
      if (this.#isForOthersOnly(entry)) erased.push({ feed: entry.feed, index: entry.index });
    }
    // Together, so that asking who holds them takes a few reads for all.
    for (const place of erased.length === 0 ? [] : await blocksToClear(this.#deps, views, erased)) {
      this.#deps.feeds.get(place.feed)?.clear(transaction, place.index);
      transaction.onCommit(() => this.events.emit('cleared', place));
    }
  }

  /** Another node took it, for other homes alone: nobody here holds it, from the first on. */
  #isForOthersOnly({ feed, header }: FoldedEntry): boolean {
    const isMail = header.kind === EntryKind.MAIL && header.hasBody;
    return isMail && header.accounts.length === 0 && feed !== this.#deps.feed.id;
  }

  #announce(entries: readonly FoldedEntry[]): void {
    if (entries.length === 0) return;
    const addresses = new Set<Address>();
    for (const { header } of entries) {
      for (const account of header.accounts) addresses.add(account as Address);
      for (const range of header.erased) addresses.add(range.account as Address);
    }
    this.events.emit('committed', { addresses, entries });
  }
}

/** An entry of somebody else. Throws ProtocolError for what the fold could not take. */
function readEntry(suite: CryptoSuite, feed: FeedId, index: number, block: Uint8Array): FoldedEntry {
  const header = decodeEntryHeader(block);
  switch (header.kind) {
    case EntryKind.MAIL:
    case EntryKind.NOTE:
      return { feed, index, header, pdu: parsePdu(suite, header.pdu) };
    case EntryKind.ACCOUNT:
      parseAccountDocument(suite, header.document);
      break;
    case EntryKind.KEY:
      parseHomeDocument(suite, header.document);
      break;
    case EntryKind.ERASE:
      for (const { account, feed: of } of header.erased) {
        parseAddress(account);
        feedIdOf(of);
      }
      break;
    case EntryKind.BLOB:
      feedIdOf(header.list); // 32 bytes, as a feed's name
      break;
    default:
      throw new ProtocolError('malformed', `an entry of kind ${header.kind}`);
  }
  return { feed, index, header };
}

/** Never changed: made once, since the library's `create` looks at each field of each header. */
const EMPTY_HEADER: EntryHeader = Object.freeze(EntryHeader.create());
