/** Sending: from a draft, or from the exact bytes of a file, to PDUs that are on this device's disk, and their receipts. */
import {
  type Clock,
  type CryptoSuite,
  fromUtf8,
  invariant,
  isAbort,
  type SecureRandom,
  toHex,
  utf8,
  whenAborted,
} from '../../base/index.ts';
import { type Address, type ConversationId, createConversation, type PduId, parsePduId } from '../../protocol/index.ts';
import type { Store, StoreTransaction } from '../../store/index.ts';
import type { Certificate } from '../../vault/index.ts';
import { dropStaged } from '../attachments/staging.ts';
import { ClientError } from '../client-error.ts';
import type { Composer } from '../compose/composer.ts';
import type { Draft } from '../compose/draft.ts';
import { type LetterText, type OrdinaryWish, stagedLists, type WrittenLetter } from '../compose/letters.ts';
import type { PduWish, PduWriter, SealedMail } from '../compose/sealed-mail.ts';
import { type RawMime, wholeText } from '../compose/whole-text.ts';
import type { NodeConnection } from '../connection/index.ts';
import { keepPdu } from '../conversations/conversation-log.ts';
import { copyOf } from '../deliveries/blind-copies.ts';
import { handedInKey, ordinaryKey } from '../keys.ts';
import { MIME_BYTES_MAX, RECEIPT_WAIT_MS, REGISTER_TEXT_MAX } from '../limits.ts';
import { messageSubject } from '../mail/mail-index.ts';
import type { Notes } from '../notes/notes.ts';
import type { Letter, Outbox, Outcome, Receipt } from './outbox.ts';

export interface PostingDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly outbox: Outbox;
  readonly composer: Composer;
  readonly writer: PduWriter;
  readonly notes: Notes;
  readonly connection: () => NodeConnection | undefined;
}

export interface Sent {
  readonly id: PduId;
  readonly conversation: ConversationId;
  /** `pending`: on a node's disk, not yet on as many as the home asks for; `queued`: only on this device. */
  readonly status: 'accepted' | 'pending' | 'queued';
  readonly receipts: readonly Receipt[];
  /** To people whom no home has. */
  readonly ordinary?: OrdinaryMail;
}

/** Mail that leaves by SMTP, and what those on its way see of it. */
export interface OrdinaryMail {
  readonly to: readonly Address[];
  /** `false`: the home, and every mail server on the way, can read it. */
  readonly encrypted: boolean;
}

interface NamedLetter extends Letter {
  readonly text: LetterText;
}

export type Imported =
  /** `settled` resolves when a node has answered, in this session of the client. */
  | { readonly status: 'queued'; readonly id: PduId; readonly settled: Promise<Outcome> }
  /** The same bytes were sent to this address before. */
  | { readonly status: 'duplicate'; readonly id: PduId };

/** A message in the exact bytes of another program, to several people at once. */
export interface RawMail {
  readonly mime: RawMime;
  /** Before it was taken apart, as ordinary mail has it; default: it was not. */
  readonly whole?: Uint8Array;
  /** Who share a PDU: each of them sees the others. */
  readonly shown: readonly Address[];
  /** Each gets a PDU of their own. */
  readonly hidden: readonly Address[];
  /** Whose mail it is, whatever it says: the same key is sent once. */
  readonly key: string;
  /** What it answers: whoever of `shown` is in that conversation gets it there. */
  readonly answers?: PduId;
  /** To people whom no home has; default: encrypted, or not at all. */
  readonly ordinary?: OrdinaryWish;
  /** Nothing of it comes back: the envelope of ordinary mail has no sender. */
  readonly returnsNothing?: boolean;
}

/** Of a mail that is on this device's disk. */
export interface Posted {
  /** Of its first PDU, or of its letter where it has none. */
  readonly id: PduId;
  readonly ordinary?: OrdinaryMail;
}

/** Nobody of a home gets it. */
const NOTHING = { attached: [], mime: new Uint8Array(0) };

/** The key under which the author's devices know to whom a blind copy went. */
const BCC = 'bcc';

export class Posting {
  readonly #deps: PostingDeps;

  constructor(deps: PostingDeps) {
    this.#deps = deps;
  }

  async send(draft: Draft, signal: AbortSignal | undefined): Promise<Sent> {
    const { composer, notes } = this.#deps;
    const { visible, hidden, letters: written } = await composer.compose(draft, signal);
    const letters = this.#nameLetters(visible.pdu.id, written, false);
    const outcomes = await this.#queue([visible, ...hidden], letters);
    const { bcc = [] } = draft;
    const changes = [
      ...(bcc.length === 0 ? [] : [{ subject: messageSubject(visible.pdu.id), key: BCC, value: listed(bcc) }]),
      ...hidden.map(({ pdu }) => copyOf(pdu.id, visible.pdu.id)),
      ...letters.map(({ id }) => copyOf(id, visible.pdu.id)),
    ];
    if (changes.length > 0) await notes.apply(changes);
    const sent = await this.#receiptsOf(visible, outcomes, signal);
    return written.length === 0 ? sent : { ...sent, ordinary: ordinaryOf(written) };
  }

  /** Changes of a conversation, signed and in clear. Throws ClientError `refused` when the home does not take one. */
  async post(changes: readonly SealedMail[], signal: AbortSignal | undefined): Promise<Sent['status']> {
    const outcomes = await this.#queue(changes);
    const last = changes.at(-1);
    return last === undefined ? 'accepted' : (await this.#receiptsOf(last, outcomes, signal)).status;
  }

  async importRaw(mime: Uint8Array, to: Address, signal: AbortSignal | undefined): Promise<Imported> {
    const { composer, outbox, random, store, suite, writer } = this.#deps;
    const hash = suite.sha256(utf8(`${to}\n`), mime);
    const before = await store.transact((transaction) => outbox.imported(transaction, hash));
    if (before !== undefined) return { status: 'duplicate', id: before };
    if (mime.length > MIME_BYTES_MAX)
      throw new ClientError('too_large', `the message has ${mime.length} bytes, more than ${MIME_BYTES_MAX}`);
    const certificates = await composer.certificatesOf([to]);
    const { pdu, body } = await writer.write(
      {
        type: 'mail',
        ...createConversation({ suite, random }, writer.author),
        recipients: [to],
        certificates: [...certificates.values()],
        prev: [],
        depth: 1,
        mime,
      },
      signal,
    );
    const settled = outbox.outcomeOf(pdu.id);
    const twin = await store.transact(async (transaction) => {
      // Another import of the same file may have been quicker.
      const other = await outbox.imported(transaction, hash);
      if (other !== undefined) return other;
      outbox.rememberImport(transaction, hash, pdu.id);
      outbox.add(transaction, pdu, body);
      return undefined;
    });
    return twin === undefined ? { status: 'queued', id: pdu.id, settled } : { status: 'duplicate', id: twin };
  }

  /**
   * On this device's disk when it resolves with the id of its first PDU; whether the home takes it is for the outbox.
   * Idempotent by the mail's key.
   */
  async sendRaw(mail: RawMail, signal: AbortSignal | undefined): Promise<Posted> {
    const { composer, outbox, random, store, suite, writer } = this.#deps;
    const hash = suite.sha256(utf8(`key ${mail.key}\n`));
    const before = await store.transact((transaction) => this.#posted(transaction, hash));
    if (before !== undefined) return before;
    const wish = mail.ordinary ?? 'encrypted';
    const readers = [...mail.shown, ...mail.hidden];
    if (readers.length === 0) throw new ClientError('no_recipient', 'the mail is addressed to nobody');
    const found = await composer.readersOf(unique([...readers, writer.author]));
    const isInside = (address: Address): boolean => !found.outside.has(address);
    const inside = { shown: mail.shown.filter(isInside), hidden: mail.hidden.filter(isInside) };
    const isForHomes = inside.shown.length + inside.hidden.length > 0;
    const { attached, mime } = isForHomes ? await composer.attachRaw(mail.mime, signal) : NOTHING;
    let sealed: readonly SealedMail[];
    let written: readonly WrittenLetter[] = [];
    try {
      const { conversation } = createConversation({ suite, random }, writer.author);
      const whole = wholeText(mail.whole ?? mail.mime);
      written = await composer.writeLetters({ ...mail, mime: whole, conversation }, found, wish, signal);
      sealed = await this.#sealRaw({ ...mail, ...inside, mime, attached }, found.certificates, signal);
    } catch (error) {
      await composer.dropStaged(attached, written);
      throw error;
    }
    const named = sealed[0]?.pdu.id ?? parsePduId(toHex(hash));
    const letters = this.#nameLetters(named, written, mail.returnsNothing === true);
    const id = sealed[0]?.pdu.id ?? letters[0]?.id;
    invariant(id !== undefined, 'every reader has a PDU or a letter');
    return store.transact(async (transaction) => {
      // The same mail may have been handed in twice at once.
      const twin = await this.#posted(transaction, hash);
      if (twin !== undefined) {
        await dropStaged(transaction, [...attached.map(({ list }) => list), ...stagedLists(written)]);
        return twin;
      }
      outbox.rememberImport(transaction, hash, id);
      for (const { pdu, body } of sealed) {
        outbox.add(transaction, pdu, body);
        keepPdu(transaction, pdu, body);
        transaction.put(handedInKey(pdu.id), utf8(mail.key));
      }
      for (const letter of letters) {
        outbox.addLetter(transaction, letter, letter.text);
        transaction.put(handedInKey(letter.id), utf8(mail.key));
      }
      if (letters.length === 0) return { id };
      const ordinary = ordinaryOf(written);
      transaction.put(ordinaryKey(hash), utf8(JSON.stringify(ordinary)));
      return { id, ordinary };
    });
  }

  /** What an earlier call made of the same mail. */
  async #posted(transaction: StoreTransaction, hash: Uint8Array): Promise<Posted | undefined> {
    const id = await this.#deps.outbox.imported(transaction, hash);
    if (id === undefined) return undefined;
    const row = await transaction.get(ordinaryKey(hash));
    return row === undefined ? { id } : { id, ordinary: JSON.parse(fromUtf8(row)) as OrdinaryMail };
  }

  /** Once for those who see each other, and once for each who is hidden. */
  async #sealRaw(
    { answers, attached, hidden, mime, shown }: Omit<RawMail, 'mime' | 'whole'> & Pick<PduWish, 'mime' | 'attached'>,
    certificates: ReadonlyMap<Address, Certificate>,
    signal: AbortSignal | undefined,
  ): Promise<readonly SealedMail[]> {
    const { composer, random, suite, writer } = this.#deps;
    const place = answers === undefined ? undefined : await composer.placeOfAnswer(answers, shown);
    const founding = () => ({ ...createConversation({ suite, random }, writer.author), prev: [], depth: 1 });
    const groups = [
      ...(shown.length > 0 ? [{ recipients: shown, place: place ?? founding() }] : []),
      ...hidden.map((address) => ({ recipients: [address], place: founding() })),
    ];
    return Promise.all(
      groups.map(({ place, recipients }) => {
        const to = recipients.map((address) => certificates.get(address)).filter((found) => found !== undefined);
        const wish = { type: 'mail', ...place, recipients, certificates: to, mime, attached: attached ?? [] } as const;
        return writer.write(wish, signal);
      }),
    );
  }

  /** On disk, to be sent and in their conversations: what is written next follows them. Returns what will become of each. */
  async #queue(
    mails: readonly SealedMail[],
    letters: readonly NamedLetter[] = [],
  ): Promise<readonly Promise<Outcome>[]> {
    const { outbox, store } = this.#deps;
    const ids = [...mails.map(({ pdu }) => pdu.id), ...letters.map(({ id }) => id)];
    const outcomes = ids.map((id) => outbox.outcomeOf(id));
    await store.transact((transaction) => {
      for (const { pdu, body } of mails) {
        outbox.add(transaction, pdu, body);
        keepPdu(transaction, pdu, body);
      }
      for (const letter of letters) outbox.addLetter(transaction, letter, letter.text);
    });
    return outcomes;
  }

  /** Each has an id of its own, which follows from the mail's: its reports are told of that. */
  #nameLetters(mail: PduId, written: readonly WrittenLetter[], returnsNothing: boolean): readonly NamedLetter[] {
    const { suite } = this.#deps;
    const idOf = (index: number): PduId => parsePduId(suite.sha256Hex(utf8(`restante letter 1\n${mail}\n${index}`)));
    return written.map(({ recipients, text }, index) => ({ id: idOf(index), recipients, returnsNothing, text }));
  }

  async #receiptsOf(
    visible: SealedMail,
    outcomes: readonly Promise<Outcome>[],
    signal: AbortSignal | undefined,
  ): Promise<Sent> {
    const { id, conversation } = visible.pdu;
    const settled = await this.#wait(outcomes, visible.pdu.attached === undefined, signal);
    if (settled === undefined) return { id, conversation, status: 'queued', receipts: [] };
    const receipts: Receipt[] = [];
    for (const outcome of settled) {
      if (outcome.status === 'refused')
        throw new ClientError('refused', `the node refused the mail: ${outcome.code} ${outcome.detail}`.trim(), {
          details: { refusal: outcome.code, id },
          fix: 'it is kept in the outbox: try again later, or discard it',
        });
      if (outcome.status !== 'handed_over') receipts.push(outcome.receipt);
    }
    const isPending = settled.some(({ status }) => status === 'pending');
    return { id, conversation, status: isPending ? 'pending' : 'accepted', receipts };
  }

  /** Undefined when the node has not answered in time: the outbox goes on by itself. */
  async #wait(
    outcomes: readonly Promise<Outcome>[],
    isShort: boolean,
    signal: AbortSignal | undefined,
  ): Promise<readonly Outcome[] | undefined> {
    const connection = this.#deps.connection();
    if (connection === undefined) return undefined;
    if (!isShort) return this.#waitLong(outcomes, connection, signal);
    const timer = new AbortController();
    const either = signal === undefined ? timer.signal : AbortSignal.any([signal, timer.signal]);
    const late = this.#deps.clock.sleep(RECEIPT_WAIT_MS, either).catch((error: unknown) => {
      if (!isAbort(error, either)) throw error;
    });
    try {
      return await Promise.race([
        Promise.all(outcomes),
        late.then(() => undefined),
        connection.ended.then(() => undefined),
      ]);
    } finally {
      timer.abort();
    }
  }
  /** While a large attachment is on its way. Undefined when the connection has ended, or the person wants to wait no longer. */
  async #waitLong(
    outcomes: readonly Promise<Outcome>[],
    connection: NodeConnection,
    signal: AbortSignal | undefined,
  ): Promise<readonly Outcome[] | undefined> {
    let stop: () => void = () => undefined;
    const stopped = new Promise<undefined>((resolve) => {
      stop = () => resolve(undefined);
    });
    using _ = whenAborted(signal, stop);
    return await Promise.race([Promise.all(outcomes), connection.ended.then(() => undefined), stopped]);
  }
}

function unique(addresses: readonly Address[]): Address[] {
  return [...new Set(addresses)];
}

function ordinaryOf(letters: readonly WrittenLetter[]): OrdinaryMail {
  return {
    to: letters.flatMap(({ recipients }) => recipients),
    encrypted: letters.every(({ isEncrypted }) => isEncrypted),
  };
}

/** As many as a note may say: one that says more is read by no device. */
function listed(addresses: readonly Address[]): string {
  let text = '';
  for (const address of addresses) {
    const longer = text === '' ? address : `${text}, ${address}`;
    if (longer.length > REGISTER_TEXT_MAX) break;
    text = longer;
  }
  return text;
}
