/**
 * From a draft to the PDUs that carry it. To, Cc and the author share one; each Bcc recipient gets a PDU, a body and a
 * conversation of their own, so that nobody can tell they were written to. Nothing is encrypted to an account whose chain
 * raised an alarm.
 */
import { type CryptoSuite, type SecureRandom, toHex } from '../../base/index.ts';
import { type Address, type ConversationId, createConversation, homeOf, type PduId } from '../../protocol/index.ts';
import type { Certificate } from '../../vault/index.ts';
import { ClientError } from '../client-error.ts';
import type { Contact } from '../contacts/contact.ts';
import type { LookUp } from '../contacts/contacts.ts';
import { MIME_BYTES_MAX, REFERENCES_MAX } from '../limits.ts';
import type { Draft } from './draft.ts';
import { encodeMime, type MimeMessage } from './mime-message.ts';
import type { PduWriter, SealedMail } from './sealed-mail.ts';

/** Where in a conversation the next PDU stands. */
export interface ConversationEnd {
  readonly prev: readonly PduId[];
  readonly depth: number;
}

export interface Answered {
  readonly conversation: ConversationId;
  readonly messageId: string | undefined;
  readonly references: readonly string[];
}

export interface ComposerDeps {
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
  readonly writer: PduWriter;
  readonly lookUp: (address: Address) => Promise<LookUp>;
  readonly endOf: (conversation: ConversationId) => Promise<ConversationEnd>;
  /** Throws ClientError `unknown_message`. */
  readonly answered: (id: PduId) => Promise<Answered>;
}

export interface Composed {
  /** The PDU that To, Cc and the author share; of a mail with Bcc alone, the author's own. */
  readonly visible: SealedMail;
  readonly hidden: readonly SealedMail[];
}

const FIRST: ConversationEnd = Object.freeze({ prev: [], depth: 1 });

export class Composer {
  readonly #deps: ComposerDeps;
  readonly #own: Address;

  constructor(deps: ComposerDeps, options: { readonly own: Address }) {
    this.#deps = deps;
    this.#own = options.own;
  }

  /** Throws ClientError, VaultError or ConnectionError; then nothing is kept. */
  async compose(draft: Draft, signal?: AbortSignal): Promise<Composed> {
    const { to, cc = [], bcc = [] } = draft;
    if (to.length + cc.length + bcc.length === 0)
      throw new ClientError('no_recipient', 'the mail is addressed to nobody', { fix: 'give somebody with --to' });
    const answered = draft.inReplyTo === undefined ? undefined : await this.#deps.answered(draft.inReplyTo);
    const conversation = draft.conversation ?? answered?.conversation;
    const shown = unique([...to, ...cc, this.#own]);
    const hidden = unique(bcc).filter((address) => !shown.includes(address) || address === this.#own);
    const certificates = await this.certificatesOf(unique([...shown, ...hidden]));
    const message = this.#message(draft, answered);
    const visible = await this.#seal(message, shown, certificates, conversation, signal);
    const bccs = hidden
      .filter((address) => address !== this.#own)
      .map((address) => this.#seal({ ...message, bcc: [{ address }] }, [address], certificates, undefined, signal));
    return { visible, hidden: await Promise.all(bccs) };
  }

  /** The certificate of each. Throws ClientError `unknown_recipient` or `standing_alarm`. */
  async certificatesOf(addresses: readonly Address[]): Promise<ReadonlyMap<Address, Certificate>> {
    const found = await Promise.all(
      addresses.map(async (address) => ({ address, answer: await this.#deps.lookUp(address) })),
    );
    const unknown = found
      .filter(({ answer }) => answer.status === 'unknown' || isClosed(answer))
      .map(({ address }) => address);
    if (unknown.length > 0)
      throw new ClientError('unknown_recipient', `no such account: ${unknown.join(', ')}`, {
        details: { addresses: unknown },
      });
    return new Map(found.map(({ address, answer }) => [address, usable(address, answer)]));
  }

  async #seal(
    message: MimeMessage,
    recipients: readonly Address[],
    certificates: ReadonlyMap<Address, Certificate>,
    known: ConversationId | undefined,
    signal: AbortSignal | undefined,
  ): Promise<SealedMail> {
    const { suite, random, writer, endOf } = this.#deps;
    const mime = encodeMime(message, random.bytes(16));
    if (mime.length > MIME_BYTES_MAX)
      throw new ClientError('too_large', `the mail has ${mime.length} bytes, more than ${MIME_BYTES_MAX}`, {
        fix: 'send large files another way, or in parts',
      });
    const place =
      known === undefined
        ? { ...FIRST, ...createConversation({ suite, random }, this.#own) }
        : { ...(await endOf(known)), conversation: known, nonce: undefined };
    const to = recipients.map((address) => certificates.get(address)).filter((found) => found !== undefined);
    return writer.write({ type: 'mail', recipients, certificates: to, ...place, mime }, signal);
  }

  #message(draft: Draft, answered: Answered | undefined): MimeMessage {
    const { random, writer } = this.#deps;
    const parent = answered?.messageId;
    const references = [...(answered?.references ?? []), ...(parent === undefined ? [] : [parent])];
    return {
      from: { address: this.#own, ...(draft.fromName === undefined ? {} : { name: draft.fromName }) },
      to: draft.to.map((address) => ({ address })),
      cc: (draft.cc ?? []).map((address) => ({ address })),
      bcc: [],
      subject: draft.subject ?? '',
      text: draft.text,
      attachments: draft.attachments ?? [],
      messageId: `<${toHex(random.bytes(16))}@${homeOf(this.#own)}>`,
      ...(parent === undefined ? {} : { inReplyTo: parent }),
      references: references.slice(-REFERENCES_MAX),
      date: writer.now(),
    };
  }
}

function isClosed(answer: LookUp): boolean {
  return answer.status === 'known' && answer.contact.document.closed;
}

function usable(address: Address, answer: LookUp): Certificate {
  const contact: Contact | undefined = answer.status === 'known' ? answer.contact : undefined;
  if (contact?.certificate !== undefined) return contact.certificate;
  const alarm = answer.status === 'alarm' ? answer.code : 'certificate_unconfirmed';
  throw new ClientError('standing_alarm', `nothing is encrypted to ${address}: ${alarm}`, {
    details: { address, alarm },
    fix: `compare the key with its owner (\`restante key show ${address}\`), then \`restante key verify ${address}\``,
  });
}

function unique(addresses: readonly Address[]): Address[] {
  return [...new Set(addresses)];
}
