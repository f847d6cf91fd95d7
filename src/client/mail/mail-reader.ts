/**
 * Reading what is indexed: lists newest first, by conversation, the unread, search. Scans go page by page, so a list of
 * ten among a hundred thousand reads a few hundred rows, and a search of them all holds one page in memory.
 */
import { compareBytes, readUint64 } from '../../base/index.ts';
import type { ConversationId, PduId } from '../../protocol/index.ts';
import type { Row, Store } from '../../store/index.ts';
import { FILED } from '../folders/filing.ts';
import {
  CHANGED,
  conversationSpan,
  type ListPosition,
  SUMMARIES,
  summariesBetween,
  summaryKey,
  TEXTS,
  UNREAD,
} from '../keys.ts';
import { SCAN_ROWS } from '../limits.ts';
import type { Registers } from '../notes/registers.ts';
import { BLOCKED, changeOf, idInKey, isBlocked, isUnread, type MailIndex } from './mail-index.ts';
import { DELETED, JUNK, type MessageText, type Summary } from './summary.ts';

export interface ListFilter {
  /** Messages received at or after, milliseconds since 1970. */
  readonly since?: number;
  readonly unread?: boolean;
  readonly conversation?: ConversationId;
  readonly keyword?: string;
  /** Also what blocked people wrote, and what is suspected. */
  readonly junk?: boolean;
}

export interface MailChange {
  readonly summary: Summary;
  /** Which change it is: another one of the same message has another. */
  readonly change: Uint8Array;
}

export interface MailReaderDeps {
  readonly store: Store;
  readonly index: MailIndex;
}

export class MailReader {
  readonly #deps: MailReaderDeps;

  constructor(deps: MailReaderDeps) {
    this.#deps = deps;
  }

  /** Newest first. */
  async *list(filter: ListFilter): AsyncGenerator<Summary> {
    const source =
      filter.conversation !== undefined
        ? this.#ofConversation(filter.conversation)
        : filter.unread === true
          ? this.#unread()
          : this.#all(filter.since);
    const blocked = await this.#deps.index.registersOf(this.#deps.store, BLOCKED);
    for await (const summary of source) {
      const marked = markJunk(blocked, summary);
      if (matches(marked, filter)) yield marked;
    }
  }

  async find(id: PduId): Promise<Summary | undefined> {
    const { index, store } = this.#deps;
    const summary = await index.summaryOf(store, id);
    return summary === undefined ? undefined : markJunk(await index.registersOf(store, BLOCKED), summary);
  }

  /** Newest first. */
  async changes(limit: number): Promise<MailChange[]> {
    const { index, store } = this.#deps;
    const rows = await store.range({ ...CHANGED, limit, reverse: true });
    const keys = rows.map(({ key }) => summaryKey({ receivedAt: readUint64(key, 1), id: idInKey(key) }));
    const [sealed, blocked] = await Promise.all([store.getMany(keys), index.registersOf(store, BLOCKED)]);
    return keys.flatMap((key, at) => {
      const row = sealed[at];
      if (row === undefined) return [];
      return [{ summary: markJunk(blocked, index.openSummary(key, row)), change: changeOf(row) }];
    });
  }

  /** Messages in which every word occurs, in people, subject or text; newest first. */
  async *search(words: string): AsyncGenerator<Summary> {
    const wanted = fold(words)
      .split(/\s+/)
      .filter((word) => word !== '');
    if (wanted.length === 0) return;
    const { store, index } = this.#deps;
    for await (const { key, value } of scan(store, TEXTS.from, TEXTS.to)) {
      const text = searchable(index.openText(key, value));
      if (!wanted.every((word) => text.includes(word))) continue;
      const at = summaryKey({ receivedAt: readUint64(key, 1), id: idInKey(key) });
      const row = await store.get(at);
      if (row === undefined) continue;
      const summary = index.openSummary(at, row);
      if (!summary.keywords.includes(DELETED)) yield summary;
    }
  }

  /** What belongs to a conversation, newest first. */
  async *placesOf(conversation: ConversationId): AsyncGenerator<ListPosition> {
    const { from, to } = conversationSpan(conversation);
    for await (const { key } of scan(this.#deps.store, from, to))
      yield { receivedAt: readUint64(key, key.length - 40), id: idInKey(key) };
  }

  async *#ofConversation(conversation: ConversationId): AsyncGenerator<Summary> {
    for await (const place of this.placesOf(conversation)) {
      const summary = await this.#summaryAt(place);
      if (summary !== undefined) yield summary;
    }
  }

  /** The unread are few as a rule: all are opened, so that their order can be made. */
  async *#unread(): AsyncGenerator<Summary> {
    const keys: Uint8Array[] = [];
    for await (const { key, value } of scan(this.#deps.store, UNREAD.from, UNREAD.to)) {
      const { receivedAt, id } = this.#deps.index.openUnread(key, value);
      keys.push(summaryKey({ receivedAt, id: id as Summary['id'] }));
    }
    keys.sort((a, b) => compareBytes(b, a));
    for (let i = 0; i < keys.length; i += SCAN_ROWS) {
      const page = keys.slice(i, i + SCAN_ROWS);
      const rows = await this.#deps.store.getMany(page);
      for (const [at, row] of rows.entries())
        if (row !== undefined) yield this.#deps.index.openSummary(page[at] as Uint8Array, row);
    }
  }

  async *#all(since: number | undefined): AsyncGenerator<Summary> {
    const bounds =
      since === undefined
        ? SUMMARIES
        : { ...SUMMARIES, from: summariesBetween(Math.max(0, Math.floor(since * 1000)), 0).from };
    for await (const { key, value } of scan(this.#deps.store, bounds.from, bounds.to))
      yield this.#deps.index.openSummary(key, value);
  }

  async #summaryAt(at: ListPosition): Promise<Summary | undefined> {
    const key = summaryKey(at);
    const row = await this.#deps.store.get(key);
    return row === undefined ? undefined : this.#deps.index.openSummary(key, row);
  }
}

/** Rows of [from, to), last first. */
async function* scan(store: Store, from: Uint8Array, to: Uint8Array): AsyncGenerator<Row> {
  for (let end = to; ; ) {
    const rows = await store.range({ from, to: end, limit: SCAN_ROWS, reverse: true });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < SCAN_ROWS) return;
    end = last.key;
  }
}

function markJunk(blocked: Registers, summary: Summary): Summary {
  const isSuspected = summary.isSuspected === true && !summary.keywords.includes(FILED);
  return isSuspected || isBlocked(blocked, summary) ? { ...summary, keywords: [...summary.keywords, JUNK] } : summary;
}

function matches(summary: Summary, { since, unread, keyword, junk }: ListFilter): boolean {
  if (summary.keywords.includes(DELETED)) return false;
  if (junk !== true && summary.keywords.includes(JUNK)) return false;
  if (unread === true && !isUnread(summary)) return false;
  if (since !== undefined && summary.receivedAt < since * 1000) return false;
  return keyword === undefined || summary.keywords.includes(keyword);
}

function searchable({ from, to, cc, subject, text }: MessageText): string {
  return fold([from, ...to, ...cc, subject, text].join('\n'));
}

/** The same word in another case or width is the same word. */
function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}
