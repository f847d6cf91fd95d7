/** What is heard of a message after it was taken over, noted in its submission (RFC 8621, section 7: deliveryStatus). */
import type { MailAccount } from '../store/mail-account.ts';
import { readSubmission, writeSubmission } from './submission-shelf.ts';
import type { DeliveryStatus } from './submitter.ts';

/**
 * By recipient, in any case; who is not in the envelope is left out. False: it is being handed over, and says then what its
 * submitter said. What is known already changes nothing, and of a submission that is gone nothing is noted.
 */
export function noteDelivery(
  account: MailAccount,
  id: string,
  recipients: readonly string[],
  status: DeliveryStatus,
): boolean {
  const submission = readSubmission(account, id);
  if (submission === undefined) return true;
  const { deliveryStatus: before, phase } = submission;
  if (phase !== 'done') return false;
  if (before === null) return true;
  const wanted = new Set(recipients.map((email) => email.toLowerCase()));
  const changed = Object.entries(before).filter(
    ([email, { delivered, smtpReply }]) =>
      wanted.has(email.toLowerCase()) && (delivered !== status.delivered || smtpReply !== status.smtpReply),
  );
  if (changed.length === 0) return true;
  const noted = Object.fromEntries(changed.map(([email]) => [email, status]));
  writeSubmission(account, id, { ...submission, deliveryStatus: { ...before, ...noted } });
  return true;
}
