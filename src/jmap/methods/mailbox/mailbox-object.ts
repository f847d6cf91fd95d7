/** Mailboxes as JMAP shows them (RFC 8621, section 2). */
import type { MailAccount } from '../../store/mail-account.ts';
import type { MailboxRecord } from '../../store/records.ts';
import type { JmapObject } from '../standard/get.ts';

export const MAILBOX_PROPERTIES = [
  'id',
  'name',
  'parentId',
  'role',
  'sortOrder',
  'totalEmails',
  'unreadEmails',
  'totalThreads',
  'unreadThreads',
  'myRights',
  'isSubscribed',
] as const;

export const COUNT_PROPERTIES = ['totalEmails', 'unreadEmails', 'totalThreads', 'unreadThreads'];

export function mailboxObject(account: MailAccount, mailbox: MailboxRecord): JmapObject {
  const { id, name, parentId, role, sortOrder, isSubscribed, rights } = mailbox;
  return { id, name, parentId, role, sortOrder, ...account.counts(id), myRights: rights, isSubscribed };
}
