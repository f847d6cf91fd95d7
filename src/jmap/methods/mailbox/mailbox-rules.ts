/** What a mailbox may be (RFC 8621, section 2): names, roles, and the tree they form. */
import { z } from 'zod';
import { MAIL_LIMITS } from '../../limits.ts';
import { invalidProperties, SetError } from '../../protocol/errors.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import type { MailboxRecord } from '../../store/records.ts';

/** The IMAP Mailbox Name Attributes registry that say what a mailbox is for, in lower case, and `inbox`. */
const ROLES = new Set([
  'all',
  'archive',
  'drafts',
  'flagged',
  'important',
  'inbox',
  'junk',
  'memos',
  'scheduled',
  'sent',
  'snoozed',
  'subscribed',
  'trash',
]);

const shape = z.object({
  name: z.string(),
  parentId: z.string().nullable(),
  role: z.string().nullable(),
  sortOrder: z
    .int()
    .min(0)
    .max(2 ** 31 - 1),
  isSubscribed: z.boolean(),
});

export type MailboxValues = z.output<typeof shape>;

export function parseMailboxValues(values: unknown): MailboxValues {
  const parsed = shape.safeParse(values);
  if (parsed.success) return { ...parsed.data, name: parsed.data.name.normalize('NFC') };
  const properties = [...new Set(parsed.error.issues.map(({ path }) => String(path[0])))];
  throw invalidProperties(properties, parsed.error.issues[0]?.message ?? 'invalid');
}

/** What holds of a mailbox whatever the others are. Throws SetError. */
export function judgeValues({ name, role }: MailboxValues): void {
  if (name === '' || Buffer.byteLength(name) > MAIL_LIMITS.maxSizeMailboxName || /[\p{Cc}]/u.test(name))
    throw invalidProperties(
      ['name'],
      `a name has 1 to ${MAIL_LIMITS.maxSizeMailboxName} octets and no control characters`,
    );
  if (role !== null && !ROLES.has(role)) throw invalidProperties(['role'], `no role ${JSON.stringify(role)}`);
}

/** Throws SetError if the account cannot have a mailbox like that beside its others as they are now. */
export function judgeMailbox(account: MailAccount, id: string | undefined, values: MailboxValues): void {
  judgeValues(values);
  const { name, parentId, role } = values;
  const others = account.mailboxes().filter((mailbox) => mailbox.id !== id);
  if (role !== null && others.some((other) => other.role === role))
    throw invalidProperties(['role'], `another mailbox has the role ${role}`);
  judgePlace(account, id, parentId);
  if (others.some((other) => other.parentId === parentId && other.name === name))
    throw invalidProperties(['name'], 'another mailbox in the same place has that name');
}

function judgePlace(account: MailAccount, id: string | undefined, parentId: string | null): void {
  if (parentId === null) return;
  const ancestors = ancestorsOf(account, parentId);
  if (ancestors === undefined) throw invalidProperties(['parentId'], 'there is no such parent');
  if (id !== undefined && ancestors.some((ancestor) => ancestor.id === id))
    throw invalidProperties(['parentId'], 'a mailbox cannot be within itself');
  const height = id === undefined ? 1 : heightOf(account, id);
  if (ancestors.length + height > MAIL_LIMITS.maxMailboxDepth)
    throw invalidProperties(['parentId'], `mailboxes are at most ${MAIL_LIMITS.maxMailboxDepth} deep`);
}

/** From the parent up, each once: some that were kept may be within each other. Undefined if the parent is not there. */
export function ancestorsOf(account: MailAccount, parentId: string): readonly MailboxRecord[] | undefined {
  const ancestors: MailboxRecord[] = [];
  const seen = new Set<string>();
  for (let next: string | null = parentId; next !== null && !seen.has(next); ) {
    const mailbox = account.mailbox(next);
    if (mailbox === undefined) return ancestors.length === 0 ? undefined : ancestors;
    seen.add(next);
    ancestors.push(mailbox);
    next = mailbox.parentId;
  }
  return ancestors;
}

function heightOf(account: MailAccount, id: string, path: readonly string[] = []): number {
  if (path.includes(id)) return 0;
  const children = account.mailboxes().filter((mailbox) => mailbox.parentId === id);
  return 1 + Math.max(0, ...children.map((child) => heightOf(account, child.id, [...path, id])));
}

export type MailboxPlace = Pick<MailboxRecord, 'name' | 'parentId' | 'role'>;

/** Whether mailboxes can be an account's together: parents are there, siblings and roles differ, none is within itself. */
export function isForest(mailboxes: ReadonlyMap<string, MailboxPlace>): boolean {
  const taken = new Set<string>();
  for (const { name, parentId, role } of mailboxes.values()) {
    const names = [`name ${parentId ?? ''}/${name}`, ...(role === null ? [] : [`role ${role}`])];
    if (names.some((one) => taken.has(one))) return false;
    for (const one of names) taken.add(one);
    let depth = 1;
    for (let next = parentId; next !== null; depth++) {
      const parent = mailboxes.get(next);
      if (parent === undefined || depth >= MAIL_LIMITS.maxMailboxDepth) return false;
      next = parent.parentId;
    }
  }
  return true;
}

export function forbidden(description: string): SetError {
  return new SetError('forbidden', description);
}
