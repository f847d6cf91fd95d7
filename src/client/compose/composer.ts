/**
 * From a draft to the PDUs that carry it. To, Cc and the author share one; each Bcc recipient gets a PDU, a body and a
 * conversation of their own, so that nobody can tell they were written to. Nothing is encrypted to an account whose chain
 * raised an alarm.
 */
import { type CryptoSuite, type SecureRandom, toHex } from '../../base/index.ts';
import {
  type Address,
  type Attached,
  type ConversationId,
  createConversation,
  homeOf,
  type PduId,
  verdictOfRefusal,
} from '../../protocol/index.ts';
import { type Certificate, VaultError } from '../../vault/index.ts';
import { ClientError } from '../client-error.ts';
import type { Contact } from '../contacts/contact.ts';
import type { LookUp } from '../contacts/contacts.ts';
import { homeError, isSilent, standingAlarm, unknownAccount } from '../contacts/lookup-errors.ts';
import type { OpenConversation } from '../conversations/open-conversation.ts';
import { checkMembers, type GapOptions } from '../conversations/standing.ts';
import { MIME_BYTES_MAX, REFERENCES_MAX } from '../limits.ts';
import { type AttachingDeps, attach, attachWithin, sourceOf } from './attaching.ts';
import type { Draft } from './draft.ts';
import { type LetterWriter, type OrdinaryWish, stagedLists, type WrittenLetter } from './letters.ts';
import { encodeMime, type MimeMessage, mimeAround } from './mime-message.ts';
import type { PduWish, PduWriter, SealedMail } from './sealed-mail.ts';
import { type RawMime, type WholeText, wholeText } from './whole-text.ts';

export interface Answered {
  readonly conversation: ConversationId;
  readonly messageId: string | undefined;
  readonly references: readonly string[];
}

export interface ComposerDeps {
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
  readonly writer: PduWriter;
  readonly attaching: AttachingDeps;
  readonly letters: LetterWriter;
  readonly lookUp: (address: Address) => Promise<LookUp>;
  /** A conversation as it is verified here and now. Throws ClientError when this person may not write to it. */
  readonly writable: (conversation: ConversationId, options: GapOptions) => Promise<OpenConversation>;
  /** Throws ClientError `unknown_message`. */
  readonly answered: (id: PduId) => Promise<Answered>;
}

interface Addressed {
  readonly to: readonly Address[];
  readonly cc: readonly Address[];
  readonly bcc: readonly Address[];
}

export interface Composed {
  /** The PDU that To, Cc and the author share; of a mail with Bcc alone, the author's own. */
  readonly visible: SealedMail;
  readonly hidden: readonly SealedMail[];
  /** For people whom no home has. */
  readonly letters: readonly WrittenLetter[];
}

/** Who can be written to as people of homes, and who cannot. */
export interface Readers {
  readonly certificates: ReadonlyMap<Address, Certificate>;
  /** No home answers for them, as far as is known. */
  readonly outside: ReadonlySet<Address>;
}

/** Where a PDU stands: in a conversation of its own, or at the end of one. */
type Place = Pick<PduWish, 'conversation' | 'nonce' | 'prev' | 'depth'>;

export class Composer {
  readonly #deps: ComposerDeps;
  readonly #own: Address;

  constructor(deps: ComposerDeps, options: { readonly own: Address }) {
    this.#deps = deps;
    this.#own = options.own;
  }

  /** Throws ClientError, VaultError or ConnectionError; then nothing is kept. */
  async compose(draft: Draft, signal?: AbortSignal): Promise<Composed> {
    const answered = draft.inReplyTo === undefined ? undefined : await this.#deps.answered(draft.inReplyTo);
    const known = draft.conversation ?? answered?.conversation;
    const open = known === undefined ? undefined : await this.#deps.writable(known, draft);
    const { to, cc, bcc } = this.#addressed(draft, open);
    const shown = unique([...to, ...cc, this.#own]);
    const hidden = unique(bcc).filter((address) => !shown.includes(address));
    const wish = draft.ordinary ?? 'encrypted';
    const { certificates, outside } = await this.readersOf(unique([...shown, ...hidden]));
    const isInside = (address: Address): boolean => !outside.has(address);
    if (open !== undefined) checkMembers(open, shown.filter(isInside));
    const place = open === undefined ? this.#founding() : { ...open.end, conversation: open.id, nonce: undefined };
    const { attached, attachments } = await attach(
      this.#deps.attaching,
      draft.attachments ?? [],
      draft.text.length,
      signal,
    );
    const message = { ...this.#message(draft, { to, cc }, answered), attachments };
    let letters: readonly WrittenLetter[] = [];
    try {
      const encode = (said: MimeMessage): Uint8Array => encodeMime(said, this.#deps.random.bytes(16));
      const seal = (mime: Uint8Array, recipients: readonly Address[], at: Place): Promise<SealedMail> =>
        this.#seal(mime, recipients, certificates, { ...at, attached }, signal);
      const mime = encode(message);
      letters = await this.writeLetters(
        { mime: this.#whole(mime, message, draft, attached), shown, hidden, conversation: place.conversation },
        { certificates, outside },
        wish,
        signal,
      );
      const visible = await seal(mime, shown.filter(isInside), place);
      const bccs = hidden
        .filter(isInside)
        .map((address) => seal(encode({ ...message, bcc: [{ address }] }), [address], this.#founding()));
      return { visible, hidden: await Promise.all(bccs), letters };
    } catch (error) {
      await this.dropStaged(attached, letters);
      throw error;
    }
  }

  /** As those get it who get nothing beside it. */
  #whole(
    mime: Uint8Array,
    message: MimeMessage,
    { attachments = [] }: Draft,
    attached: readonly Attached[],
  ): WholeText {
    if (attached.length === 0) return wholeText(mime);
    const sources = attachments.map((item) => ('content' in item ? sourceOf(item) : item));
    return wholeText(mimeAround(message, sources, this.#deps.random.bytes(16)));
  }

  /**
   * Where an answer stands that another program wrote: at the end of the conversation of what it answers. Undefined where that
   * is not here, or a reader or this person is not in it: then the answer founds one of its own.
   */
  async placeOfAnswer(id: PduId, readers: readonly Address[]): Promise<Place | undefined> {
    try {
      const { conversation } = await this.#deps.answered(id);
      const open = await this.#deps.writable(conversation, {});
      checkMembers(open, readers);
      return { ...open.end, conversation: open.id, nonce: undefined };
    } catch (error) {
      if (error instanceof ClientError || error instanceof VaultError) return undefined;
      throw error;
    }
  }

  /** As `attachWithin`. Throws ClientError `too_large` for what is too large all the same; then nothing is kept. */
  async attachRaw(
    mime: RawMime,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly mime: Uint8Array; readonly attached: readonly Attached[] }> {
    const pieces = mime instanceof Uint8Array ? [mime] : mime;
    const octets = pieces.reduce((sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : 0), 0);
    judgeSize(octets);
    const made = await attachWithin(this.#deps.attaching, pieces, signal);
    try {
      judgeSize(made.mime.length);
      return made;
    } catch (error) {
      await this.dropStaged(made.attached, []);
      throw error;
    }
  }

  /** No mail will name them, and none of these letters will be sent. */
  async dropStaged(attached: readonly Attached[], letters: readonly WrittenLetter[]): Promise<void> {
    await this.#deps.attaching.staging.drop([...attached.map(({ list }) => list), ...stagedLists(letters)]);
  }

  /** The certificate of each. Throws ClientError `unknown_recipient`, `home_unreachable` or `standing_alarm`. */
  async certificatesOf(addresses: readonly Address[]): Promise<ReadonlyMap<Address, Certificate>> {
    return certificatesAmong(await this.#lookUpAll(addresses));
  }

  /**
   * As `certificatesOf`, but for people whom no home has, where the own home sends ordinary mail. One that is known from before
   * has a home, whether or not it answers now.
   */
  async readersOf(addresses: readonly Address[]): Promise<Readers> {
    const found = await this.#lookUpAll(addresses);
    // Asked afterwards: whoever is looked up may have waited for the node that tells.
    const isOut = ({ answer }: Found): boolean => this.#deps.letters.canSend && isOutside(answer);
    const certificates = certificatesAmong(found.filter((one) => !isOut(one)));
    return { certificates, outside: new Set(found.filter(isOut).map(({ address }) => address)) };
  }

  #lookUpAll(addresses: readonly Address[]): Promise<readonly Found[]> {
    return Promise.all(addresses.map(async (address) => ({ address, answer: await this.#deps.lookUp(address) })));
  }

  /** To those of a mail whom no home has. Throws ClientError `not_encrypted` or `too_large`. */
  writeLetters(
    mail: {
      readonly mime: WholeText;
      readonly shown: readonly Address[];
      readonly hidden: readonly Address[];
      readonly conversation: ConversationId;
    },
    { certificates, outside }: Readers,
    wish: OrdinaryWish,
    signal: AbortSignal | undefined,
  ): Promise<readonly WrittenLetter[]> {
    const { conversation, mime } = mail;
    const isOut = (address: Address): boolean => outside.has(address);
    const certificate = certificates.get(this.#own);
    const binding = { conversation, author: this.#own, time: this.#deps.writer.now() };
    const to = { shown: mail.shown.filter(isOut), hidden: mail.hidden.filter(isOut) };
    return this.#deps.letters.write({ mime, ...to, wish, certificate, binding }, signal);
  }

  async #seal(
    mime: Uint8Array,
    recipients: readonly Address[],
    certificates: ReadonlyMap<Address, Certificate>,
    place: Place & Pick<PduWish, 'attached'>,
    signal: AbortSignal | undefined,
  ): Promise<SealedMail> {
    const { writer } = this.#deps;
    judgeSize(mime.length);
    const to = recipients.map((address) => certificates.get(address)).filter((found) => found !== undefined);
    return writer.write({ type: 'mail', recipients, certificates: to, ...place, mime }, signal);
  }

  /** To whom the mail goes: in a conversation, to all who are in it unless the draft says to whom of them. */
  #addressed({ to, cc = [], bcc = [] }: Draft, open: OpenConversation | undefined): Addressed {
    if (to.length + cc.length > 0) return { to, cc, bcc };
    if (open !== undefined) return { to: open.present.filter((address) => address !== this.#own), cc, bcc };
    if (bcc.length > 0) return { to, cc, bcc };
    throw new ClientError('no_recipient', 'the mail is addressed to nobody', { fix: 'give somebody with --to' });
  }

  #founding(): Place {
    return { prev: [], depth: 1, ...createConversation(this.#deps, this.#own) };
  }

  #message(draft: Draft, { to, cc }: Pick<Addressed, 'to' | 'cc'>, answered: Answered | undefined): MimeMessage {
    const { random, writer } = this.#deps;
    const parent = answered?.messageId;
    const references = [...(answered?.references ?? []), ...(parent === undefined ? [] : [parent])];
    return {
      from: { address: this.#own, ...(draft.fromName === undefined ? {} : { name: draft.fromName }) },
      to: to.map((address) => ({ address })),
      cc: cc.map((address) => ({ address })),
      bcc: [],
      subject: draft.subject ?? '',
      text: draft.text,
      attachments: [],
      messageId: `<${toHex(random.bytes(16))}@${homeOf(this.#own)}>`,
      ...(parent === undefined ? {} : { inReplyTo: parent }),
      references: references.slice(-REFERENCES_MAX),
      date: writer.now(),
    };
  }
}

function judgeSize(bytes: number): void {
  if (bytes > MIME_BYTES_MAX)
    throw new ClientError('too_large', `the mail has ${bytes} bytes, more than ${MIME_BYTES_MAX}`, {
      fix: 'send long texts as a file',
    });
}

/** Certainly nobody of a home. Whose home is away, or of whom nobody can tell now, is never written to in the clear: it waits. */
interface Found {
  readonly address: Address;
  readonly answer: LookUp;
}

function certificatesAmong(found: readonly Found[]): ReadonlyMap<Address, Certificate> {
  const unknown = found
    .filter(({ answer }) => answer.status === 'unknown' || isClosed(answer))
    .map(({ address }) => address);
  if (unknown.length > 0) throw unknownAccount(...unknown);
  return new Map(found.map(({ address, answer }) => [address, usable(address, answer)]));
}

function isOutside(answer: LookUp): boolean {
  return isSilent(answer) && answer.contact === undefined && verdictOfRefusal(answer.status) === 'not_a_home';
}

function isClosed(answer: LookUp): boolean {
  return 'contact' in answer && answer.status !== 'alarm' && answer.contact?.document.closed === true;
}

/** What was verified before is as good while the home is silent as it is offline. */
function usable(address: Address, answer: LookUp): Certificate {
  const contact: Contact | undefined = 'contact' in answer && answer.status !== 'alarm' ? answer.contact : undefined;
  if (contact?.certificate !== undefined) return contact.certificate;
  if (isSilent(answer)) throw homeError(answer);
  throw standingAlarm(address, answer.status === 'alarm' ? answer.code : 'certificate_unconfirmed');
}

function unique(addresses: readonly Address[]): Address[] {
  return [...new Set(addresses)];
}
