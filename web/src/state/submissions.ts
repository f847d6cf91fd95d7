/**
 * Handing letters to the hub for sending: each once, whatever is lost on the way. A letter's Message-ID comes from its key, so
 * what was sent is found again; and a submission is made only in the state that was looked at, so that a request which comes
 * late, after it was repeated, is refused.
 */
import type { Connection } from '../jmap/connection.ts';
import type { Email, Identity } from '../jmap/objects.ts';
import { MethodRefusal } from '../jmap/refusal.ts';
import { createdIn, type SetAnswer } from '../jmap/set-answer.ts';
import { hostOf, type Identities } from './identities.ts';
import { draftObject, type LetterContent } from './letter.svelte.ts';
import type { Line } from './line.svelte.ts';
import type { MailAccount } from './mail-account.ts';
import { listOf } from './thread-list.svelte.ts';

/** The hub holds a message for so long, in which it can be taken back. */
export const UNDO_SECONDS = 10;
/** Each time something else was sent between the look and the deed. */
const LOOKS_MAX = 20;

export interface Sent {
  readonly emailId: string;
  /** Undefined when it went earlier: it cannot be taken back. */
  readonly submissionId: string | undefined;
}

/** What the hub has of a letter: its email, and whether that was submitted. */
interface Look {
  readonly state: string;
  readonly emailId: string | undefined;
  readonly isSent: boolean;
}

export interface SubmissionsDeps {
  readonly line: Line;
  readonly identities: Identities;
  readonly accountOf: (content: LetterContent) => MailAccount;
}

export class Submissions {
  readonly #deps: SubmissionsDeps;

  constructor(deps: SubmissionsDeps) {
    this.#deps = deps;
  }

  async send(content: LetterContent): Promise<Sent> {
    const { accountOf, identities, line } = this.#deps;
    const account = accountOf(content);
    const identity = await identities.of(account);
    let mayBeThere = content.isTried;
    return line.attempt(async (connection) => {
      for (let looks = 0; looks < LOOKS_MAX; looks++) {
        const look = await lookFor(connection, account.id, messageIdOf(content, identity), mayBeThere);
        mayBeThere = true; // from here on an answer may be lost
        const sent = look.isSent
          ? { emailId: look.emailId ?? '', submissionId: undefined }
          : await submit(connection, account, content, identity, look);
        if (sent === undefined) continue;
        await file(connection, account, content, sent.emailId);
        return sent;
      }
      throw new Error('too much else is being sent');
    });
  }

  /** False when it has gone already. */
  async cancel(content: LetterContent, { submissionId }: Sent): Promise<boolean> {
    if (submissionId === undefined) return false;
    const { id: accountId } = this.#deps.accountOf(content);
    const update = { [submissionId]: { undoStatus: 'canceled' } };
    const answers = await this.#deps.line.attempt((connection) =>
      connection.call([['EmailSubmission/set', { accountId, update }, 'set']]),
    );
    return Object.keys((answers.get('set') as SetAnswer).notUpdated ?? {}).length === 0;
  }
}

function messageIdOf({ key }: LetterContent, identity: Identity): string {
  return `${key}@${hostOf(identity)}`;
}

async function lookFor(
  connection: Connection,
  accountId: string,
  messageId: string,
  mayBeThere: boolean,
): Promise<Look> {
  // The state first: what is done after it makes it another.
  const answers = await connection.call([['EmailSubmission/get', { accountId, ids: [] }, 'state']]);
  const { state } = answers.get('state') as { readonly state: string };
  if (!mayBeThere) return { state, emailId: undefined, isSent: false };
  const ids = { resultOf: 'query', name: 'Email/query', path: '/ids' };
  const found = await connection.call([
    ['Email/query', { accountId, filter: { header: ['Message-ID', messageId] } }, 'query'],
    ['Email/get', { accountId, '#ids': ids, properties: ['id', 'keywords'] }, 'emails'],
  ]);
  const emails = listOf<Pick<Email, 'id' | 'keywords'>>(found.get('emails'));
  const filed = emails.find(({ keywords }) => keywords.$draft !== true);
  if (filed !== undefined) return { state, emailId: filed.id, isSent: true };
  const emailIds = emails.map(({ id }) => id);
  if (emailIds.length === 0) return { state, emailId: undefined, isSent: false };
  const submitted = await connection.call([['EmailSubmission/query', { accountId, filter: { emailIds } }, 'query']]);
  const { ids: submissions } = submitted.get('query') as { readonly ids: readonly string[] };
  return { state, emailId: emailIds[0], isSent: submissions.length > 0 };
}

/** Undefined when something was submitted since the look. */
async function submit(
  connection: Connection,
  { id: accountId, mailboxes }: MailAccount,
  content: LetterContent,
  identity: Identity,
  look: Look,
): Promise<Sent | undefined> {
  const rcptTo = [...content.to, ...content.cc, ...content.bcc].map(({ email }) => ({ email }));
  const envelope = { mailFrom: { email: identity.email, parameters: { HOLDFOR: String(UNDO_SECONDS) } }, rcptTo };
  const draftsId = mailboxes.role('drafts')?.id ?? '';
  const letter = draftObject(content, identity, draftsId, messageIdOf(content, identity));
  const create = { sub: { identityId: identity.id, emailId: look.emailId ?? '#letter', envelope } };
  try {
    const answers = await connection.call([
      ...(look.emailId === undefined ? [['Email/set', { accountId, create: { letter } }, 'email'] as const] : []),
      ['EmailSubmission/set', { accountId, ifInState: look.state, create }, 'submission'],
    ]);
    const emailId = look.emailId ?? createdIn(answers.get('email') as SetAnswer, 'letter');
    const submission = answers.get('submission') as SetAnswer;
    // Refused, it is written on elsewhere.
    if (submission.created?.sub === undefined)
      await connection.call([['Email/set', { accountId, destroy: [emailId] }, 'set']]);
    return { emailId, submissionId: createdIn(submission, 'sub') };
  } catch (error) {
    if (error instanceof MethodRefusal && error.type === 'stateMismatch') return undefined;
    throw error;
  }
}

/** Among what was sent; the draft that it was is gone, and what it answers is marked. Twice is once. */
async function file(
  connection: Connection,
  { id: accountId, mailboxes }: MailAccount,
  { answers, draftId }: LetterContent,
  emailId: string,
): Promise<void> {
  const draftsId = mailboxes.role('drafts')?.id ?? '';
  const sentId = mailboxes.role('sent')?.id ?? '';
  const update = {
    [emailId]: { [`mailboxIds/${draftsId}`]: null, [`mailboxIds/${sentId}`]: true, 'keywords/$draft': null },
    ...(answers === undefined ? {} : { [answers.emailId]: { [`keywords/${answers.keyword}`]: true } }),
  };
  const destroy = draftId === undefined ? {} : { destroy: [draftId] };
  await connection.call([['Email/set', { accountId, update, ...destroy }, 'set']]);
}
