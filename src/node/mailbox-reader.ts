/**
 * Mailboxes as clients see them: signed heads, pages of entries, bodies. Reads only what is on disk. Whoever asks for an
 * address has proven it: nobody receives another account's numbers.
 */
import { type CryptoSuite, createBoundedCache, fromHex, invariant, type KeyPair, readUint64 } from '../base/index.ts';
import type { FeedLog } from '../feed/index.ts';
import {
  type Address,
  BodyState,
  ENTRIES_FRAME_BYTES,
  ENTRIES_PER_FRAME_MAX,
  type Entry,
  type FeedId,
  feedIdOf,
  headBytes,
  INLINE_BODY_BYTES_MAX,
  type MailboxHead,
  type PduId,
  pduOfEntryHeader,
  type SignedHead,
} from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import { erasedRanges, isErased } from './erasure.ts';
import type { Feeds } from './feeds.ts';
import type { HeldPdus } from './held-pdus.ts';
import { HEADS_CACHED_MAX } from './limits.ts';
import { readableBlock, readableBlocks } from './readable.ts';
import { headKey, hourKey, mailboxKey } from './view-keys.ts';
import {
  decodeMailboxRow,
  decodeMailboxState,
  EMPTY_MAILBOX,
  type MailboxState,
  pduIdOfMailboxRow,
} from './view-rows.ts';

export interface MailboxReaderDeps {
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly nodeKey: KeyPair;
  readonly feeds: Pick<Feeds, 'all' | 'isRetired' | 'retired'>;
  readonly held: Pick<HeldPdus, 'get'>;
}

export interface PageRequest {
  readonly address: Address;
  readonly feed: FeedId;
  /** Mailbox numbers, inclusive, within the head. */
  readonly from: number;
  readonly to: number;
  readonly newestFirst: boolean;
  readonly headersOnly: boolean;
}

export type BodyAnswer =
  | { readonly state: 'held'; readonly body: Uint8Array }
  | { readonly state: 'owed' | 'erased' | 'none' };

type PlacedRow = ReturnType<typeof decodeMailboxRow>;

const MICROSECONDS_PER_HOUR = 3_600_000_000;

export class MailboxReader {
  readonly #deps: MailboxReaderDeps;
  readonly #signed = createBoundedCache<string, MailboxHead>(HEADS_CACHED_MAX);

  constructor(deps: MailboxReaderDeps) {
    this.#deps = deps;
  }

  hasFeed(feed: FeedId): boolean {
    return this.#deps.feeds.all.has(feed);
  }

  /** Every feed that may hold mail, those that came since included. */
  get feeds(): Iterable<FeedId> {
    return this.#deps.feeds.all.keys();
  }

  async state(address: Address, feed: FeedId): Promise<MailboxState> {
    const row = await this.#deps.store.get(headKey(address, feed));
    return row === undefined ? EMPTY_MAILBOX : decodeMailboxState(row);
  }

  /**
   * The heads of all feeds, signed; of those that others have ended, one without mail for the address is left out. Of this
   * node's own it says that a restore took all of it: a client holds what was there.
   */
  async heads(address: Address): Promise<MailboxHead[]> {
    const feeds = [...this.#deps.feeds.all.keys()];
    const rows = await this.#deps.store.getMany(feeds.map((feed) => headKey(address, feed)));
    const own = new Set(this.#deps.feeds.retired);
    const heads: MailboxHead[] = [];
    feeds.forEach((feed, i) => {
      const row = rows[i];
      const retired = this.#deps.feeds.isRetired(feed);
      if (row === undefined && retired && !own.has(feed)) return;
      heads.push(this.#sign(address, feed, row === undefined ? EMPTY_MAILBOX : decodeMailboxState(row), retired));
    });
    return heads;
  }

  /** Whether a head that a client shows was signed by this node's key. */
  isOurs(address: Address, head: MailboxHead): boolean {
    if (head.feed.length !== 32 || head.link.length !== 32) return false;
    const signed: SignedHead = { ...head, feed: feedIdOf(head.feed) };
    return this.#deps.suite.verify(head.signature, headBytes(address, signed), this.#deps.nodeKey.publicKey);
  }

  /**
   * The next page of a range, from its low end or, newest first, from its high end: bounded in entries and bytes, at
   * least one entry, in the order asked for.
   */
  async page(request: PageRequest): Promise<Entry[]> {
    const { address, feed, from, to, newestFirst } = request;
    const log = this.#deps.feeds.all.get(feed);
    invariant(log !== undefined && from >= 1 && from <= to, 'a page lies in a mailbox of a known feed');
    const rows = await this.#deps.store.range({
      from: mailboxKey(address, feed, from),
      to: mailboxKey(address, feed, to + 1),
      limit: ENTRIES_PER_FRAME_MAX,
      reverse: newestFirst,
    });
    let budget = ENTRIES_FRAME_BYTES;
    const page: { readonly number: number; readonly row: PlacedRow; readonly inline: boolean }[] = [];
    for (const { key, value } of rows) {
      const row = decodeMailboxRow(value);
      const inline = !request.headersOnly && row.bodySize > 0 && row.bodySize <= INLINE_BODY_BYTES_MAX;
      budget -= 600 + (inline ? row.bodySize : 0);
      if (budget < 0 && page.length > 0) break;
      page.push({ number: readUint64(key, key.length - 8), row, inline });
    }
    return this.#fill(request, log, page);
  }

  /** The body of one entry of the mailbox. */
  async body(address: Address, feed: FeedId, number: number): Promise<BodyAnswer> {
    const log = this.#deps.feeds.all.get(feed);
    const value = await this.#deps.store.get(mailboxKey(address, feed, number));
    if (log === undefined || value === undefined) return { state: 'none' };
    const row = decodeMailboxRow(value);
    const erased = await erasedRanges(this.#deps.store, address, feed, number, number);
    if (isErased(erased, number)) return { state: 'erased' };
    const body =
      (await readableBlock(this.#deps.store, log, row.index + 1)) ??
      (await this.#bodyElsewhere(pduIdOfMailboxRow(value)));
    return body === undefined ? { state: 'owed' } : { state: 'held', body };
  }

  /** The node that took it here may be gone with the body; where its author handed it over again, the body is the same. */
  async #bodyElsewhere(id: PduId): Promise<Uint8Array | undefined> {
    const [found] = await this.#deps.held.get([id]);
    return found?.body;
  }

  /** A number at or before the first one received at or after `time` (microseconds): exact to the hour, never late. */
  async numberAt(address: Address, feed: FeedId, time: number): Promise<number> {
    const hour = Math.floor(time / MICROSECONDS_PER_HOUR);
    const rows = await this.#deps.store.range({
      from: hourKey(address, feed, hour),
      to: hourKey(address, feed, Number.MAX_SAFE_INTEGER),
      limit: Number.MAX_SAFE_INTEGER,
    });
    const { number } = await this.state(address, feed);
    return rows.reduce((first, { value }) => Math.min(first, readUint64(value)), number + 1);
  }

  async #fill(
    request: PageRequest,
    log: FeedLog,
    page: readonly { readonly number: number; readonly row: PlacedRow; readonly inline: boolean }[],
  ): Promise<Entry[]> {
    const { store } = this.#deps;
    if (page.length === 0) return [];
    const numbers = page.map(({ number }) => number);
    const indexes = page.flatMap(({ row, inline }) => (inline ? [row.index, row.index + 1] : [row.index]));
    const [erased, blocks] = await Promise.all([
      erasedRanges(store, request.address, request.feed, Math.min(...numbers), Math.max(...numbers)),
      readableBlocks(
        store,
        log,
        indexes.sort((a, b) => a - b),
      ),
    ]);
    const found = new Map<number, Uint8Array | undefined>();
    for (const [i, index] of indexes.entries()) found.set(index, blocks[i]);
    return page.map(({ number, row, inline }) => {
      const header = found.get(row.index);
      invariant(header !== undefined, `the header block ${row.index} is in the feed`);
      const body = inline ? found.get(row.index + 1) : undefined;
      const bodyState = isErased(erased, number)
        ? BodyState.ERASED
        : row.bodySize > 0 && !log.has(row.index + 1)
          ? BodyState.OWED
          : !inline
            ? BodyState.HELD
            : body === undefined
              ? BodyState.OWED
              : BodyState.INLINE;
      return {
        number,
        index: row.index,
        receivedAt: row.receivedAt,
        kind: row.kind,
        previousLink: row.previousLink,
        pdu: pduOfEntryHeader(header),
        bodyState,
        body: bodyState === BodyState.INLINE && body !== undefined ? body : EMPTY,
      };
    });
  }

  #sign(address: Address, feed: FeedId, state: MailboxState, retired: boolean): MailboxHead {
    const key = `${address} ${feed}`;
    const before = this.#signed.get(key);
    if (before?.number === state.number && before.expiredTo === state.expiredTo && before.retired === retired)
      return before;
    const head: SignedHead = { feed, number: state.number, link: state.link, expiredTo: state.expiredTo, retired };
    const signature = this.#deps.suite.sign(headBytes(address, head), this.#deps.nodeKey.secretKey);
    const signed: MailboxHead = { ...head, feed: fromHex(feed), signature };
    this.#signed.set(key, signed);
    return signed;
  }
}

const EMPTY = new Uint8Array(0);
