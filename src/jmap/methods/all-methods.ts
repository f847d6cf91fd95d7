/** Every method, by the folders they are in. */

import { blobCopy } from './blob/copy.ts';
import { blobGet } from './blob/get.ts';
import { blobLookup } from './blob/lookup.ts';
import { blobUpload } from './blob/upload.ts';
import type { Method } from './call.ts';
import { completenessChanges, completenessGet } from './completeness/completeness.ts';
import { coreEcho } from './core/echo.ts';
import { emailChanges } from './email/changes.ts';
import { emailCopy } from './email/copy.ts';
import { emailGet } from './email/get.ts';
import { emailImport } from './email/import.ts';
import { emailParse } from './email/parse.ts';
import { emailQuery } from './email/query.ts';
import { emailQueryChanges } from './email/query-changes.ts';
import { emailSet } from './email/set.ts';
import {
  emailSubmissionChanges,
  emailSubmissionGet,
  emailSubmissionQuery,
  emailSubmissionQueryChanges,
} from './email-submission/methods.ts';
import { emailSubmissionSet } from './email-submission/set.ts';
import { everyEmailQuery } from './every-email/query.ts';
import { identityChanges, identityGet } from './identity/methods.ts';
import { identitySet } from './identity/set.ts';
import { mailboxChanges } from './mailbox/changes.ts';
import { mailboxGet } from './mailbox/get.ts';
import { mailboxQuery } from './mailbox/query.ts';
import { mailboxQueryChanges } from './mailbox/query-changes.ts';
import { mailboxSet } from './mailbox/set.ts';
import { pushSubscriptionGet } from './push-subscription/get.ts';
import { pushSubscriptionSet } from './push-subscription/set.ts';
import { quotaChanges, quotaGet, quotaQuery, quotaQueryChanges } from './quota/quota.ts';
import { searchSnippetGet } from './search-snippet/get.ts';
import { threadChanges } from './thread/changes.ts';
import { threadGet } from './thread/get.ts';
import { vacationGet, vacationSet } from './vacation-response/vacation.ts';

export const ALL_METHODS: readonly Method[] = [
  ...[coreEcho, pushSubscriptionGet, pushSubscriptionSet],
  ...[mailboxGet, mailboxChanges, mailboxQuery, mailboxQueryChanges, mailboxSet],
  ...[threadGet, threadChanges],
  ...[emailGet, emailChanges, emailQuery, emailQueryChanges, emailSet, emailCopy, emailImport, emailParse],
  ...[searchSnippetGet, everyEmailQuery],
  ...[blobCopy, blobUpload, blobGet, blobLookup],
  ...[identityGet, identityChanges, identitySet],
  ...[
    emailSubmissionGet,
    emailSubmissionChanges,
    emailSubmissionQuery,
    emailSubmissionQueryChanges,
    emailSubmissionSet,
  ],
  ...[vacationGet, vacationSet],
  ...[completenessGet, completenessChanges],
  ...[quotaGet, quotaChanges, quotaQuery, quotaQueryChanges],
];
