/** A person's mail as it is on this device: lists, reading, search, what is said about it. Asks no node. */
import { type CryptoSuite, equalBytes } from '../../base/index.ts';
import { type FeedId, type Pdu, type PduId, parsePdu } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import {
  type AttachmentContent,
  type BodyWorker,
  type OpenJob,
  openAll,
  readAttachments,
  type Verification,
} from '../../vault/index.ts';
import { ClientError } from '../client-error.ts';
import type { Contacts } from '../contacts/contacts.ts';
import type { LostBodies } from '../history/lost-bodies.ts';
import { changedKey, entryKey, placeKey } from '../keys.ts';
import { type Change, keywordChange, type Notes } from '../notes/notes.ts';
import { decodeEntryRow, decodePlace, type EntryRow } from './entry-row.ts';
import { BLOCKED, blockedSince, type MailIndex } from './mail-index.ts';
import { type ListFilter, type MailChange, MailReader } from './mail-reader.ts';
import { DELETED, type MessageText, type Summary } from './summary.ts';

export interface MailboxDeps {
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly vault: () => BodyWorker;
  readonly contacts: Contacts;
  readonly index: MailIndex;
  readonly lost: Pick<LostBodies, 'isLost'>;
  readonly notes: Notes;
  /** Milliseconds since 1970 by the home's clock. */
  readonly now: () => number;
  /** Something was changed that other devices are to hear. */
  readonly onChange: () => void;
}

export interface Message {
  readonly summary: Summary;
  readonly text: MessageText;
}

export interface RawMessage {
  /** The exact bytes that were sent. */
  readonly mime: Uint8Array;
  readonly verification: Verification;
}

export type Exported =
  | { readonly status: 'opened'; readonly summary: Summary; readonly mime: Uint8Array }
  /** `code`: `not_here`, or the vault's own. */
  | { readonly status: 'refused'; readonly summary: Summary; readonly code: string };

interface HeldEntry {
  readonly feed: FeedId;
  readonly number: number;
  readonly row: EntryRow;
  readonly pdu: Pdu;
}

/** Keywords set and taken away. */
export type Marks = Readonly<Record<string, boolean>>;

export class Mailbox {
  readonly #deps: MailboxDeps;
  readonly #reader: MailReader;

  constructor(deps: MailboxDeps) {
    this.#deps = deps;
    this.#reader = new MailReader(deps);
  }

  /** Newest first. */
  list(filter: ListFilter = {}): AsyncGenerator<Summary> {
    return this.#reader.list(filter);
  }

  search(words: string): AsyncGenerator<Summary> {
    return this.#reader.search(words);
  }

  /** Newest first: messages that changed since `taken` was told of them. Empty in a client that nobody follows. */
  changes(limit: number): Promise<readonly MailChange[]> {
    return this.#reader.changes(limit);
  }

  /** These changes are safe with whoever follows. One that was followed by another meanwhile comes again. */
  async taken(changes: readonly MailChange[]): Promise<void> {
    await this.#deps.store.transact(async (transaction) => {
      for (const { summary, change } of changes) {
        const key = changedKey(summary);
        const row = await transaction.get(key);
        if (row !== undefined && equalBytes(row, change)) transaction.delete(key);
      }
    });
  }

  /** Undefined when it is not here. */
  find(id: PduId): Promise<Summary | undefined> {
    return this.#reader.find(id);
  }

  /** Throws ClientError `unknown_message`, `unreadable` or `not_here`. */
  async read(id: PduId): Promise<Message> {
    const summary = await this.#summary(id);
    if (summary.proof === 'unreadable') throw unreadable(summary);
    const text = await this.#deps.index.textOf(this.#deps.store, summary);
    if (text === undefined) throw notHere(id);
    if (!text.truncated) return { summary, text };
    const { mime } = await this.raw(id);
    const { text: whole } = await this.#deps.vault().read(mime, Number.POSITIVE_INFINITY);
    return { summary, text: whole };
  }

  /** Throws ClientError `unknown_message` or `not_here`, VaultError when it cannot be opened. */
  async raw(id: PduId): Promise<RawMessage> {
    const entry = await this.#entry(id);
    if (entry.row.bodyState !== 'here') throw notHere(id);
    try {
      return await this.#deps.vault().open(await this.#jobOf(entry));
    } catch (error) {
      throw (await this.#isLost(entry)) ? notHere(id) : error;
    }
  }

  /** Throws as `raw`. */
  async attachments(id: PduId): Promise<readonly AttachmentContent[]> {
    return readAttachments((await this.raw(id)).mime);
  }

  /** Every message of a list with its exact bytes, through the vault's pool. One that does not open stops nothing. */
  async *export(filter: ListFilter = {}, signal?: AbortSignal): AsyncGenerator<Exported> {
    const opening: { readonly summary: Summary; readonly entry: HeldEntry }[] = [];
    const missing: Summary[] = [];
    const jobs = this.#jobsOf(this.#reader.list({ junk: true, ...filter }), opening, missing);
    for await (const result of openAll(this.#deps.vault(), jobs, signal)) {
      for (const summary of missing.splice(0)) yield { status: 'refused', summary, code: 'not_here' };
      const { entry, summary } = opening.shift() as (typeof opening)[number];
      if (result.ok) yield { status: 'opened', summary, mime: result.result.mime };
      else yield { status: 'refused', summary, code: (await this.#isLost(entry)) ? 'not_here' : result.error.code };
    }
    for (const summary of missing) yield { status: 'refused', summary, code: 'not_here' };
  }

  /** Sets keywords here and on the person's other devices. Returns how many messages that changed. */
  async mark(ids: readonly PduId[], marks: Marks): Promise<number> {
    for (const id of ids) await this.#summary(id);
    const changes = ids.flatMap((id) =>
      Object.entries(marks).map(([keyword, value]) => keywordChange(id, keyword, value)),
    );
    const changed = await this.#apply(changes);
    return new Set(changed.map(({ id }) => id)).size;
  }

  /** As `mark`, also of a message that is not here yet: it takes this up when it arrives. */
  async say(id: PduId, marks: Marks): Promise<void> {
    await this.#apply(Object.entries(marks).map(([keyword, value]) => keywordChange(id, keyword, value)));
  }

  /** Also the body here and at the home is erased; the message is not shown any more. */
  async delete(ids: readonly PduId[]): Promise<number> {
    return this.mark(ids, { [DELETED]: true });
  }

  /** Mail of an address, or of a whole home, is filed as junk from now on. */
  async block(who: string): Promise<void> {
    await this.#apply([{ subject: BLOCKED, key: who, value: blockedSince(this.#deps.now()) }]);
  }

  async unblock(who: string): Promise<void> {
    await this.#apply([{ subject: BLOCKED, key: who, value: false }]);
  }

  async blocked(): Promise<readonly string[]> {
    const blocked = await this.#deps.index.registersOf(this.#deps.store, BLOCKED);
    return Object.entries(blocked).flatMap(([who, { value }]) => (value === false ? [] : [who]));
  }

  async #apply(changes: readonly Change[]): Promise<readonly Summary[]> {
    if (changes.length === 0) return [];
    const changed = await this.#deps.notes.apply(changes);
    this.#deps.onChange();
    return changed;
  }

  async #summary(id: PduId): Promise<Summary> {
    const summary = await this.#deps.index.summaryOf(this.#deps.store, id);
    if (summary === undefined) throw unknown(id);
    return summary;
  }

  async #entry(id: PduId): Promise<HeldEntry> {
    const { store, suite } = this.#deps;
    const place = await store.get(placeKey(id));
    if (place === undefined) throw unknown(id);
    const { feed, number } = decodePlace(place);
    const value = await store.get(entryKey(feed, number));
    if (value === undefined) throw unknown(id);
    const row = decodeEntryRow(value);
    return { feed, number, row, pdu: parsePdu(suite, row.pdu) };
  }

  #isLost(entry: HeldEntry): Promise<boolean> {
    return this.#deps.lost.isLost(entry, entry.pdu, entry.row.body);
  }

  async #jobOf({ pdu, row }: HeldEntry): Promise<OpenJob> {
    const author = await this.#deps.contacts.find(pdu.author);
    return { body: row.body, binding: pdu, signers: author?.signers ?? [] };
  }

  async *#jobsOf(
    summaries: AsyncIterable<Summary>,
    opening: { readonly summary: Summary; readonly entry: HeldEntry }[],
    missing: Summary[],
  ): AsyncGenerator<OpenJob> {
    for await (const summary of summaries) {
      const entry = await this.#entry(summary.id);
      if (entry.row.bodyState !== 'here') {
        missing.push(summary);
        continue;
      }
      opening.push({ summary, entry });
      yield this.#jobOf(entry);
    }
  }
}

function unknown(id: PduId): ClientError {
  return new ClientError('unknown_message', `no message ${id} is here`, {
    fix: 'see `restante list`, or run `restante sync`',
  });
}

function notHere(id: PduId): ClientError {
  return new ClientError('not_here', `the body of ${id} is not on this device`, { fix: 'run `restante sync`' });
}

function unreadable({ id, problem }: Summary): ClientError {
  return new ClientError('unreadable', `the message ${id} cannot be opened: ${problem}`, { details: { problem } });
}
