/**
 * From ciphertext to what can be read and searched: newest first, in batches, through the vault's pool. What is done is
 * recorded in the same transaction as what was made of it, so a crash repeats a batch and loses or doubles nothing. A
 * message that cannot be opened is listed as such; notes are merged and listed nowhere.
 */
import { type Clock, type CryptoSuite, equalBytes, isAbort, type Log, readUint64, toHex } from '../../base/index.ts';
import {
  type DeviceId,
  EntryKind,
  type FeedId,
  isDoorAddress,
  isSuspectedJunk,
  type Pdu,
  type PduId,
  parseFeedId,
  parsePdu,
} from '../../protocol/index.ts';
import type { Row, Store, StoreTransaction } from '../../store/index.ts';
import {
  type BodyWorker,
  type BulkResult,
  INDEXED_TEXT_CHARACTERS_MAX,
  type OpenedBody,
  type OpenJob,
  openAll,
  type ReadMime,
  VaultError,
} from '../../vault/index.ts';
import { ClientError } from '../client-error.ts';
import type { Contacts } from '../contacts/contacts.ts';
import { keepPdu } from '../conversations/conversation-log.ts';
import type { LostBodies } from '../history/lost-bodies.ts';
import { entryKey, INDEXED, noteKey, TRIED_WITH_KEY, UNOPENED, unopenedKey } from '../keys.ts';
import { FEEDS_MAX, INDEX_BATCH, INDEX_BATCH_BYTES, RETRY_FIRST_MS, UNOPENED_MAX } from '../limits.ts';
import { decodeEntryRow, type EntryRow } from '../mail/entry-row.ts';
import type { MailIndex, NewSummary } from '../mail/mail-index.ts';
import { decodeNumbers, setOf } from '../mail/number-set.ts';
import type { MessageText, Summary } from '../mail/summary.ts';
import { decodeNoteBody, type NoteBody, type NotePlace } from '../notes/note-body.ts';
import { changeWaiting } from './waiting.ts';

export interface IndexerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly suite: CryptoSuite;
  readonly store: Store;
  /** The worker with the newest secrets. */
  readonly vault: () => BodyWorker;
  readonly contacts: Contacts;
  readonly index: MailIndex;
  readonly lost: Pick<LostBodies, 'isLost'>;
  /** Before it is written. */
  readonly onOpened: (id: PduId, mime: Uint8Array) => void;
  /** A message can be read now. */
  readonly onIndexed: (summary: Summary) => void;
  /** Another device's changes arrived. */
  readonly onChanged: (summary: Summary) => void;
  /** A snapshot, written by that device, says which notes are superfluous. */
  readonly onSuperseded: (places: readonly NotePlace[], author: DeviceId) => void;
}

interface Item {
  readonly feed: FeedId;
  readonly number: number;
  readonly row: EntryRow;
  readonly pdu: Pdu;
}

type Product = { readonly item: Item; readonly needsNewerKey: boolean } & (
  | { readonly kind: 'message'; readonly summary: NewSummary; readonly text: MessageText }
  | { readonly kind: 'note'; readonly note: NoteBody | undefined }
);

interface ReadBody extends OpenedBody {
  readonly reading: ReadMime;
}

const NO_TEXT: MessageText = Object.freeze({
  subject: '',
  from: '',
  to: [],
  cc: [],
  headers: [],
  text: '',
  truncated: false,
  attachments: [],
  references: [],
});

export class Indexer {
  readonly #deps: IndexerDeps;
  #wake: (() => void) | undefined;
  #dirty = true;
  #idle: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];

  constructor(deps: IndexerDeps) {
    this.#deps = deps;
  }

  /** Something was stored. */
  wake(): void {
    this.#dirty = true;
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Messages and notes not looked at yet. */
  async pendingCount(): Promise<number> {
    const rows = await this.#deps.store.range({ ...INDEXED, limit: FEEDS_MAX });
    return rows.reduce((sum, row) => sum + decodeNumbers(row.value).count, 0);
  }

  /** Resolves when everything that is stored now has been looked at. */
  async whenIdle(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.wake();
    await new Promise<void>((resolve, reject) => {
      const settle = (end: () => void): void => {
        signal.removeEventListener('abort', onAbort);
        end();
      };
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#idle.push({ resolve: () => settle(resolve), reject: (error) => settle(() => reject(error)) });
    });
  }

  /**
   * What could not be opened is tried again, once with the keys of each certificate: also at a start, since what keeps a rotated
   * one may end before this.
   */
  async tryAgain(certificate: Uint8Array): Promise<void> {
    const { store, suite } = this.#deps;
    const hash = suite.sha256(certificate);
    const tried = await store.get(TRIED_WITH_KEY);
    if (tried !== undefined && equalBytes(tried, hash)) return;
    await store.transact(async (transaction) => {
      const rows = await transaction.range({ ...UNOPENED, limit: UNOPENED_MAX });
      if (rows.length === 0) return;
      for (const { key } of rows) {
        const number = readUint64(key, 33);
        await changeWaiting(transaction, parseFeedId(toHex(key.subarray(1, 33))), (set) => set.add(number, number));
        transaction.delete(key);
      }
      transaction.put(TRIED_WITH_KEY, hash);
    });
    this.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#wake?.();
    signal.addEventListener('abort', stop);
    try {
      while (!signal.aborted) {
        this.#dirty = false;
        if (await this.#tryBatch(signal)) continue;
        if (this.#dirty) continue;
        for (const { resolve } of this.#idle.splice(0)) resolve();
        if (!this.#dirty && !signal.aborted)
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** A store or a vault that fails holds things up and is tried again: whoever waits hears of it. */
  async #tryBatch(signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#indexBatch(signal);
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      this.#deps.log.error({ err: error }, 'what came cannot be indexed now');
      for (const { reject } of this.#idle.splice(0)) reject(error);
      await this.#deps.clock.sleep(RETRY_FIRST_MS, signal);
      return true;
    }
  }

  /** False when nothing was left to do. */
  async #indexBatch(signal: AbortSignal): Promise<boolean> {
    const batch = await this.#takeBatch();
    if (batch.length === 0) return false;
    const worker = this.#deps.vault();
    const products = await this.#produce(batch, signal);
    const { indexed, changed } = await this.#deps.store.transact((transaction) => {
      // Rotated meanwhile: what was tried with the keys before waits to be tried with the new ones.
      const isRotated = this.#deps.vault() !== worker;
      const final = products.filter(({ needsNewerKey }) => !(isRotated && needsNewerKey));
      return this.#write(transaction, final);
    });
    for (const summary of indexed) this.#deps.onIndexed(summary);
    for (const summary of changed) this.#deps.onChanged(summary);
    return true;
  }

  /** The newest entries of one feed that wait. */
  async #takeBatch(): Promise<Item[]> {
    const { store, suite } = this.#deps;
    for (const { key, value } of await store.range({ ...INDEXED, limit: FEEDS_MAX })) {
      const last = decodeNumbers(value).intervals.at(-1);
      if (last === undefined) continue;
      const [low, high] = last;
      const feed = parseFeedId(toHex(key.subarray(1)));
      const rows = await store.range({
        from: entryKey(feed, Math.max(low, high - INDEX_BATCH + 1)),
        to: entryKey(feed, high + 1),
        limit: INDEX_BATCH,
        maxBytes: INDEX_BATCH_BYTES,
        reverse: true,
      });
      return rows.map((row) => itemOf(suite, feed, row));
    }
    return [];
  }

  async #produce(batch: readonly Item[], signal: AbortSignal): Promise<Product[]> {
    const products: Product[] = [];
    const { lost, vault } = this.#deps;
    let at = 0;
    for await (const result of openAll(vault(), this.#jobs(batch), signal)) {
      const item = batch[at++] as Item;
      const isThreadLost = !result.ok && result.error.code === 'worker_lost';
      const opened = isThreadLost ? await this.#openAlone(item, signal) : result;
      // Of those nothing is recorded: they wait until the right body is here.
      if (!opened.ok && (await lost.isLost(item, item.pdu, item.row.body))) continue;
      products.push(
        item.row.kind === EntryKind.NOTE
          ? this.#noteOf(item, opened)
          : this.#messageOf(item, await this.#read(opened, signal)),
      );
    }
    return products;
  }

  /** A message among those that a thread had when it died: one that kills its thread alone, too, is the culprit. */
  async #openAlone(item: Item, signal: AbortSignal): Promise<BulkResult<OpenedBody>> {
    for await (const result of openAll(this.#deps.vault(), this.#jobs([item]), signal)) return result;
    throw new ClientError('closed', 'the vault took no more work');
  }

  async *#jobs(batch: readonly Item[]): AsyncGenerator<OpenJob> {
    for (const { row, pdu } of batch) {
      const author = await this.#deps.contacts.find(pdu.author);
      yield { body: row.body, binding: pdu, signers: author?.signers ?? [] };
    }
  }

  /** Reads what was opened. A thread that dies may have had another's fault: it is asked a second time. */
  async #read(opened: BulkResult<OpenedBody>, signal: AbortSignal): Promise<BulkResult<ReadBody>> {
    if (!opened.ok) return opened;
    for (let attempt = 1; ; attempt++)
      try {
        const reading = await this.#deps.vault().read(opened.result.mime, INDEXED_TEXT_CHARACTERS_MAX, signal);
        return { ok: true, result: { ...opened.result, reading } };
      } catch (error) {
        if (!(error instanceof VaultError) || error.code !== 'worker_lost') throw error;
        if (attempt === 2) return { ok: false, error };
      }
  }

  #noteOf(item: Item, result: BulkResult<OpenedBody>): Product {
    return { kind: 'note', item, needsNewerKey: needsNewerKey(result), note: this.#readNote(item, result) };
  }

  #messageOf(item: Item, result: BulkResult<ReadBody>): Product {
    const { pdu, row, feed, number } = item;
    const base = {
      id: pdu.id,
      conversation: pdu.conversation,
      feed,
      number,
      author: pdu.author,
      recipients: pdu.recipients,
      sentAt: pdu.time,
      receivedAt: row.receivedAt,
    };
    if (!result.ok) {
      this.#deps.log.warn({ pdu: pdu.id, code: result.error.code }, 'a message cannot be opened');
      const unreadable = { size: row.body.length, attachmentCount: 0, proof: 'unreadable', bound: false } as const;
      const summary = { ...base, ...unreadable, from: pdu.author, to: pdu.recipients, subject: '', snippet: '' };
      return {
        kind: 'message',
        item,
        needsNewerKey: needsNewerKey(result),
        summary: { ...summary, problem: result.error.code },
        text: NO_TEXT,
      };
    }
    const { mime, verification, reading } = result.result;
    this.#deps.onOpened(pdu.id, mime);
    const { text, snippet } = reading;
    const summary: NewSummary = {
      ...base,
      from: text.from === '' ? pdu.author : text.from,
      to: text.to,
      subject: text.subject,
      snippet,
      size: mime.length,
      attachmentCount: text.attachments.length,
      proof: verification.status,
      bound: verification.status === 'verified' && verification.bound,
      ...(text.messageId === undefined ? {} : { messageId: text.messageId }),
      ...(isDoorAddress(pdu.author) && isSuspectedJunk(text.headers) ? { isSuspected: true } : {}),
    };
    return { kind: 'message', item, needsNewerKey: false, summary, text };
  }

  /** A note counts only when the account's own key signed it for this header. */
  #readNote({ pdu }: Item, result: BulkResult<OpenedBody>): NoteBody | undefined {
    const verification = result.ok ? result.result.verification : undefined;
    const reading =
      result.ok && verification?.status === 'verified' && verification.bound
        ? decodeNoteBody(result.result.mime)
        : ({ status: 'malformed' } as const);
    if (reading.status === 'read') return reading.note;
    this.#deps.log.warn({ pdu: pdu.id, verification }, 'a note of this account cannot be read');
    return undefined;
  }

  async #write(
    transaction: StoreTransaction,
    products: readonly Product[],
  ): Promise<{ indexed: Summary[]; changed: Summary[] }> {
    const indexed: Summary[] = [];
    const changed: Summary[] = [];
    for (const product of products) {
      const { feed, number } = product.item;
      if (product.needsNewerKey) transaction.put(unopenedKey(feed, number), new Uint8Array(0));
      if (product.kind === 'message') {
        indexed.push(await this.#deps.index.writeMessage(transaction, product.summary, product.text));
        keepPdu(transaction, product.item.pdu, undefined);
      }
      if (product.kind === 'note' && product.note !== undefined) {
        const changes = await this.#deps.index.applyOperations(transaction, product.note.operations);
        changed.push(...changes.map(({ after }) => after));
        this.#takeNote(transaction, product.item, product.note);
      }
    }
    const feed = products[0]?.item.feed;
    if (feed !== undefined)
      await changeWaiting(transaction, feed, (set) => set.difference(setOf(products.map(({ item }) => item.number))));
    return { indexed, changed };
  }

  /** Which notes there are is what a snapshot can make superfluous, its own device's or another's. */
  #takeNote(transaction: StoreTransaction, { feed, number, pdu }: Item, note: NoteBody): void {
    transaction.put(noteKey(feed, number), new Uint8Array(0));
    for (const { feed: of, from, to } of note.supersedes)
      transaction.deleteRange(noteKey(of, from), noteKey(of, to + 1));
    if (note.supersedes.length > 0) transaction.onCommit(() => this.#deps.onSuperseded(note.supersedes, pdu.device));
  }
}

function needsNewerKey(result: BulkResult<OpenedBody>): boolean {
  return !result.ok && result.error.code === 'not_for_us';
}

function itemOf(suite: CryptoSuite, feed: FeedId, { key, value }: Row): Item {
  const row = decodeEntryRow(value);
  return { feed, number: readUint64(key, key.length - 8), row, pdu: parsePdu(suite, row.pdu) };
}
