/**
 * The durable outbox: PDUs as they were signed and encrypted once, kept until a node has them on disk. A PDU's id is its
 * identity, so sending again after any crash is a duplicate to the node and a delivery to us. What a node refuses for good
 * is kept with the reason until a person decides.
 *
 * Letters (ordinary mail that the home sends on) are among them, sealed, under an id of their own. Each node knows those alone
 * that were handed to itself: one that may have a letter is the only one that is asked again.
 */
import { fromBase64, fromHex, fromUtf8, readUint64, toBase64, utf8 } from '../../base/index.ts';
import {
  type Address,
  type Attached,
  attachedOf,
  type ConversationId,
  decodeManifest,
  encodeManifest,
  type FeedId,
  type Pdu,
  type PduId,
  parseConversationId,
  parsePduId,
} from '../../protocol/index.ts';
import type { Store, StoreTransaction } from '../../store/index.ts';
import { dropStaged } from '../attachments/staging.ts';
import type { LetterText } from '../compose/letters.ts';
import { conversationPduKey, importKey, OUTBOX, outboxBodyKey, outboxKey } from '../keys.ts';
import { OUTBOX_PAGE } from '../limits.ts';
import type { Sealer } from '../mail/sealer.ts';

export type RefusalCode =
  | 'too_large'
  | 'over_quota'
  | 'unknown_recipient'
  | 'rejected'
  // The home sends no ordinary mail.
  | 'no_letters'
  // A letter: the node that may have taken it is of the home no more, and nobody else can tell.
  | 'node_gone';

export interface Receipt {
  readonly node: string;
  readonly feed: FeedId;
  readonly index: number;
}

export type Outcome =
  | { readonly status: 'accepted' | 'pending'; readonly receipt: Receipt }
  /** A letter: the home has it, and sends it on. */
  | { readonly status: 'handed_over'; readonly node: string }
  | { readonly status: 'refused'; readonly code: RefusalCode; readonly detail: string };

/** Ordinary mail, to be sent on by the home. */
export interface Letter {
  readonly id: PduId;
  readonly recipients: readonly Address[];
  /** The envelope has no sender. */
  readonly returnsNothing: boolean;
}

export interface OutboxItem {
  /** Order of writing: 1, 2, 3 … */
  readonly number: number;
  readonly id: PduId;
  readonly bodySize: number;
  /** Large attachments, which go before it; of a letter its own text, if that is large. */
  readonly attached: readonly Attached[];
  /** It is one, and no PDU. */
  readonly letter: Letter | undefined;
  readonly refused: { readonly code: RefusalCode; readonly detail: string } | undefined;
}

interface Row {
  readonly id: string;
  readonly header: string;
  readonly size: number;
  readonly attached?: readonly Attached[];
  readonly letter?: Omit<Letter, 'id'>;
  /** The key of the node that may have the letter. */
  readonly node?: string;
  readonly refused?: { readonly code: RefusalCode; readonly detail: string };
}

export interface OutboxChange {
  readonly id: PduId;
  readonly outcome: Outcome;
  /** It is one, and no PDU. */
  readonly letter: Letter | undefined;
}

export interface OutboxDeps {
  readonly store: Store;
  readonly sealer: Sealer;
}

export class Outbox {
  readonly #store: Store;
  readonly #sealer: Sealer;
  readonly #onChange: (change: OutboxChange) => void;
  readonly #items = new Map<number, OutboxItem>();
  readonly #waiting = new Map<PduId, Set<(outcome: Outcome) => void>>();
  readonly #wakers = new Set<() => void>();
  #queued = 0;
  #next = 1;

  private constructor({ sealer, store }: OutboxDeps, onChange: (change: OutboxChange) => void) {
    this.#store = store;
    this.#sealer = sealer;
    this.#onChange = onChange;
  }

  static async open(deps: OutboxDeps, onChange: (change: OutboxChange) => void): Promise<Outbox> {
    const outbox = new Outbox(deps, onChange);
    for (let { from } = OUTBOX; ; ) {
      const rows = await deps.store.range({ from, to: OUTBOX.to, limit: OUTBOX_PAGE });
      for (const { key, value } of rows) outbox.#take(itemOf(readUint64(key, 1), decodeRow(value)));
      if (rows.length < OUTBOX_PAGE) return outbox;
      from = outboxKey(outbox.#next);
    }
  }

  /** Waiting or refused, in order of writing. */
  get items(): readonly OutboxItem[] {
    return [...this.#items.values()];
  }

  /** Items that wait to be sent. */
  get queuedCount(): number {
    return this.#queued;
  }

  /** Keeps a PDU within `transaction`; it is sent once that is on disk. */
  add(transaction: StoreTransaction, pdu: Pdu, body: Uint8Array): void {
    const attached = pdu.attached === undefined ? {} : { attached: pdu.attached };
    this.#put(
      transaction,
      this.#next++,
      { id: pdu.id, header: toBase64(pdu.header), size: body.length, ...attached },
      body,
    );
  }

  /** As `add`. */
  addLetter(transaction: StoreTransaction, { id, recipients, returnsNothing }: Letter, text: LetterText): void {
    const number = this.#next++;
    // These and nothing else that its caller has with it: the row is not sealed.
    const letter = { recipients, returnsNothing };
    const isStaged = !(text instanceof Uint8Array);
    const body = isStaged ? encodeManifest(text) : text;
    const sealed = this.#sealer.sealBytes(outboxBodyKey(number), body);
    const staged = isStaged ? { attached: [attachedOf(text)] } : {};
    this.#put(
      transaction,
      number,
      { id, header: '', size: isStaged ? text.size : text.length, ...staged, letter },
      sealed,
    );
  }

  #put(transaction: StoreTransaction, number: number, row: Row, body: Uint8Array): void {
    transaction.put(outboxKey(number), encodeRow(row));
    transaction.put(outboxBodyKey(number), body);
    transaction.onCommit(() => {
      this.#take(itemOf(number, row));
      this.#wake();
    });
  }

  /** The PDU that an earlier import made of the same file. */
  async imported(transaction: StoreTransaction, hash: Uint8Array): Promise<PduId | undefined> {
    const row = await transaction.get(importKey(hash));
    return row === undefined
      ? undefined
      : parsePduId(Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(''));
  }

  rememberImport(transaction: StoreTransaction, hash: Uint8Array, id: PduId): void {
    transaction.put(importKey(hash), fromHex(id));
  }

  /** What travels; undefined when it was delivered meanwhile. */
  async load(number: number): Promise<{ readonly header: Uint8Array; readonly body: Uint8Array } | undefined> {
    const [row, body] = await this.#store.getMany([outboxKey(number), outboxBodyKey(number)]);
    if (row === undefined || body === undefined) return undefined;
    return { header: fromBase64(decodeRow(row).header), body };
  }

  /**
   * The text of a letter, which the node of that key may have from now on, durably; `elsewhere`: another may have it already.
   * Undefined when it was handed over meanwhile.
   */
  loadLetter(number: number, node: string): Promise<LetterText | 'elsewhere' | undefined> {
    return this.#store.transact(async (transaction) => {
      const [bytes, sealed] = await transaction.getMany([outboxKey(number), outboxBodyKey(number)]);
      if (bytes === undefined || sealed === undefined) return undefined;
      const row = decodeRow(bytes);
      if (row.node !== undefined && row.node !== node) return 'elsewhere';
      if (row.node === undefined) transaction.put(outboxKey(number), encodeRow({ ...row, node }));
      const body = this.#sealer.openBytes(outboxBodyKey(number), sealed);
      return row.attached === undefined ? body : decodeManifest(body);
    });
  }

  /** Letters that wait for a node of which that holds, by its key: it may have them. */
  async lettersOf(isNode: (node: string) => boolean): Promise<readonly OutboxItem[]> {
    const letters = [...this.queuedAfter(0)].filter(({ letter }) => letter !== undefined);
    if (letters.length === 0) return [];
    const rows = await this.#store.getMany(letters.map(({ number }) => outboxKey(number)));
    return letters.filter((_, i) => {
      const row = rows[i];
      const node = row === undefined ? undefined : decodeRow(row).node;
      return node !== undefined && isNode(node);
    });
  }

  /** A node said what became of it: delivered ones go, refused ones stay to be shown. */
  async settle(item: OutboxItem, outcome: Outcome): Promise<void> {
    await this.#store.transact(async (transaction) => {
      if (outcome.status === 'refused') {
        const row = await transaction.get(outboxKey(item.number));
        const refused = { code: outcome.code, detail: outcome.detail };
        if (row !== undefined) transaction.put(outboxKey(item.number), encodeRow({ ...decodeRow(row), refused }));
        return;
      }
      transaction.delete(outboxKey(item.number));
      transaction.delete(outboxBodyKey(item.number));
      await dropStaged(transaction, await onlyOf(transaction, item));
    });
    this.#queued -= item.refused === undefined ? 1 : 0;
    if (outcome.status === 'refused') this.#items.set(item.number, { ...item, refused: outcome });
    else this.#items.delete(item.number);
    for (const resolve of this.#waiting.get(item.id) ?? []) resolve(outcome);
    this.#waiting.delete(item.id);
    this.#onChange({ id: item.id, outcome, letter: item.letter });
    this.#wake();
  }

  /** Sends a refused item again: the reason may be gone. */
  async retry(id: PduId): Promise<boolean> {
    const item = this.#find(id);
    if (item?.refused === undefined) return false;
    await this.#store.transact(async (transaction) => {
      const row = await transaction.get(outboxKey(item.number));
      if (row === undefined) return;
      const { node, refused, ...queued } = decodeRow(row);
      // A person wants it to be sent, though the node that is gone may have.
      const isFree = node === undefined || refused?.code === 'node_gone';
      transaction.put(outboxKey(item.number), encodeRow(isFree ? queued : { ...queued, node }));
    });
    this.#items.set(item.number, { ...item, refused: undefined });
    this.#queued += 1;
    this.#wake();
    return true;
  }

  /** Forgets a refused item. */
  async discard(id: PduId): Promise<boolean> {
    const item = this.#find(id);
    if (item?.refused === undefined) return false;
    await this.#store.transact(async (transaction) => {
      const row = await transaction.get(outboxKey(item.number));
      if (row !== undefined && item.letter === undefined)
        transaction.delete(conversationPduKey(conversationIn(decodeRow(row)), item.id));
      transaction.delete(outboxKey(item.number));
      transaction.delete(outboxBodyKey(item.number));
      await dropStaged(transaction, await onlyOf(transaction, item));
    });
    this.#items.delete(item.number);
    return true;
  }

  /** What becomes of a PDU that is in the outbox. Listen before it can be sent. */
  outcomeOf(id: PduId): Promise<Outcome> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id) ?? new Set();
      waiting.add(resolve);
      this.#waiting.set(id, waiting);
    });
  }

  /** Queued items from `after` on, in order. */
  *queuedAfter(after: number): Generator<OutboxItem> {
    for (const item of this.#items.values()) if (item.number > after && item.refused === undefined) yield item;
  }

  /** Resolves when something was added, settled or is to be sent again. */
  whenChanged(): Promise<void> {
    return new Promise((resolve) => this.#wakers.add(resolve));
  }

  /** What a node refused and a person has not decided about. */
  get refused(): ReadonlySet<PduId> {
    return new Set(this.items.flatMap(({ id, refused }) => (refused === undefined ? [] : [id])));
  }

  /** The chunk lists of all that is here. */
  get attachedLists(): ReadonlySet<string> {
    return new Set(this.items.flatMap(({ attached }) => attached.map(({ list }) => list)));
  }

  #find(id: PduId): OutboxItem | undefined {
    for (const item of this.#items.values()) if (item.id === id) return item;
    return undefined;
  }

  #take(item: OutboxItem): void {
    this.#items.set(item.number, item);
    this.#next = Math.max(this.#next, item.number + 1);
    if (item.refused === undefined) this.#queued += 1;
  }

  #wake(): void {
    for (const wake of this.#wakers) wake();
    this.#wakers.clear();
  }
}

/** The chunk lists of an item that is being deleted which no other names, as the transaction sees them. */
async function onlyOf(transaction: StoreTransaction, { attached }: OutboxItem): Promise<readonly string[]> {
  if (attached.length === 0) return [];
  const rows = await transaction.range({ ...OUTBOX, limit: Number.MAX_SAFE_INTEGER });
  const others = new Set(rows.flatMap(({ value }) => (decodeRow(value).attached ?? []).map(({ list }) => list)));
  return attached.map(({ list }) => list).filter((list) => !others.has(list));
}

function itemOf(number: number, row: Row): OutboxItem {
  const id = parsePduId(row.id);
  const letter = row.letter === undefined ? undefined : { id, ...row.letter };
  return { number, id, bodySize: row.size, attached: row.attached ?? [], letter, refused: row.refused };
}

/** Of the header that this device wrote. */
function conversationIn({ header }: Row): ConversationId {
  return parseConversationId((JSON.parse(fromUtf8(fromBase64(header))) as { conversation: string }).conversation);
}

function encodeRow(row: Row): Uint8Array {
  return utf8(JSON.stringify(row));
}

function decodeRow(bytes: Uint8Array): Row {
  return JSON.parse(fromUtf8(bytes)) as Row;
}
