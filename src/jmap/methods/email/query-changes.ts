/** Email/queryChanges (RFC 8621, section 4.5). */
import { z } from 'zod';
import { CHANGES_MAX } from '../../limits.ts';
import { parseArguments } from '../../protocol/arguments.ts';
import { MAIL } from '../../protocol/capabilities.ts';
import { type EmailQuery, isImmutable, looksAtThreads, looksIntoTexts } from '../../store/email-filter.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import { accountOf, type Method, resolveId } from '../call.ts';
import { changesOf, compareQuery, queryChangesArguments } from '../standard/query-changes.ts';
import { parseFilter, parseSort } from './filter-arguments.ts';

const emailQueryChangesArguments = z.strictObject({ ...queryChangesArguments, collapseThreads: z.boolean().nullish() });

export const emailQueryChanges: Method = {
  name: 'Email/queryChanges',
  capability: MAIL,
  permission: 'read',
  async run(args, call) {
    const parsed = parseArguments(emailQueryChangesArguments, args);
    const { accountId, sinceQueryState, maxChanges, upToId } = parsed;
    const account = accountOf(call, accountId);
    const query: EmailQuery = {
      filter: parseFilter(parsed.filter, call),
      sort: parseSort(parsed.sort),
      collapseThreads: parsed.collapseThreads ?? false,
    };
    if (looksIntoTexts(query)) await call.store.complete();
    const { created, updated, destroyed } = changesOf(
      (state) => account.changesSince('Email', state, CHANGES_MAX),
      sinceQueryState,
    );
    // With an immutable query, a change of keywords or mailboxes moves nothing.
    const isFixed = isImmutable(query) && !query.collapseThreads;
    const moved = isFixed ? [] : updated;
    const changed = new Set([...created, ...moved]);
    const isThreaded = query.collapseThreads || looksAtThreads(query);
    const related = isThreaded ? relatives(account, changed, threadsOfDestroyed(account, destroyed)) : changed;
    const { removed, added, total } = compareQuery({
      results: idsOf(account, query),
      removed: new Set([...destroyed, ...related]), // one that is new may be one that came back
      added: related,
      upToId: isFixed && upToId !== null && upToId !== undefined ? (resolveId(call, upToId) ?? upToId) : undefined,
      maxChanges: maxChanges ?? undefined,
    });
    const response = {
      accountId,
      oldQueryState: sinceQueryState,
      newQueryState: account.state('Email'),
      removed,
      added,
    };
    return [['Email/queryChanges', parsed.calculateTotal === true ? { ...response, total } : response]];
  },
};

/** Another email of the thread may stand for it now, or match where it did not. */
function relatives(account: MailAccount, ids: Iterable<string>, threads: Iterable<string>): Set<string> {
  const related = new Set<string>(ids);
  const threadIds = new Set<string>(threads);
  for (const id of ids) {
    const threadId = account.email(id)?.threadId;
    if (threadId !== undefined) threadIds.add(threadId);
  }
  for (const threadId of threadIds) for (const id of account.threadEmailIds(threadId) ?? []) related.add(id);
  return related;
}

/** Which threads destroyed emails were in is known no more: any thread that changed may be one of them. */
function threadsOfDestroyed(account: MailAccount, destroyed: readonly string[]): Iterable<string> {
  return destroyed.length === 0 ? [] : account.threadsOfDestroyed(destroyed);
}

function* idsOf(account: MailAccount, query: EmailQuery): Generator<string> {
  for (const { id } of account.query(query)) yield id;
}
