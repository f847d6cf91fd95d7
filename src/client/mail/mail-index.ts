/**
 * The readable side of the store: summaries, texts, conversations, the unread, and what devices said about each message.
 * Everything is written inside the caller's transaction and sealed. An operation may come before its message: it waits in
 * its registers, and the message takes them up when it is indexed.
 */
import { readUint64, toHex, uint64Bytes } from '../../base/index.ts';
import { homeOf, isAddress, isDoorAddress, type PduId, parseFeedId, parsePduId } from '../../protocol/index.ts';
import type { StoreReader, StoreTransaction } from '../../store/index.ts';
import {
  COUNTER_KEY,
  changedKey,
  conversationKey,
  copiesOf,
  entryKey,
  erasureKey,
  placeKey,
  registersKey,
  summaryKey,
  textKey,
  unreadKey,
} from '../keys.ts';
import { FEEDS_MAX } from '../limits.ts';
import { mergeOperation, type Operation, type Registers, trueKeys } from '../notes/registers.ts';
import { decodeEntryRow, decodePlace, encodeEntryRow } from './entry-row.ts';
import type { Sealer } from './sealer.ts';
import { DELETED, type MessageText, READ, type Summary } from './summary.ts';

/** A subject's registers as they are kept. */
export interface RegistersRecord {
  readonly subject: string;
  readonly registers: Registers;
}

/** The unread row: where the message is in the list. */
export interface UnreadRecord {
  readonly receivedAt: number;
  readonly id: string;
}

/** The subject of who is blocked: keys are addresses and homes. */
export const BLOCKED = 'blocked';

const MESSAGE_SUBJECT = /^m:[0-9a-f]{64}$/;

export function messageSubject(id: PduId): string {
  return `m:${id}`;
}

export type NewSummary = Omit<Summary, 'keywords'>;

export class MailIndex {
  readonly #sealer: Sealer;
  readonly #onSaid: (subject: string) => void;
  readonly #isFollowed: boolean;

  /** `onSaid`: something that is no message has other registers now; after the commit. */
  constructor(
    deps: { readonly sealer: Sealer; readonly onSaid: (subject: string) => void },
    options: { readonly isFollowed: boolean },
  ) {
    this.#sealer = deps.sealer;
    this.#onSaid = deps.onSaid;
    this.#isFollowed = options.isFollowed;
  }

  /** Writes a message with the keywords that were said about it so far. */
  async writeMessage(transaction: StoreTransaction, summary: NewSummary, text: MessageText): Promise<Summary> {
    const registers = await this.registersOf(transaction, messageSubject(summary.id));
    const keywords = trueKeys(registers);
    const complete: Summary = { ...summary, keywords };
    this.#putSummary(transaction, complete);
    if (keywords.includes(DELETED)) await dropBody(transaction, complete);
    else transaction.put(textKey(summary), this.#sealer.seal(textKey(summary), text));
    transaction.put(conversationKey(summary.conversation, summary), new Uint8Array(0));
    return complete;
  }

  /** Merges what devices said; returns the messages that it changed. */
  async applyOperations(
    transaction: StoreTransaction,
    operations: readonly Operation[],
  ): Promise<readonly { readonly before: Summary; readonly after: Summary }[]> {
    const subjects = new Map<string, Operation[]>();
    for (const operation of operations)
      subjects.set(operation.subject, [...(subjects.get(operation.subject) ?? []), operation]);
    const changed: { before: Summary; after: Summary }[] = [];
    for (const [subject, said] of subjects) {
      const before = await this.registersOf(transaction, subject);
      const after = said.reduce(mergeOperation, before);
      if (after === before) continue;
      const key = this.#registersKey(subject);
      transaction.put(key, this.#sealer.seal(key, { subject, registers: after } satisfies RegistersRecord));
      if (!MESSAGE_SUBJECT.test(subject)) transaction.onCommit(() => this.#onSaid(subject));
      const change = await this.#updateMessage(transaction, subject, after);
      if (change !== undefined) changed.push(change);
    }
    const greatest = operations.reduce((most, { counter }) => Math.max(most, counter), 0);
    const counter = await this.counter(transaction);
    if (greatest > counter) transaction.put(COUNTER_KEY, uint64Bytes(greatest));
    return changed;
  }

  /** The greatest Lamport counter seen. */
  async counter(reader: StoreReader): Promise<number> {
    const row = await reader.get(COUNTER_KEY);
    return row === undefined ? 0 : readUint64(row);
  }

  async registersOf(reader: StoreReader, subject: string): Promise<Registers> {
    const key = this.#registersKey(subject);
    const row = await reader.get(key);
    return row === undefined ? {} : this.openRegisters(key, row).registers;
  }

  openRegisters(key: Uint8Array, row: Uint8Array): RegistersRecord {
    return this.#sealer.open<RegistersRecord>(key, row);
  }

  async summaryOf(reader: StoreReader, id: PduId): Promise<Summary | undefined> {
    const place = await reader.get(placeKey(id));
    if (place === undefined) return undefined;
    const key = summaryKey({ receivedAt: decodePlace(place).receivedAt, id });
    const row = await reader.get(key);
    return row === undefined ? undefined : this.openSummary(key, row);
  }

  async textOf(reader: StoreReader, summary: Pick<Summary, 'receivedAt' | 'id'>): Promise<MessageText | undefined> {
    const key = textKey(summary);
    const row = await reader.get(key);
    return row === undefined ? undefined : this.#sealer.open<MessageText>(key, row);
  }

  openSummary(key: Uint8Array, row: Uint8Array): Summary {
    return this.#sealer.open<Summary>(key, row);
  }

  openText(key: Uint8Array, row: Uint8Array): MessageText {
    return this.#sealer.open<MessageText>(key, row);
  }

  openUnread(key: Uint8Array, row: Uint8Array): UnreadRecord {
    return this.#sealer.open<UnreadRecord>(key, row);
  }

  #registersKey(subject: string): Uint8Array {
    return registersKey(this.#sealer.pseudonym('registers', subject));
  }

  async #updateMessage(
    transaction: StoreTransaction,
    subject: string,
    registers: Registers,
  ): Promise<{ before: Summary; after: Summary } | undefined> {
    if (!MESSAGE_SUBJECT.test(subject)) return undefined;
    const before = await this.summaryOf(transaction, parsePduId(subject.slice(2)));
    if (before === undefined) return undefined;
    const after: Summary = { ...before, keywords: trueKeys(registers) };
    this.#putSummary(transaction, after);
    if (after.keywords.includes(DELETED) && !before.keywords.includes(DELETED)) await dropBody(transaction, after);
    return { before, after };
  }

  #putSummary(transaction: StoreTransaction, summary: Summary): void {
    const key = summaryKey(summary);
    const sealed = this.#sealer.seal(key, summary);
    transaction.put(key, sealed);
    if (this.#isFollowed) transaction.put(changedKey(summary), changeOf(sealed));
    const unread = unreadKey(this.#sealer.pseudonym('unread', summary.id));
    if (isUnread(summary))
      transaction.put(
        unread,
        this.#sealer.seal(unread, { receivedAt: summary.receivedAt, id: summary.id } satisfies UnreadRecord),
      );
    else transaction.delete(unread);
  }
}

/** Tells one version of a summary from the next: the nonce that it was sealed with. */
export function changeOf(sealed: Uint8Array): Uint8Array {
  return sealed.slice(1, 25);
}

export function isUnread({ keywords }: Pick<Summary, 'keywords'>): boolean {
  return !keywords.includes(READ) && !keywords.includes(DELETED);
}

/** A deleted message leaves its header and its place; the home is asked to erase its body too, wherever it has it. */
async function dropBody(transaction: StoreTransaction, summary: Summary): Promise<void> {
  const { feed, number } = summary;
  transaction.delete(textKey(summary));
  transaction.put(erasureKey(feed, number), new Uint8Array(0));
  for (const copy of await transaction.range({ ...copiesOf(summary.id), limit: FEEDS_MAX })) {
    const place = copy.key.subarray(-40);
    transaction.put(erasureKey(parseFeedId(toHex(place.subarray(0, 32))), readUint64(place, 32)), new Uint8Array(0));
  }
  const row = await transaction.get(entryKey(feed, number));
  if (row === undefined) return;
  const entry = decodeEntryRow(row);
  transaction.put(entryKey(feed, number), encodeEntryRow({ ...entry, bodyState: 'dropped', body: new Uint8Array(0) }));
}

/** Since when a person blocks somebody, milliseconds since 1970, as the register spells it. */
export function blockedSince(at: number): string {
  return `since ${Math.floor(at)}`;
}

/**
 * Whether a message came from somebody blocked at the time, by address or by home. A function of what the registers say
 * now, so that devices agree whatever they heard first, and unblocking gives everything back. Mail from outside is of whom it
 * says: to block its author would be to block the door.
 */
export function isBlocked(
  blocked: Registers,
  { author, from, receivedAt }: Pick<Summary, 'author' | 'from' | 'receivedAt'>,
): boolean {
  return (isDoorAddress(author) ? namesIn(from) : [author, homeOf(author)]).some((who) => {
    const value = Object.hasOwn(blocked, who) ? blocked[who]?.value : undefined;
    const since = typeof value === 'string' ? /^since (\d+)$/.exec(value)?.[1] : undefined;
    return since !== undefined && receivedAt >= Number(since) * 1000;
  });
}

/** The address in a From field, and its home; none where there is none. */
function namesIn(from: string): readonly string[] {
  const address = (/<([^<>]*)>\s*$/.exec(from)?.[1] ?? from).trim().toLowerCase();
  return isAddress(address) ? [address, homeOf(address)] : [];
}

/** The id in a list key. */
export function idInKey(key: Uint8Array): PduId {
  return parsePduId(toHex(key.subarray(key.length - 32)));
}
