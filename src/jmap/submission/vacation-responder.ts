/**
 * Answers new mail while its owner is away (RFC 8621, section 8, by the rules of RFC 3834 and RFC 5230): once for each sender
 * in a period, never to lists, machines or other answers, and only to mail that names the owner as a recipient.
 */
import { createHash } from 'node:crypto';
import type { Clock, Log, SecureRandom } from '../../base/index.ts';
import type { Blobs } from '../blobs/blobs.ts';
import { VACATION_EMAILS_MAX, VACATION_PERIOD_MS } from '../limits.ts';
import { composeMessage, type DraftPart } from '../mime/composer.ts';
import type { HeaderField } from '../mime/header-block.ts';
import { lastField } from '../mime/header-block.ts';
import {
  spellAddresses,
  spellField,
  spellMessageIds,
  spellParameters,
  spellText,
  spellTime,
} from '../mime/header-writing.ts';
import type { MailAccount } from '../store/mail-account.ts';
import type { MailStore } from '../store/mail-store.ts';
import type { EmailRecord } from '../store/records.ts';
import type { StoredSubmission } from './stored-submission.ts';
import { isActive, readVacation, type StoredVacation } from './stored-vacation.ts';
import type { SubmissionQueue } from './submission-queue.ts';

export interface VacationResponderDeps {
  readonly store: MailStore;
  readonly blobs: Blobs;
  readonly queue: SubmissionQueue;
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly log: Log;
}

/** Up to which delivery an account was looked at. */
const CURSOR = 'vacation-cursor';

export class VacationResponder {
  readonly #deps: VacationResponderDeps;

  constructor(deps: VacationResponderDeps) {
    this.#deps = deps;
  }

  /** Looks at what was delivered to an account since the last time. */
  async run(account: MailAccount, signal: AbortSignal): Promise<void> {
    const state = account.state('EmailDelivery');
    const since = account.objects.get<string>('Private', CURSOR);
    if (since === state) return;
    // Before answering: one answer too few is better than two.
    account.objects.put('Private', CURSOR, state);
    const vacation = readVacation(account);
    if (since === undefined || !isActive(vacation, this.#deps.clock.now())) return;
    const delivered = account.changesSince('EmailDelivery', since, VACATION_EMAILS_MAX)?.created ?? [];
    // What came before a restart has no header yet, and without it lists and machines look like people.
    if (delivered.length > 0) await this.#deps.store.complete();
    for (const id of delivered) {
      const email = account.email(id);
      if (email !== undefined) await this.#answer(account, email, vacation, signal);
    }
  }

  async #answer(
    account: MailAccount,
    email: EmailRecord,
    vacation: StoredVacation,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, blobs, queue, log } = this.#deps;
    const fields = account.headers(email);
    const sender = answerTo(fields, email, account.record.name);
    if (sender === undefined) return;
    const note = `replied-${createHash('sha256').update(sender.toLowerCase()).digest('hex').slice(0, 32)}`;
    const last = account.objects.get<number>('Private', note);
    if (last !== undefined && clock.now() - last < VACATION_PERIOD_MS) return;
    const now = Math.floor(clock.now());
    const { id: blobId } = await blobs.putBytes(account.id, this.#compose(account, email, vacation, sender), signal);
    const submission: StoredSubmission = {
      identityId: 'own',
      emailId: email.id,
      threadId: email.threadId,
      // RFC 3834: an answer has no return address, so that nobody answers it.
      envelope: { mailFrom: { email: '', parameters: null }, rcptTo: [{ email: sender, parameters: null }] },
      sendAt: now,
      undoStatus: 'pending',
      deliveryStatus: null,
      dsnBlobIds: [],
      mdnBlobIds: [],
      phase: 'waiting',
      blobId,
    };
    const id = `v${email.id}`;
    this.#deps.store.transact(() => {
      account.objects.put('Private', note, now);
      account.objects.put('EmailSubmission', id, submission);
    });
    queue.start(account, id);
    log.info({ account: account.id, email: email.id }, 'an automatic reply was sent');
  }

  #compose(account: MailAccount, email: EmailRecord, vacation: StoredVacation, to: string): Buffer {
    const { clock, random } = this.#deps;
    const token = (): string => Buffer.from(random.bytes(12)).toString('hex');
    const { messageId, references, subject } = email.envelope;
    const domain = account.record.name.split('@').at(-1) ?? 'localhost';
    const headers = [
      spellTime('Date', { at: Math.floor(clock.now()), offsetMinutes: 0 }),
      spellAddresses('From', [{ name: null, email: account.record.name }]),
      spellAddresses('To', [{ name: null, email: to }]),
      spellText('Subject', vacation.subject ?? `Auto: ${subject ?? ''}`),
      spellMessageIds('Message-ID', [`${token()}@${domain}`]),
      ...(messageId === null ? [] : [spellMessageIds('In-Reply-To', messageId)]),
      ...(messageId === null ? [] : [spellMessageIds('References', [...(references ?? []), ...messageId])]),
      spellField('Auto-Submitted', 'auto-replied'),
      spellField('Precedence', 'bulk'),
    ];
    const { textBody, htmlBody } = vacation;
    const parts = [
      ...(textBody !== null || htmlBody === null ? [textPart('plain', textBody ?? '')] : []),
      ...(htmlBody === null ? [] : [textPart('html', htmlBody)]),
    ];
    const [only] = parts;
    const root: DraftPart =
      parts.length === 1 && only !== undefined
        ? only
        : { headers: [], content: { kind: 'multipart', subtype: 'alternative', parts } };
    return composeMessage(headers, root, token);
  }
}

function textPart(subtype: string, text: string): DraftPart {
  const type = `text/${subtype}`;
  const bytes = Buffer.from(text.replace(/\r\n|\r|\n/g, '\r\n'));
  return {
    headers: [spellParameters('Content-Type', type, new Map([['charset', 'utf-8']]))],
    content: { kind: 'octets', bytes, type },
  };
}

const MACHINES =
  /^(?:mailer-daemon|postmaster|listserv|majordomo|owner-.*|.*-request|.*-bounces|.*-owner|no-?reply|do-?not-?reply)@/i;

/** Who gets an answer to a message; undefined if it must have none. */
function answerTo(
  fields: readonly HeaderField[],
  { envelope, keywords }: EmailRecord,
  own: string,
): string | undefined {
  const value = (name: string): string => lastField(fields, name)?.trim().toLowerCase() ?? '';
  const automatic = value('auto-submitted');
  if (automatic !== '' && !automatic.startsWith('no')) return undefined;
  if (/^(?:bulk|junk|list)/.test(value('precedence'))) return undefined;
  if (fields.some(({ name }) => /^(?:list-|x-auto-response-suppress$|x-autoreply$)/i.test(name))) return undefined;
  if (keywords.includes('$junk') || keywords.includes('$phishing')) return undefined;
  const returnPath = lastField(fields, 'return-path');
  if (returnPath !== undefined && /<\s*>/.test(returnPath)) return undefined;
  const mine = own.toLowerCase();
  const recipients = [...(envelope.to ?? []), ...(envelope.cc ?? [])].map(({ email }) => email.toLowerCase());
  if (!recipients.includes(mine)) return undefined;
  const sender = /<\s*([^<>\s@]+@[^<>\s@]+)\s*>/.exec(returnPath ?? '')?.[1] ?? envelope.from?.[0]?.email;
  if (sender === undefined || !/^[^\s@<>]+@[^\s@<>]+$/.test(sender)) return undefined;
  return sender.toLowerCase() === mine || MACHINES.test(sender) ? undefined : sender;
}
