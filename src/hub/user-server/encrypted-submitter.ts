/**
 * Submissions of the encrypted account: each recipient has an address of a home, and gets the mail encrypted to their key.
 * Whom the message names in To and Cc share a PDU, everybody else of the envelope gets one of their own. Whoever cannot be
 * written to is told as an SMTP server would say it, and keeps nobody else from getting the mail.
 */
import { isAbort } from '../../base/index.ts';
import type { OrdinaryMail } from '../../client/index.ts';
import {
  type BlobStore,
  type DeliveryStatus,
  envelopeOf,
  fieldsOf,
  readMessage,
  type SubmissionJob,
  type SubmissionLimits,
  type SubmissionOutcome,
  type Submitter,
} from '../../jmap/index.ts';
import { type Address, RECIPIENTS_MAX } from '../../protocol/index.ts';
import type { MailAgentCalls, SendOutcome } from '../agents/mail/mail-protocol.ts';
import { HubError } from '../hub-error.ts';
import { SENT_BYTES_MAX } from './limits.ts';

export interface EncryptedSubmitterDeps {
  readonly blobs: Pick<BlobStore, 'size' | 'read'>;
  /** The PDU of the first of these message ids that is a message of others in the thread. */
  readonly pduOfMessage: (threadId: string, messageIds: readonly string[]) => string | undefined;
  readonly send: (request: MailAgentCalls['send']['request'], signal: AbortSignal) => Promise<SendOutcome>;
}

/** Before a submission's id in the key by which its mail is handed in. */
const KEY = 'send ';

/** Undefined: the key of something else, such as a message that was imported. */
export function submissionOfKey(key: string): string | undefined {
  return key.startsWith(KEY) ? key.slice(KEY.length) : undefined;
}

/** RFC 3463. */
const REPLIES: Readonly<Record<string, string>> = {
  unknown_recipient: '550 5.1.1',
  unknown_home: '550 5.1.2',
  standing_alarm: '550 5.7.1',
  too_large: '552 5.3.4',
};

export class EncryptedSubmitter implements Submitter {
  readonly #deps: EncryptedSubmitterDeps;
  readonly #own: Address;

  constructor(deps: EncryptedSubmitterDeps, options: { readonly own: Address }) {
    this.#deps = deps;
    this.#own = options.own;
  }

  limitsOf(): SubmissionLimits {
    return { messageBytesMax: SENT_BYTES_MAX, recipientsMax: RECIPIENTS_MAX };
  }

  maySendFrom(_accountId: string, address: string): boolean {
    return address.toLowerCase() === this.#own;
  }

  hindrance(): string | undefined {
    return undefined;
  }

  async submit(job: SubmissionJob, signal: AbortSignal): Promise<SubmissionOutcome> {
    const mime = await this.#read(job);
    const { named, answered } = addressees(mime);
    const answers = this.#deps.pduOfMessage(job.threadId, answered);
    const statuses: Record<string, DeliveryStatus> = {};
    let left = [...new Set(job.envelope.rcptTo.map(({ email }) => email))];
    while (left.length > 0) {
      const shown = left.filter((email) => named.has(email.toLowerCase()));
      const hidden = left.filter((email) => !shown.includes(email));
      // Without those who were refused it is the same submission: whoever was refused had nothing.
      const returnsNothing = job.envelope.mailFrom.email === '';
      const request = { key: `${KEY}${job.id}`, mime, shown, hidden, answers, returnsNothing };
      const outcome = await this.#send(request, signal);
      if (outcome.status === 'later') return { kind: 'later', reason: outcome.message };
      if (outcome.status === 'taken') {
        for (const email of left) statuses[email] = status(wayOf(email, outcome.ordinary), 'queued');
        break;
      }
      const reply = `${REPLIES[outcome.code] ?? '554 5.0.0'} ${outcome.message}`;
      for (const email of outcome.addresses) statuses[email] = status(reply, 'no');
      left = left.filter((email) => !outcome.addresses.includes(email));
    }
    return { kind: 'taken', statuses };
  }

  /** An agent that rests, ends or is slow takes it another time: by its key it is one submission. */
  async #send(request: MailAgentCalls['send']['request'], signal: AbortSignal): Promise<SendOutcome> {
    try {
      return await this.#deps.send(request, signal);
    } catch (error) {
      if (isAbort(error, signal) || !(error instanceof HubError) || error.retry === 'never') throw error;
      return { status: 'later', message: error.message };
    }
  }

  async #read({ accountId, blobId }: SubmissionJob): Promise<Uint8Array> {
    const size = await this.#deps.blobs.size(accountId, blobId);
    if (size === undefined) throw new HubError('absent', `the message ${blobId} of a submission is not there`);
    const mime = new Uint8Array(size);
    let at = 0;
    for await (const bytes of this.#deps.blobs.read(accountId, blobId, { start: 0, end: size })) {
      mime.set(bytes, at);
      at += bytes.length;
    }
    return mime;
  }
}

/** What others on its way see of it. */
function wayOf(email: string, ordinary: OrdinaryMail | undefined): string {
  if (ordinary?.to.some((address) => address === email.toLowerCase()) !== true)
    return '250 2.0.0 encrypted, and on its way';
  return ordinary.encrypted
    ? '250 2.0.0 encrypted, and on its way by ordinary mail'
    : '250 2.0.0 in the clear, and on its way by ordinary mail: every server on it can read it';
}

function status(smtpReply: string, delivered: DeliveryStatus['delivered']): DeliveryStatus {
  return { smtpReply, delivered, displayed: 'unknown' };
}

/** Whom a message names as its readers, in lower case; and what it answers, the nearest first. */
function addressees(mime: Uint8Array): { named: ReadonlySet<string>; answered: readonly string[] } {
  const { cc, inReplyTo, references, to } = envelopeOf(fieldsOf(readMessage(mime).headerBlock));
  const named = new Set([...(to ?? []), ...(cc ?? [])].map(({ email }) => email.toLowerCase()));
  return { named, answered: [...(inReplyTo ?? []), ...(references ?? []).toReversed()] };
}
