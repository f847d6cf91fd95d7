/**
 * Submission for IMAP accounts: by the account's own server, never twice. A note stands in the store from just before the last
 * octets of a message leave. If the next try finds it without an outcome, the message may have been sent: it is not sent again,
 * and its status says that nobody knows (RFC 8621, section 7: `unknown`). With an outcome, that is told again.
 */
import type {
  BlobStore,
  DeliveryStatus,
  MailAccount,
  MailStore,
  SubmissionJob,
  SubmissionLimits,
  SubmissionOutcome,
  Submitter,
} from '../../../jmap/index.ts';
import { HubError } from '../../hub-error.ts';
import type { ImapSettings, Outgoing, RecipientReply, SendOutcome } from '../imap/imap-protocol.ts';
import { MESSAGE_BYTES_MAX, RECIPIENTS_MAX } from './limits.ts';

export interface SmtpSubmitterDeps {
  readonly store: MailStore;
  readonly blobs: BlobStore;
  /** Undefined for an account that is none of ours. */
  readonly settingsOf: (account: MailAccount) => ImapSettings | undefined;
  readonly send: (
    accountId: string,
    message: Outgoing & { readonly id: string },
    signal: AbortSignal,
  ) => Promise<SendOutcome>;
}

const NOTE = 'smtp-';
const HANDING = 'handing';
type Statuses = Readonly<Record<string, DeliveryStatus>>;
/** What is known of a message whose last octets may have left. */
type Note = typeof HANDING | Statuses;
const LOST_ANSWER = '451 4.4.2 The server may have taken it: its answer was lost';

export class SmtpSubmitter implements Submitter {
  readonly #deps: SmtpSubmitterDeps;
  readonly #sending = new Set<string>();

  constructor(deps: SmtpSubmitterDeps) {
    this.#deps = deps;
  }

  limitsOf(): SubmissionLimits {
    return { messageBytesMax: MESSAGE_BYTES_MAX, recipientsMax: RECIPIENTS_MAX };
  }

  maySendFrom(accountId: string, address: string): boolean {
    const own = this.#settings(accountId)?.address.toLowerCase();
    return own !== undefined && address.toLowerCase() === own;
  }

  hindrance(accountId: string): string | undefined {
    const settings = this.#settings(accountId);
    if (settings === undefined) return 'this account cannot send here';
    return settings.smtp === undefined ? 'the account has no server to send by' : undefined;
  }

  async submit(job: SubmissionJob, signal: AbortSignal): Promise<SubmissionOutcome> {
    const { blobs, store } = this.#deps;
    const { accountId, blobId, envelope, id } = job;
    const account = store.account(accountId);
    if (account === undefined) return takenBy(job, 'unknown', '451 4.3.0 The account was removed here');
    const note = account.objects.get<Note>('Private', noteOf(id));
    if (note !== undefined)
      return note === HANDING ? takenBy(job, 'unknown', LOST_ANSWER) : { kind: 'taken', statuses: note };
    const size = await blobs.size(accountId, blobId);
    if (size === undefined) return takenBy(job, 'no', '554 5.3.0 The message is not here any more');
    const pieces: Uint8Array[] = [];
    for await (const piece of blobs.read(accountId, blobId, { start: 0, end: size })) pieces.push(piece);
    const mime = new Uint8Array(Buffer.concat(pieces));
    const message = { id, mime, from: envelope.mailFrom.email, to: envelope.rcptTo };
    const outcome = await this.#send(accountId, message, signal);
    if (outcome.kind === 'later') {
      account.objects.remove('Private', noteOf(id));
      return { kind: 'later', reason: outcome.reason };
    }
    const statuses =
      outcome.kind === 'unknown'
        ? takenBy(job, 'unknown', `451 4.4.2 ${outcome.reason}`).statuses
        : statusesOf(outcome.replies);
    account.objects.put('Private', noteOf(id), statuses);
    await store.flush();
    return { kind: 'taken', statuses };
  }

  /** Notes of submissions that are over, or forgotten. */
  tidy(account: MailAccount): void {
    for (const { id } of account.objects.list('Private')) {
      if (!id.startsWith(NOTE)) continue;
      const submission = account.objects.get<{ readonly phase: string }>('EmailSubmission', id.slice(NOTE.length));
      if (submission === undefined || submission.phase === 'done') account.objects.remove('Private', id);
    }
  }

  /** The last octets are about to leave. */
  async handing(account: MailAccount, id: string): Promise<void> {
    // Of a try that was given up: it must not go on.
    if (!this.#sending.has(id)) throw new HubError('absent', 'nobody waits for this message to be sent');
    account.objects.put('Private', noteOf(id), HANDING satisfies Note);
    await this.#deps.store.flush();
  }

  /** An agent that ends before it has answered leaves its note, or none: the next try sees which. */
  async #send(
    accountId: string,
    message: Outgoing & { readonly id: string },
    signal: AbortSignal,
  ): Promise<SendOutcome> {
    this.#sending.add(message.id);
    try {
      return await this.#deps.send(accountId, message, signal);
    } catch (error) {
      signal.throwIfAborted();
      const reason = error instanceof Error ? error.message : 'the agent failed';
      const isHanded = this.#deps.store.account(accountId)?.objects.get('Private', noteOf(message.id)) !== undefined;
      return isHanded ? { kind: 'unknown', reason } : { kind: 'later', reason };
    } finally {
      this.#sending.delete(message.id);
    }
  }

  #settings(accountId: string): ImapSettings | undefined {
    const account = this.#deps.store.account(accountId);
    return account === undefined ? undefined : this.#deps.settingsOf(account);
  }
}

function noteOf(id: string): string {
  return `${NOTE}${id}`;
}

function takenBy(
  { envelope }: SubmissionJob,
  delivered: DeliveryStatus['delivered'],
  smtpReply: string,
): Extract<SubmissionOutcome, { kind: 'taken' }> {
  const statuses = envelope.rcptTo.map(({ email }) => [email, { smtpReply, delivered, displayed: 'unknown' }] as const);
  return { kind: 'taken', statuses: Object.fromEntries(statuses) };
}

function statusesOf(replies: readonly RecipientReply[]): Record<string, DeliveryStatus> {
  return Object.fromEntries(
    replies.map(({ isAccepted, recipient, reply }) => [
      recipient,
      { smtpReply: reply, delivered: isAccepted ? 'queued' : 'no', displayed: 'unknown' },
    ]),
  );
}
