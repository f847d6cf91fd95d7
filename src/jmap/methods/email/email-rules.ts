/** The mailboxes and keywords that an email may have (RFC 8621, section 4.1.1), and who may change them. */
import { KEYWORDS_MAX } from '../../limits.ts';
import { invalidProperties, SetError } from '../../protocol/errors.ts';
import { isObject } from '../../protocol/request.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import type { MailboxRights, SetDifference } from '../../store/records.ts';
import { type Call, resolveId } from '../call.ts';

/** ASCII that is printable, but for `( ) { ] % * " \`. */
const KEYWORD = /^[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]{1,255}$/;

/** Keywords in lower case, each once. */
export function parseKeywords(value: unknown): string[] {
  if (!isObject(value) || !Object.entries(value).every(([name, held]) => held === true && KEYWORD.test(name)))
    throw invalidProperties(
      ['keywords'],
      'keywords are ASCII without spaces or ( ) { ] % * " \\, each with the value true',
    );
  const keywords = [...new Set(Object.keys(value).map((name) => name.toLowerCase()))];
  if (keywords.length > KEYWORDS_MAX) throw new SetError('tooManyKeywords', `at most ${KEYWORDS_MAX} keywords`);
  return keywords;
}

/** At least one, and all of them there. */
export function parseMailboxIds(account: MailAccount, call: Call, value: unknown): string[] {
  if (!isObject(value) || !Object.values(value).every((held) => held === true))
    throw invalidProperties(['mailboxIds'], 'mailboxIds is an object whose values are true');
  const ids = Object.keys(value).map((id) => resolveId(call, id) ?? '');
  if (ids.length === 0) throw invalidProperties(['mailboxIds'], 'an email is in one mailbox at least');
  judgePresence(account, ids);
  return [...new Set(ids)];
}

/** Asked again where something was waited for: another request may have destroyed a mailbox meanwhile. */
export function judgePresence(account: MailAccount, mailboxIds: readonly string[]): void {
  if (!mailboxIds.every((id) => account.mailbox(id) !== undefined))
    throw invalidProperties(['mailboxIds'], 'there is no such mailbox');
}

export function judgeAdding(account: MailAccount, mailboxIds: readonly string[]): void {
  judgePresence(account, mailboxIds);
  judgeRight(account, mailboxIds, 'mayAddItems', 'emails may not be added to this mailbox');
}

export function judgeMailboxChange(account: MailAccount, { added, removed }: SetDifference): void {
  judgeAdding(account, added);
  judgeRight(account, removed, 'mayRemoveItems', 'emails may not be removed from this mailbox');
}

export function judgeKeywordChange(
  account: MailAccount,
  mailboxIds: readonly string[],
  { added, removed }: SetDifference,
): void {
  const changed = [...added, ...removed];
  if (changed.includes('$seen')) judgeRight(account, mailboxIds, 'maySetSeen', 'read or unread may not be set here');
  if (changed.some((keyword) => keyword !== '$seen'))
    judgeRight(account, mailboxIds, 'maySetKeywords', 'keywords may not be set here');
}

function judgeRight(account: MailAccount, ids: readonly string[], right: keyof MailboxRights, text: string): void {
  if (!ids.every((id) => account.mailbox(id)?.rights[right] === true)) throw new SetError('forbidden', text);
}
