/** EmailSubmissions as JMAP shows them (RFC 8621, section 7), and by what they are found. */
import { z } from 'zod';
import { parseJmapDate, spellUtcDate } from '../../mime/dates.ts';
import { idOrReference } from '../../protocol/arguments.ts';
import { SUBMISSION } from '../../protocol/capabilities.ts';
import { MethodError } from '../../protocol/errors.ts';
import type { StoredSubmission } from '../../submission/stored-submission.ts';
import { resolveId } from '../call.ts';
import type { JmapObject } from '../standard/get.ts';
import type { ShelfQuery } from '../standard/shelf-query.ts';

export const SUBMISSION_PROPERTIES = [
  'id',
  'identityId',
  'emailId',
  'threadId',
  'envelope',
  'sendAt',
  'undoStatus',
  'deliveryStatus',
  'dsnBlobIds',
  'mdnBlobIds',
];

export function submissionObject(id: string, submission: StoredSubmission): JmapObject {
  const { identityId, emailId, threadId, envelope, undoStatus, deliveryStatus, dsnBlobIds, mdnBlobIds } = submission;
  const sendAt = spellUtcDate(submission.sendAt);
  return { id, identityId, emailId, threadId, envelope, sendAt, undoStatus, deliveryStatus, dsnBlobIds, mdnBlobIds };
}

type Item = StoredSubmission & { readonly id: string };

export const submissionQuery: ShelfQuery<Item> = {
  type: 'EmailSubmission',
  capability: SUBMISSION,
  list: (account) =>
    account.objects.list<StoredSubmission>('EmailSubmission').map(({ id, value }) => ({ ...value, id })),
  condition(name, value, call) {
    const LISTS = { identityIds: 'identityId', emailIds: 'emailId', threadIds: 'threadId' } as const;
    if (Object.hasOwn(LISTS, name)) {
      const parsed = z.array(idOrReference).safeParse(value);
      if (!parsed.success) throw new MethodError('invalidArguments', `${name} is an array of ids`);
      const ids = parsed.data.map((one) => resolveId(call, one));
      return (item) => ids.includes(item[LISTS[name as keyof typeof LISTS]]);
    }
    if (name === 'undoStatus') return (item) => item.undoStatus === value;
    if (name !== 'before' && name !== 'after') return undefined;
    const time = typeof value === 'string' ? parseJmapDate(value, true) : undefined;
    if (time === undefined) throw new MethodError('invalidArguments', `${name} is a UTCDate`);
    return (item) => (name === 'before' ? item.sendAt < time.at : item.sendAt >= time.at);
  },
  sortKey(property) {
    if (property === 'emailId' || property === 'threadId') return (item) => item[property];
    // RFC 8621 calls the property that it has as sendAt "sentAt" here.
    return property === 'sentAt' || property === 'sendAt' ? (item) => item.sendAt : undefined;
  },
};
