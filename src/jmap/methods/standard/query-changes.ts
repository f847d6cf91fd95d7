/**
 * The standard `/queryChanges` (RFC 8620, section 5.6). Every object that changed since the old state may have been in the
 * results and may be elsewhere in them now: it is told as removed, and as added where it is now.
 */
import { z } from 'zod';
import { CHANGES_MAX } from '../../limits.ts';
import { id, idOrReference } from '../../protocol/arguments.ts';
import { MethodError } from '../../protocol/errors.ts';
import type { Changes } from '../../store/change-log.ts';
import { cannotCalculateChanges } from './changes.ts';

export const queryChangesArguments = {
  accountId: id,
  filter: z.unknown().optional(),
  sort: z.unknown().optional(),
  sinceQueryState: z.string(),
  maxChanges: z.int().min(1).nullish(),
  upToId: idOrReference.nullish(),
  calculateTotal: z.boolean().nullish(),
};

export interface QueryDifference {
  readonly removed: readonly string[];
  readonly added: readonly { readonly id: string; readonly index: number }[];
  readonly total: number;
}

export interface QueryComparison {
  /** All results as they are now. */
  readonly results: Iterable<string>;
  /** Ids that may have been in the old results and are elsewhere or gone. */
  readonly removed: ReadonlySet<string>;
  /** Ids that may be new in the results. */
  readonly added: ReadonlySet<string>;
  /** The last id that the client has, where what comes after it cannot matter. */
  readonly upToId: string | undefined;
  readonly maxChanges: number | undefined;
}

export function compareQuery({ results, removed, added, upToId, maxChanges }: QueryComparison): QueryDifference {
  const news: { id: string; index: number }[] = [];
  let total = 0;
  let end = Number.POSITIVE_INFINITY;
  for (const one of results) {
    if (added.has(one)) news.push({ id: one, index: total });
    if (one === upToId) end = total;
    total++;
  }
  const shown = news.filter(({ index }) => index <= end);
  if (maxChanges !== undefined && removed.size + shown.length > maxChanges)
    throw new MethodError('tooManyChanges', `more than ${maxChanges} changes`);
  return { removed: [...removed], added: shown, total };
}

/** All changes since a state, however many steps they take. */
export function changesOf(since: (state: string) => Changes | undefined, state: string): Changes {
  const changes = since(state);
  if (changes === undefined) throw cannotCalculateChanges();
  if (changes.hasMoreChanges) throw new MethodError('tooManyChanges', `more than ${CHANGES_MAX} changes`);
  return changes;
}
