/** The methods of EmailSubmission that are the standard ones (RFC 8621, sections 7.1 to 7.4). */
import { SUBMISSION } from '../../protocol/capabilities.ts';
import type { StoredSubmission } from '../../submission/stored-submission.ts';
import { changesMethod } from '../standard/changes.ts';
import { getMethod } from '../standard/shelf-get.ts';
import { queryChangesMethod, queryMethod } from '../standard/shelf-query.ts';
import { SUBMISSION_PROPERTIES, submissionObject, submissionQuery } from './submission-object.ts';

export const emailSubmissionGet = getMethod({
  type: 'EmailSubmission',
  capability: SUBMISSION,
  properties: SUBMISSION_PROPERTIES,
  read(account, id) {
    const submission = account.objects.get<StoredSubmission>('EmailSubmission', id);
    return submission === undefined ? undefined : submissionObject(id, submission);
  },
  ids: (account) => account.objects.list('EmailSubmission').map(({ id }) => id),
});
export const emailSubmissionChanges = changesMethod('EmailSubmission', SUBMISSION);
export const emailSubmissionQuery = queryMethod(submissionQuery);
export const emailSubmissionQueryChanges = queryChangesMethod(submissionQuery);
