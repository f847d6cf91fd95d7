/** Every method, by the folders they are in. */
import type { Method } from './call.ts';
import { coreEcho } from './core/echo.ts';
import { emailChanges } from './email/changes.ts';
import { emailCopy } from './email/copy.ts';
import { emailGet } from './email/get.ts';
import { emailImport } from './email/import.ts';
import { emailParse } from './email/parse.ts';
import { emailQuery } from './email/query.ts';
import { emailQueryChanges } from './email/query-changes.ts';
import { emailSet } from './email/set.ts';
import { mailboxChanges } from './mailbox/changes.ts';
import { mailboxGet } from './mailbox/get.ts';
import { mailboxQuery } from './mailbox/query.ts';
import { mailboxQueryChanges } from './mailbox/query-changes.ts';
import { mailboxSet } from './mailbox/set.ts';
import { pushSubscriptionGet } from './push-subscription/get.ts';
import { pushSubscriptionSet } from './push-subscription/set.ts';
import { threadChanges } from './thread/changes.ts';
import { threadGet } from './thread/get.ts';

export const ALL_METHODS: readonly Method[] = [
  ...[coreEcho, pushSubscriptionGet, pushSubscriptionSet],
  ...[mailboxGet, mailboxChanges, mailboxQuery, mailboxQueryChanges, mailboxSet],
  ...[threadGet, threadChanges],
  ...[emailGet, emailChanges, emailQuery, emailQueryChanges, emailSet, emailCopy, emailImport, emailParse],
];
