/** `/query` and `/queryChanges` of types of which an account has few: filtered and sorted as they are. */
import { z } from 'zod';
import { CHANGES_MAX, FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, SORT_COMPARATORS_MAX } from '../../limits.ts';
import { parseArguments } from '../../protocol/arguments.ts';
import type { DataType } from '../../protocol/data-types.ts';
import { MethodError } from '../../protocol/errors.ts';
import { isObject } from '../../protocol/request.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import { accountOf, type Call, type Method, resolveId } from '../call.ts';
import { queryArguments, sliceOf, windowOf } from './query.ts';
import { changesOf, compareQuery, queryChangesArguments } from './query-changes.ts';

export type Matches<Item> = (item: Item) => boolean;

export interface ShelfQuery<Item extends { readonly id: string }> {
  readonly type: DataType;
  readonly capability: string;
  readonly list: (account: MailAccount) => readonly Item[];
  /** A condition of a filter; undefined if the type has none of that name. Throws MethodError for a wrong value. */
  readonly condition: (name: string, value: unknown, call: Call) => Matches<Item> | undefined;
  /** What is sorted by a property; undefined if that is not done. */
  readonly sortKey: (property: string) => ((item: Item) => string | number) | undefined;
}

export function queryMethod<Item extends { readonly id: string }>(query: ShelfQuery<Item>): Method {
  const schema = z.strictObject(queryArguments);
  return {
    name: `${query.type}/query`,
    capability: query.capability,
    permission: 'read',
    run(args, call) {
      const parsed = parseArguments(schema, args);
      const account = accountOf(call, parsed.accountId);
      const results = resultsOf(query, account, call, parsed);
      const anchor = parsed.anchor ?? undefined;
      const window = windowOf({
        ...parsed,
        anchor: anchor === undefined ? undefined : (resolveId(call, anchor) ?? anchor),
      });
      const { position, ids } = sliceOf(results, window, () => results.length);
      const response = {
        accountId: account.id,
        queryState: account.state(query.type),
        canCalculateChanges: true,
        position,
        ids,
        ...(parsed.calculateTotal === true ? { total: results.length } : {}),
        ...(window.isLimitOurs ? { limit: window.limit } : {}),
      };
      return [[`${query.type}/query`, response]];
    },
  };
}

export function queryChangesMethod<Item extends { readonly id: string }>(query: ShelfQuery<Item>): Method {
  const schema = z.strictObject(queryChangesArguments);
  return {
    name: `${query.type}/queryChanges`,
    capability: query.capability,
    permission: 'read',
    run(args, call) {
      const parsed = parseArguments(schema, args);
      const account = accountOf(call, parsed.accountId);
      const { created, updated, destroyed } = changesOf(
        (state) => account.changesSince(query.type, state, CHANGES_MAX),
        parsed.sinceQueryState,
      );
      const { removed, added, total } = compareQuery({
        results: resultsOf(query, account, call, parsed),
        removed: new Set([...created, ...updated, ...destroyed]), // one that is new may be one that came back
        added: new Set([...created, ...updated]),
        upToId: undefined,
        maxChanges: parsed.maxChanges ?? undefined,
      });
      const response = {
        accountId: account.id,
        oldQueryState: parsed.sinceQueryState,
        newQueryState: account.state(query.type),
        removed,
        added,
      };
      return [[`${query.type}/queryChanges`, parsed.calculateTotal === true ? { ...response, total } : response]];
    },
  };
}

function resultsOf<Item extends { readonly id: string }>(
  query: ShelfQuery<Item>,
  account: MailAccount,
  call: Call,
  { filter, sort }: { readonly filter?: unknown; readonly sort?: unknown },
): string[] {
  const matches = parseFilter(filter, query, call, 1, { left: FILTER_CONDITIONS_MAX });
  const compare = parseSort(sort, query);
  return query
    .list(account)
    .filter(matches)
    .sort(compare)
    .map(({ id }) => id);
}

function parseFilter<Item extends { readonly id: string }>(
  filter: unknown,
  query: ShelfQuery<Item>,
  call: Call,
  depth: number,
  budget: { left: number },
): Matches<Item> {
  if (filter === null || filter === undefined) return () => true;
  if (!isObject(filter)) throw new MethodError('invalidArguments', 'a filter is an object');
  if (--budget.left < 0 || depth > FILTER_DEPTH_MAX) throw new MethodError('unsupportedFilter', 'too many conditions');
  if ('operator' in filter) {
    const { operator, conditions } = filter;
    if (!Array.isArray(conditions) || !conditions.every(isObject))
      throw new MethodError('invalidArguments', 'an operator has an array of conditions');
    const parts = conditions.map((condition) => parseFilter(condition, query, call, depth + 1, budget));
    if (operator === 'AND') return (item) => parts.every((part) => part(item));
    if (operator === 'OR') return (item) => parts.some((part) => part(item));
    if (operator === 'NOT') return (item) => !parts.some((part) => part(item));
    throw new MethodError('invalidArguments', 'an operator is AND, OR or NOT');
  }
  const parts = Object.entries(filter).map(([name, value]) => {
    const condition = query.condition(name, value, call);
    if (condition === undefined) throw new MethodError('unsupportedFilter', `no condition ${JSON.stringify(name)}`);
    return condition;
  });
  return (item) => parts.every((part) => part(item));
}

const comparator = z.looseObject({ property: z.string(), isAscending: z.boolean().nullish() });

function parseSort<Item extends { readonly id: string }>(
  sort: unknown,
  query: ShelfQuery<Item>,
): (a: Item, b: Item) => number {
  const parsed = z.array(comparator).safeParse(sort ?? []);
  if (!parsed.success) throw new MethodError('invalidArguments', 'sort is an array of comparators');
  if (parsed.data.length > SORT_COMPARATORS_MAX) throw new MethodError('unsupportedSort', 'too many comparators');
  const parts = parsed.data.map(({ property, isAscending }) => {
    const keyOf = query.sortKey(property);
    if (keyOf === undefined) throw new MethodError('unsupportedSort', `no sorting by ${JSON.stringify(property)}`);
    return { keyOf, direction: isAscending === false ? -1 : 1 };
  });
  return (a, b) => {
    for (const { keyOf, direction } of parts) {
      const difference = order(keyOf(a), keyOf(b));
      if (difference !== 0) return direction * difference;
    }
    return order(a.id, b.id);
  };
}

function order(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
