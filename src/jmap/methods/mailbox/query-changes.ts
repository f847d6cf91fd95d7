/** Mailbox/queryChanges (RFC 8621, section 2.4). */
import { z } from 'zod';
import { CHANGES_MAX } from '../../limits.ts';
import { parseArguments } from '../../protocol/arguments.ts';
import { MAIL } from '../../protocol/capabilities.ts';
import { accountOf, type Method } from '../call.ts';
import { changesOf, compareQuery, queryChangesArguments } from '../standard/query-changes.ts';
import { queryMailboxes, treeArguments } from './query.ts';

const mailboxQueryChangesArguments = z.strictObject({ ...queryChangesArguments, ...treeArguments });

export const mailboxQueryChanges: Method = {
  name: 'Mailbox/queryChanges',
  capability: MAIL,
  permission: 'read',
  run(args, call) {
    const parsed = parseArguments(mailboxQueryChangesArguments, args);
    const account = accountOf(call, parsed.accountId);
    const results = queryMailboxes(account, call, parsed);
    const { created, updated, destroyed } = changesOf(
      (state) => account.changesSince('Mailbox', state, CHANGES_MAX),
      parsed.sinceQueryState,
    );
    // In a tree, a mailbox that moves takes those within it along, and one that leaves hides them.
    const isTree = parsed.sortAsTree === true || parsed.filterAsTree === true;
    const moved = isTree
      ? account
          .mailboxes()
          .map(({ id }) => id)
          .filter((id) => !created.includes(id))
      : updated;
    const { removed, added, total } = compareQuery({
      results,
      removed: new Set([...created, ...moved, ...destroyed]), // one that is new may be one that came back
      added: new Set([...created, ...moved]),
      upToId: undefined, // every property of a mailbox may change
      maxChanges: parsed.maxChanges ?? undefined,
    });
    const response = {
      accountId: account.id,
      oldQueryState: parsed.sinceQueryState,
      newQueryState: account.state('Mailbox'),
      removed,
      added,
    };
    return [['Mailbox/queryChanges', parsed.calculateTotal === true ? { ...response, total } : response]];
  },
};
