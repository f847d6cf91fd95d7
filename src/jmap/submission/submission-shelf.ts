/**
 * Where submissions are kept. One that its client has destroyed while it waits is not shown any more and is sent all the same
 * (RFC 8621, section 7.5): what sends it is then a private object, which goes when the sending is over.
 */
import type { MailAccount } from '../store/mail-account.ts';
import type { StoredSubmission } from './stored-submission.ts';

const PREFIX = 'submission ';

/** What sends a message, whether or not anybody sees it. */
export function readSubmission(account: MailAccount, id: string): StoredSubmission | undefined {
  return (
    account.objects.get<StoredSubmission>('EmailSubmission', id) ??
    account.objects.get<StoredSubmission>('Private', PREFIX + id)
  );
}

export function writeSubmission(account: MailAccount, id: string, submission: StoredSubmission): void {
  const { objects } = account;
  if (objects.get('EmailSubmission', id) !== undefined) objects.put('EmailSubmission', id, submission);
  else if (submission.phase === 'done') objects.remove('Private', PREFIX + id);
  else objects.put('Private', PREFIX + id, submission);
}

/** Nobody sees it any more. */
export function forgetSubmission(account: MailAccount, id: string): void {
  const submission = account.objects.get<StoredSubmission>('EmailSubmission', id);
  if (submission === undefined) return;
  account.objects.remove('EmailSubmission', id);
  if (submission.phase !== 'done') account.objects.put('Private', PREFIX + id, submission);
}

/** What is still to be sent. */
export function unsentSubmissions(
  account: MailAccount,
): { readonly id: string; readonly submission: StoredSubmission }[] {
  const { objects } = account;
  const seen = objects.list<StoredSubmission>('EmailSubmission').map(({ id, value }) => ({ id, submission: value }));
  const hidden = objects
    .list<StoredSubmission>('Private')
    .filter(({ id }) => id.startsWith(PREFIX))
    .map(({ id, value }) => ({ id: id.slice(PREFIX.length), submission: value }));
  return [...seen, ...hidden].filter(({ submission }) => submission.phase !== 'done');
}
