/** Every method, by the folders they are in. */
import type { Method } from './call.ts';
import { coreEcho } from './core/echo.ts';
import { emailGet } from './email/get.ts';
import { emailQuery } from './email/query.ts';
import { mailboxGet } from './mailbox/get.ts';
import { threadGet } from './thread/get.ts';

export const ALL_METHODS: readonly Method[] = [coreEcho, mailboxGet, threadGet, emailGet, emailQuery];
