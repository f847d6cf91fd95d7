/**
 * The one way into a node's state: entries are appended to its feed, folded into the views and cleared of erased bodies in
 * one store transaction, then announced. Transactions run one after the other and share commits, so a writer need not
 * wait for the disk before it hands over the next batch.
 */
import { type Clock, type CryptoSuite, Emitter, type Log } from '../base/index.ts';
import type { FeedLog } from '../feed/index.ts';
import {
  type Address,
  decodeEntryHeader,
  EntryHeader,
  EntryKind,
  encodeEntryHeader,
  type FeedId,
  type HomeName,
  type Pdu,
  parsePdu,
} from '../protocol/index.ts';
import type { Store, StoreTransaction } from '../store/index.ts';
import { isBodyAwaited } from './awaited-bodies.ts';
import { type ErasedBody, isErasedByAll } from './erasure.ts';
import { type FoldedEntry, foldEntry, keysOf } from './fold.ts';
import type { KeyLog } from './key-log.ts';
import { ViewBuffer } from './view-buffer.ts';

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
}

export interface JournalDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly home: HomeName;
  readonly store: Store;
  readonly log: Log;
  /** The feed this node writes. */
  readonly feed: FeedLog;
  /** All feeds of this node, its retired ones included, for clearing bodies. */
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
    await views.prefetch(keysOf(this.#deps, folded));
    for (const entry of folded) await this.#clear(views, transaction, await foldEntry(this.#deps, views, entry));
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

  /** Clears the bodies that nobody holds any more; their hashes stay in the tree. */
  async #clear(views: ViewBuffer, transaction: StoreTransaction, erased: readonly ErasedBody[]): Promise<void> {
    for (const body of erased) {
      const feed = this.#deps.feeds.get(body.feed);
      if (feed === undefined) continue;
      const block = await feed.getBlock(transaction, body.index);
      if (block === undefined) continue;
      const header = decodeEntryHeader(block);
      if (!header.hasBody || !(await isErasedByAll(views, header.accounts as Address[], body))) continue;
      if (await this.#mustStay(transaction, header, body)) continue;
      feed.clear(transaction, body.index + 1);
    }
  }

  /** What others still await stays, and what says who is in a conversation: its readers fold it as long as it lives. */
  async #mustStay(transaction: StoreTransaction, header: EntryHeader, body: ErasedBody): Promise<boolean> {
    if (header.kind !== EntryKind.MAIL) return false;
    const { home, suite } = this.#deps;
    const pdu = parsePdu(suite, header.pdu);
    return pdu.type !== 'mail' || (await isBodyAwaited(transaction, home, pdu, body));
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

/** Never changed: made once, since the library's `create` looks at each field of each header. */
const EMPTY_HEADER: EntryHeader = Object.freeze(EntryHeader.create());
