/** The PDUs this node holds, as federation asks for them: by id, by conversation, and by what is to be sent where. */
import { type CryptoSuite, fromUtf8, invariant, readUint64, toHex } from '../base/index.ts';
import type { CommitLog, Committed, HeldPdu, OutboxItem, OutboxView, PduView, Place } from '../federation/index.ts';
import type { FeedLog } from '../feed/index.ts';
import {
  type Address,
  type ConversationId,
  decodeEntryHeader,
  type EntryHeader,
  EntryKind,
  type FeedId,
  feedIdOf,
  type HomeName,
  type Pdu,
  type PduId,
  parseHomeName,
  parsePdu,
} from '../protocol/index.ts';
import type { Store, StoreReader } from '../store/index.ts';
import { HeaderBlocks } from './header-blocks.ts';
import type { HeldPlaces } from './held-places.ts';
import { COMMITTED_PAGE_BLOCKS, CONVERSATION_PAGE_PDUS } from './limits.ts';
import { readableBlocks } from './readable.ts';
import {
  conversationKey,
  conversationPdus,
  OUTBOX_HEADS,
  outboxHeadKey,
  outboxHeadsOf,
  outboxKey,
  pduKey,
} from './view-keys.ts';
import { decodeLocations, decodeOutboxRow, type Location } from './view-rows.ts';

export interface HeldPdusDeps {
  readonly suite: CryptoSuite;
  readonly store: Store;
  /** The feed being written first, then the retired ones, newest first, then copies. */
  readonly feeds: ReadonlyMap<FeedId, FeedLog>;
  /** Whose outboxes are ours to empty: each node of a home sends what its own feed says. */
  readonly ours: ReadonlySet<FeedId>;
  readonly places: Pick<HeldPlaces, 'find'>;
}

/** An entry as it stands in a feed. */
interface FoundEntry {
  readonly header: EntryHeader;
  readonly body: Uint8Array | undefined;
  /** It has a body that is not here yet: another node wrote the entry. */
  readonly isOwed: boolean;
}

export class HeldPdus implements PduView, OutboxView, CommitLog {
  readonly #deps: HeldPdusDeps;

  constructor(deps: HeldPdusDeps) {
    this.#deps = deps;
  }

  async get(ids: readonly PduId[]): Promise<readonly HeldPdu[]> {
    const { store, suite } = this.#deps;
    const rows = await store.getMany(ids.map(pduKey));
    const held: HeldPdu[] = [];
    for (const row of rows) {
      if (row === undefined) continue;
      const found = await this.#best(store, decodeLocations(row));
      const pdu = parsePdu(suite, found.header.pdu);
      held.push({ pdu, body: found.body, delivered: found.header.hasBody || found.header.accounts.length > 0 });
    }
    return held;
  }

  async page(conversation: ConversationId, after: Place | undefined, limit: number): Promise<readonly HeldPdu[]> {
    const { from, to } = conversationPdus(conversation);
    const start = after === undefined ? from : conversationKey(conversation, after.depth, after.id, 'after');
    const rows = await this.#deps.store.range({ from: start, to, limit: 2 * limit });
    // A PDU may stand twice: first for the fold alone, then delivered.
    const ids = [...new Set(rows.map(({ key }) => toHex(key.subarray(-33, -1)) as PduId))].slice(0, limit);
    const held = await this.get(ids);
    return held.map((one) => (one.pdu.type === 'mail' ? { ...one, body: undefined } : one));
  }

  /** Whether the address wrote or was sent anything of it. */
  async concerns(conversation: ConversationId, address: Address): Promise<boolean> {
    let after: Place | undefined;
    for (;;) {
      const page = await this.page(conversation, after, CONVERSATION_PAGE_PDUS);
      if (page.some(({ pdu }) => pdu.author === address || pdu.recipients.includes(address))) return true;
      const last = page.at(-1);
      if (last === undefined) return false;
      after = { depth: last.pdu.depth, id: last.pdu.id };
    }
  }

  async areDelivered(reader: StoreReader, pdus: readonly Pdu[]): Promise<readonly boolean[]> {
    const rows = await reader.getMany(
      pdus.map(({ conversation, depth, id }) => conversationKey(conversation, depth, id, 'delivered')),
    );
    return Promise.all(pdus.map(async ({ id }, i) => rows[i] !== undefined && this.#isHeldForGood(reader, id)));
  }

  async areHeld(reader: StoreReader, ids: readonly PduId[]): Promise<readonly boolean[]> {
    const rows = await reader.getMany(ids.map(pduKey));
    return rows.map((row) => row !== undefined);
  }

  async destinations(): Promise<readonly HomeName[]> {
    const homes = new Set<HomeName>();
    let { from } = OUTBOX_HEADS;
    for (;;) {
      const [row] = await this.#deps.store.range({ from, to: OUTBOX_HEADS.to, limit: 1 });
      if (row === undefined) return [...homes];
      // `V Q home 0 feed`
      const home = parseHomeName(fromUtf8(row.key.subarray(2, -33)));
      homes.add(home);
      from = outboxHeadsOf(home).to;
    }
  }

  async reach(destination: HomeName): Promise<readonly { readonly feed: FeedId; readonly number: number }[]> {
    const rows = await this.#deps.store.range({ ...outboxHeadsOf(destination), limit: 1_000 });
    const numbers = new Map(rows.map(({ key, value }) => [feedIdOf(key.subarray(-32)), readUint64(value)]));
    const oldestFirst = [...this.#deps.feeds.keys()].reverse().filter((feed) => this.#deps.ours.has(feed));
    return oldestFirst.flatMap((feed) => {
      const number = numbers.get(feed);
      return number === undefined ? [] : [{ feed, number }];
    });
  }

  async held(destination: HomeName, feed: FeedId): Promise<number> {
    const row = await this.#deps.store.get(outboxHeadKey(destination, feed));
    return row === undefined || !this.#deps.feeds.has(feed) ? 0 : readUint64(row);
  }

  async read(
    destination: HomeName,
    feed: FeedId,
    first: number,
    last: number,
    maxBytes: number,
  ): Promise<readonly OutboxItem[]> {
    const { store } = this.#deps;
    const rows = await store.range({
      from: outboxKey(destination, feed, first),
      to: outboxKey(destination, feed, last + 1),
      limit: last - first + 1,
    });
    const indexes = rows.map(({ value }) => decodeOutboxRow(value).index);
    const entries = await this.#entries(store, feed, indexes);
    const items: OutboxItem[] = [];
    let bytes = 0;
    for (const [i, { header, body, isOwed }] of entries.entries()) {
      bytes += header.pdu.length + (body?.length ?? 0);
      if (items.length > 0 && bytes > maxBytes) break;
      const queuedAt = Math.floor(header.receivedAt / 1000);
      items.push({ number: first + i, pdu: header.pdu, body, isOwed, queuedAt });
    }
    return items;
  }

  /** Whether its outboxes are ours to empty. */
  isOurs(feed: FeedId): boolean {
    return this.#deps.ours.has(feed);
  }

  get feed(): FeedId {
    return this.#current.id;
  }

  async after(block: number): Promise<Committed> {
    const { store, suite } = this.#deps;
    const log = this.#current;
    // Bodies are passed over: hundreds of a large attachment's pieces are hundreds of megabytes.
    const headers = new HeaderBlocks({ getBlocks: (reader, indexes) => readableBlocks(reader, log, indexes) }, store);
    const pdus: Pdu[] = [];
    let to = block;
    while (to < block + COMMITTED_PAGE_BLOCKS) {
      const found = await headers.read(to);
      // The block of a header is always held; behind the last of them there is nothing.
      if (found === undefined) break;
      const header = decodeEntryHeader(found);
      if (header.kind === EntryKind.MAIL) pdus.push(parsePdu(suite, header.pdu));
      to += header.hasBody ? 2 : 1;
    }
    return { from: block, to, pdus };
  }

  get #current(): FeedLog {
    const [feed] = this.#deps.feeds.values();
    invariant(feed !== undefined, 'a node has a feed');
    return feed;
  }

  /** Without a place that can be read it is one that this very transaction brings. */
  async #isHeldForGood(reader: StoreReader, id: PduId): Promise<boolean> {
    const row = await reader.get(pduKey(id));
    return row === undefined || (await this.#deps.places.find(reader, row)) !== undefined;
  }

  /** Of the places of one PDU, one that has its body, if there is any. */
  async #best(reader: StoreReader, locations: readonly Location[]): Promise<FoundEntry> {
    let found: FoundEntry | undefined;
    for (const { feed, index } of locations) {
      const [entry] = await this.#entries(reader, feed, [index]);
      if (entry?.body !== undefined) return entry;
      found ??= entry;
    }
    invariant(found !== undefined, 'a PDU that is listed is held');
    return found;
  }

  async #entries(reader: StoreReader, feed: FeedId, indexes: readonly number[]): Promise<readonly FoundEntry[]> {
    const log = this.#deps.feeds.get(feed);
    invariant(log !== undefined, `the feed ${feed} is one of ours`);
    const blocks = await readableBlocks(
      reader,
      log,
      indexes.flatMap((index) => [index, index + 1]),
    );
    return indexes.map((index, i) => {
      const block = blocks[2 * i];
      invariant(block !== undefined, 'a header block is held');
      const header = decodeEntryHeader(block);
      const body = header.hasBody ? blocks[2 * i + 1] : undefined;
      return { header, body, isOwed: header.hasBody && body === undefined && !log.isCleared(index + 1) };
    });
  }
}
