/** Email/query (RFC 8621, section 4.4). */
import { z } from 'zod';
import { parseArguments } from '../../protocol/arguments.ts';
import { MAIL } from '../../protocol/capabilities.ts';
import { type EmailQuery, looksIntoTexts } from '../../store/email-filter.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import { accountOf, type Method, resolveId } from '../call.ts';
import { queryArguments, sliceOf, type Window, windowOf } from '../standard/query.ts';
import { parseFilter, parseSort } from './filter-arguments.ts';

const emailQueryArguments = z.strictObject({ ...queryArguments, collapseThreads: z.boolean().nullish() });

export const emailQuery: Method = {
  name: 'Email/query',
  capability: MAIL,
  permission: 'read',
  async run(args, call) {
    const parsed = parseArguments(emailQueryArguments, args);
    const { accountId } = parsed;
    const account = accountOf(call, accountId);
    const query: EmailQuery = {
      filter: parseFilter(parsed.filter, call),
      sort: parseSort(parsed.sort),
      collapseThreads: parsed.collapseThreads ?? false,
    };
    const anchor = parsed.anchor ?? undefined;
    const window = windowOf({
      ...parsed,
      anchor: anchor === undefined ? undefined : (resolveId(call, anchor) ?? anchor),
    });
    if (looksIntoTexts(query)) await call.store.complete();
    let counted: number | undefined;
    const total = (): number => (counted ??= account.total(query));
    const { position, ids } = pageOf(account, query, window, total);
    return [
      [
        'Email/query',
        {
          accountId,
          queryState: account.state('Email'),
          canCalculateChanges: true,
          position,
          ids,
          ...(parsed.calculateTotal === true ? { total: total() } : {}),
          ...(window.isLimitOurs ? { limit: window.limit } : {}),
        },
      ],
    ];
  },
};

function pageOf(account: MailAccount, query: EmailQuery, window: Window, total: () => number) {
  if (window.anchor === undefined && !query.collapseThreads) {
    const position = window.position < 0 ? Math.max(0, total() + window.position) : window.position;
    return { position, ids: account.page(query, position, window.limit) };
  }
  return sliceOf(idsOf(account, query), window, total);
}

function* idsOf(account: MailAccount, query: EmailQuery): Generator<string> {
  for (const { id } of account.query(query)) yield id;
}
