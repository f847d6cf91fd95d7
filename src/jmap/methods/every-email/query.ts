/**
 * EveryEmail/query, an extension of ours (docs/protocol/jmap.md): the emails of all accounts of the session in one list,
 * newest first. Mailboxes are named by their role, since their ids belong to one account.
 */
import { z } from 'zod';
import { QUERY_RESULTS_MAX } from '../../limits.ts';
import { id, parseArguments, unsigned } from '../../protocol/arguments.ts';
import { EVERY_ACCOUNT } from '../../protocol/capabilities.ts';
import { MethodError } from '../../protocol/errors.ts';
import { type EmailFilter, type EmailQuery, looksIntoTexts } from '../../store/email-filter.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import { accountOf, type Call, type Method } from '../call.ts';
import { parseFilter, parseSort } from '../email/filter-arguments.ts';

const everyQueryArguments = z.strictObject({
  accountIds: z.array(id).nullish(),
  role: z.string().nullish(),
  filter: z.unknown().optional(),
  filters: z.record(id, z.unknown()).nullish(),
  collapseThreads: z.boolean().nullish(),
  position: unsigned.nullish(),
  limit: unsigned.nullish(),
  calculateTotal: z.boolean().nullish(),
});

export const everyEmailQuery: Method = {
  name: 'EveryEmail/query',
  capability: EVERY_ACCOUNT,
  permission: 'read',
  async run(args, call) {
    const parsed = parseArguments(everyQueryArguments, args);
    const { position, limit, accountIds } = parsed;
    const filter = parseFilter(parsed.filter, call);
    if (namesMailbox(filter))
      throw new MethodError('unsupportedFilter', 'mailbox ids belong to one account: name a role, or use `filters`');
    const own = new Map(Object.entries(parsed.filters ?? {}).map(([one, each]) => [one, parseFilter(each, call)]));
    const accounts = accountIds?.map((one) => accountOf(call, one)) ?? call.store.accounts();
    const asked = accounts.map((account) => ({ account, filter: own.get(account.id) ?? filter }));
    if (asked.some((one) => looksIntoTexts({ filter: one.filter, sort: [], collapseThreads: false })))
      await call.store.complete();
    const queries = asked.flatMap((one) =>
      queryOf(one.account, one.filter, parsed.role, parsed.collapseThreads ?? false),
    );
    const start = position ?? 0;
    const end = start + Math.min(limit ?? QUERY_RESULTS_MAX, QUERY_RESULTS_MAX);
    const list: object[] = [];
    let index = 0;
    for (const { account, emailId } of merged(queries, call)) {
      if (index >= end) break;
      if (index++ >= start) list.push({ accountId: account.id, id: emailId });
    }
    const states = Object.fromEntries(accounts.map((account) => [account.id, account.state('Email')]));
    const total = (): number => queries.reduce((sum, { account, query }) => sum + account.total(query), 0);
    const response = { queryStates: states, position: start, list };
    return [['EveryEmail/query', parsed.calculateTotal === true ? { ...response, total: total() } : response]];
  },
};

interface AccountQuery {
  readonly account: MailAccount;
  readonly query: EmailQuery;
}

/** None for an account that has no mailbox of that role. */
function queryOf(
  account: MailAccount,
  filter: EmailFilter,
  role: string | null | undefined,
  collapseThreads: boolean,
): AccountQuery[] {
  const sort = parseSort(undefined);
  if (role === null || role === undefined) return [{ account, query: { filter, sort, collapseThreads } }];
  const mailbox = account.mailboxWithRole(role);
  if (mailbox === undefined) return [];
  const inRole: EmailFilter = { kind: 'AND', conditions: [{ kind: 'inMailbox', mailboxId: mailbox.id }, filter] };
  return [{ account, query: { filter: inRole, sort, collapseThreads } }];
}

function namesMailbox(filter: EmailFilter): boolean {
  return 'conditions' in filter ? filter.conditions.some(namesMailbox) : filter.kind.startsWith('inMailbox');
}

interface Head {
  readonly account: MailAccount;
  readonly rest: Iterator<{ readonly id: string }>;
  readonly emailId: string;
  readonly receivedAt: number;
}

/** One email of each account is looked at a time, however large the accounts are. */
function* merged(queries: readonly AccountQuery[], call: Call): Generator<Head> {
  const heads = queries.flatMap(({ account, query }) => advance(account, account.query(query)));
  while (heads.length > 0) {
    call.signal.throwIfAborted();
    const newest = heads.reduce((best, head) => (head.receivedAt > best.receivedAt ? head : best));
    yield newest;
    heads.splice(heads.indexOf(newest), 1, ...advance(newest.account, newest.rest));
  }
}

function advance(account: MailAccount, rest: Iterator<{ readonly id: string }>): Head[] {
  const { value, done } = rest.next();
  if (done === true) return [];
  return [{ account, rest, emailId: value.id, receivedAt: account.email(value.id)?.receivedAt ?? 0 }];
}
