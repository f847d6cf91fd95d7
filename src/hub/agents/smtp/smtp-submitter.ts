/**
 * Submission for IMAP accounts: by the account's own server, never twice. A note stands in the store from just before the last
 * octets of a message leave. If the next try finds it without an outcome, the message may have been sent: it is not sent again,
 * and its status says that nobody knows (RFC 8621, section 7: `unknown`). With an outcome, that is told again.
 */
import type { Clock } from '../../../base/index.ts';
import {
  type BlobStore,
  type DeliveryStatus,
  type MailAccount,
  type MailStore,
  type SubmissionJob,
  type SubmissionLimits,
  type SubmissionOutcome,
  type Submitter,
  unsentSubmissions,
} from '../../../jmap/index.ts';
import { HubError, sentencesOf } from '../../hub-error.ts';
import type { ImapSettings, Outgoing, RecipientReply, SendOutcome } from '../imap/imap-protocol.ts';
import { DEFERRED_MS, MESSAGE_BYTES_MAX, RECIPIENTS_MAX } from './limits.ts';

export interface SmtpSubmitterDeps {
  readonly clock: Clock;
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
type Later = Extract<SendOutcome, { kind: 'later' }>;
type Statuses = Readonly<Record<string, DeliveryStatus>>;

/** What is known of a message that was handed over, or is about to be. */
interface Note {
  /** The last octets may have left, and there is no answer. */
  readonly isHanding: boolean;
  /** Of the recipients with whom it is settled. */
  readonly statuses: Statuses;
  /** Since when the server asks to come again for the others. */
  readonly deferredSince?: number | undefined;
}

/** As it was kept before some recipients could be left for later. */
type OldNote = 'handing' | Statuses;

const LOST_ANSWER = '451 4.4.2 The server may have taken it: its answer was lost';

export class SmtpSubmitter implements Submitter {
  readonly #deps: SmtpSubmitterDeps;
  readonly #sending = new Set<string>();
  /** By account, why the last try to send came to nothing. */
  readonly #problems = new Map<string, Later>();
  /** By account, for those whose message waits: aborted when it has other settings. */
  readonly #renewals = new Map<string, AbortController>();

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

  /** Why what is to be sent waits; undefined when nothing does. */
  problemOf(accountId: string): Later | undefined {
    return this.#problems.get(accountId);
  }

  /** The account has other settings, or is gone: what waits is tried again. */
  renewed(accountId: string): void {
    this.#problems.delete(accountId);
    this.#renewals.get(accountId)?.abort(new DOMException('the account has other settings', 'AbortError'));
    this.#renewals.delete(accountId);
  }

  async submit(job: SubmissionJob, signal: AbortSignal): Promise<SubmissionOutcome> {
    const { blobs, store } = this.#deps;
    const { accountId, blobId, envelope, id } = job;
    const account = store.account(accountId);
    if (account === undefined) return takenBy(job, 'unknown', '451 4.3.0 The account was removed here');
    const note = readNote(account, id);
    if (note?.isHanding === true)
      return { kind: 'taken', statuses: { ...takenBy(job, 'unknown', LOST_ANSWER).statuses, ...note.statuses } };
    const left = envelope.rcptTo.filter(({ email }) => note?.statuses[email] === undefined);
    if (note !== undefined && left.length === 0) return { kind: 'taken', statuses: note.statuses };
    const size = await blobs.size(accountId, blobId);
    if (size === undefined) return takenBy(job, 'no', '554 5.3.0 The message is not here any more');
    const pieces: Uint8Array[] = [];
    for await (const piece of blobs.read(accountId, blobId, { start: 0, end: size })) pieces.push(piece);
    const mime = new Uint8Array(Buffer.concat(pieces));
    const message = { id, mime, from: envelope.mailFrom.email, to: left };
    const sooner = this.#renewalOf(accountId);
    const outcome = await this.#send(accountId, message, signal);
    if (outcome.kind === 'later') {
      if (note === undefined) account.objects.remove('Private', noteOf(id));
      else writeNote(account, id, note);
      this.#problems.set(accountId, outcome);
      const waiting = left.map(({ email }) => [email, waitingFor(outcome)] as const);
      const statuses = { ...note?.statuses, ...Object.fromEntries(waiting) };
      return { kind: 'later', reason: outcome.reason, statuses, sooner };
    }
    this.#problems.delete(accountId);
    const settled =
      outcome.kind === 'unknown'
        ? takenBy(job, 'unknown', `451 4.4.2 ${outcome.reason}`).statuses
        : statusesOf(outcome.replies);
    const deferred = this.#deferred(outcome, note);
    const statuses: Statuses = { ...without(settled, deferred), ...note?.statuses };
    const deferredSince = note?.deferredSince ?? this.#deps.clock.now();
    writeNote(account, id, { isHanding: false, statuses, deferredSince });
    await store.flush();
    if (deferred.size === 0) return { kind: 'taken', statuses };
    const waiting = Object.entries(settled).filter(([email]) => deferred.has(email));
    const queued = waiting.map(([email, status]) => [email, { ...status, delivered: 'queued' }] as const);
    const reason = 'the server asks to come again for some recipients';
    return { kind: 'later', reason, statuses: { ...statuses, ...Object.fromEntries(queued) } };
  }

  /** Whom another try is for. Not for ever: then they are told as not reached. */
  #deferred(outcome: SendOutcome, note: Note | undefined): ReadonlySet<string> {
    const since = note?.deferredSince ?? this.#deps.clock.now();
    if (!('replies' in outcome) || this.#deps.clock.now() - since >= DEFERRED_MS) return new Set();
    return new Set(outcome.replies.filter(({ isDeferred }) => isDeferred).map(({ recipient }) => recipient));
  }

  /** Notes of submissions that are over; one that was destroyed while it was handed over is not. */
  tidy(account: MailAccount): void {
    const kept = new Set(unsentSubmissions(account).map(({ id }) => noteOf(id)));
    for (const { id } of account.objects.list('Private'))
      if (id.startsWith(NOTE) && !kept.has(id)) account.objects.remove('Private', id);
  }

  /** The last octets are about to leave. */
  async handing(account: MailAccount, id: string): Promise<void> {
    // Of a try that was given up: it must not go on.
    if (!this.#sending.has(id)) throw new HubError('absent', 'nobody waits for this message to be sent');
    writeNote(account, id, { ...(readNote(account, id) ?? { statuses: {} }), isHanding: true });
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
      const reason = error instanceof HubError ? sentencesOf(error) : 'the agent failed';
      const account = this.#deps.store.account(accountId);
      const isHanded = account !== undefined && readNote(account, message.id)?.isHanding === true;
      if (isHanded) return { kind: 'unknown', reason };
      const isCredentialRefused = error instanceof HubError && error.code === 'credential_refused';
      return { kind: 'later', reason, code: isCredentialRefused ? 'credential_refused' : 'failed' };
    } finally {
      this.#sending.delete(message.id);
    }
  }

  #renewalOf(accountId: string): AbortSignal {
    const renewal = this.#renewals.get(accountId) ?? new AbortController();
    this.#renewals.set(accountId, renewal);
    return renewal.signal;
  }

  #settings(accountId: string): ImapSettings | undefined {
    const account = this.#deps.store.account(accountId);
    return account === undefined ? undefined : this.#deps.settingsOf(account);
  }
}

function noteOf(id: string): string {
  return `${NOTE}${id}`;
}

function readNote(account: MailAccount, id: string): Note | undefined {
  const note = account.objects.get<Note | OldNote>('Private', noteOf(id));
  if (note === undefined) return undefined;
  if (note === 'handing') return { isHanding: true, statuses: {} };
  return isNote(note) ? note : { isHanding: false, statuses: note };
}

/** The other is by address. */
function isNote(note: Note | Statuses): note is Note {
  return 'isHanding' in note;
}

function writeNote(account: MailAccount, id: string, note: Note): void {
  account.objects.put('Private', noteOf(id), note);
}

function without(statuses: Statuses, left: ReadonlySet<string>): Statuses {
  return Object.fromEntries(Object.entries(statuses).filter(([email]) => !left.has(email)));
}

function takenBy(
  { envelope }: SubmissionJob,
  delivered: DeliveryStatus['delivered'],
  smtpReply: string,
): Extract<SubmissionOutcome, { kind: 'taken' }> {
  const statuses = envelope.rcptTo.map(({ email }) => [email, { smtpReply, delivered, displayed: 'unknown' }] as const);
  return { kind: 'taken', statuses: Object.fromEntries(statuses) };
}

/** As a server would say it (RFC 3463), where it was not one that said it. */
function waitingFor({ code, reason }: Later): DeliveryStatus {
  const words = reason.replace(/\s+/g, ' ');
  const isReply = /^4\d\d /.test(words);
  const smtpReply = isReply ? words : `451 ${code === 'credential_refused' ? '4.7.8' : '4.4.1'} ${words}`;
  return { smtpReply, delivered: 'queued', displayed: 'unknown' };
}

function statusesOf(replies: readonly RecipientReply[]): Record<string, DeliveryStatus> {
  return Object.fromEntries(
    replies.map(({ isAccepted, recipient, reply }) => [
      recipient,
      { smtpReply: reply, delivered: isAccepted ? 'queued' : 'no', displayed: 'unknown' },
    ]),
  );
}
