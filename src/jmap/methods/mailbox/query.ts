/** Mailbox/query (RFC 8621, section 2.3). All mailboxes of an account are few: filtered and sorted as they are. */
import { z } from 'zod';
import { FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, SORT_COMPARATORS_MAX } from '../../limits.ts';
import { idOrReference, parseArguments } from '../../protocol/arguments.ts';
import { MAIL } from '../../protocol/capabilities.ts';
import { MethodError } from '../../protocol/errors.ts';
import { isObject } from '../../protocol/request.ts';
import { DEFAULT_COLLATION, sortKey } from '../../store/collation.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import type { MailboxRecord } from '../../store/records.ts';
import { accountOf, type Call, type Method, resolveId } from '../call.ts';
import { judgeCollation } from '../email/filter-arguments.ts';
import { queryArguments, sliceOf, windowOf } from '../standard/query.ts';

export const treeArguments = { sortAsTree: z.boolean().nullish(), filterAsTree: z.boolean().nullish() };

const mailboxQueryArguments = z.strictObject({ ...queryArguments, ...treeArguments });

export const mailboxQuery: Method = {
  name: 'Mailbox/query',
  capability: MAIL,
  permission: 'read',
  run(args, call) {
    const parsed = parseArguments(mailboxQueryArguments, args);
    const account = accountOf(call, parsed.accountId);
    const results = queryMailboxes(account, call, parsed);
    const anchor = parsed.anchor ?? undefined;
    const window = windowOf({
      ...parsed,
      anchor: anchor === undefined ? undefined : (resolveId(call, anchor) ?? anchor),
    });
    const { position, ids } = sliceOf(results, window, () => results.length);
    const response = {
      accountId: account.id,
      queryState: account.state('Mailbox'),
      canCalculateChanges: true,
      position,
      ids,
      ...(parsed.calculateTotal === true ? { total: results.length } : {}),
      ...(window.isLimitOurs ? { limit: window.limit } : {}),
    };
    return [['Mailbox/query', response]];
  },
};

export interface MailboxQueryArguments {
  readonly filter?: unknown;
  readonly sort?: unknown;
  readonly sortAsTree?: boolean | null | undefined;
  readonly filterAsTree?: boolean | null | undefined;
}

/** All results in order. */
export function queryMailboxes(account: MailAccount, call: Call, args: MailboxQueryArguments): string[] {
  const all = new Map(account.mailboxes().map((mailbox) => [mailbox.id, mailbox]));
  const matches = parseFilter(args.filter, call, 1, { left: FILTER_CONDITIONS_MAX });
  const compare = parseSort(args.sort);
  let found = [...all.values()].filter(matches);
  if (args.filterAsTree === true) {
    const kept = new Set(found.map(({ id }) => id));
    found = found.filter((mailbox) => pathOf(mailbox, all).every(({ id }) => kept.has(id)));
  }
  const sorted =
    args.sortAsTree === true
      ? found.sort((a, b) => compareInTree(pathOf(a, all), pathOf(b, all), compare))
      : found.sort(compare);
  return sorted.map(({ id }) => id);
}

type Matches = (mailbox: MailboxRecord) => boolean;

const CONDITIONS: Readonly<Record<string, z.ZodType>> = {
  parentId: idOrReference.nullable(),
  name: z.string(),
  role: z.string().nullable(),
  hasAnyRole: z.boolean(),
  isSubscribed: z.boolean(),
};

function parseFilter(filter: unknown, call: Call, depth: number, budget: { left: number }): Matches {
  if (filter === null || filter === undefined) return () => true;
  if (!isObject(filter)) throw new MethodError('invalidArguments', 'a filter is an object');
  if (--budget.left < 0 || depth > FILTER_DEPTH_MAX) throw new MethodError('unsupportedFilter', 'too many conditions');
  if (!('operator' in filter)) return conditionsOf(filter, call);
  const { operator, conditions } = filter;
  if (!Array.isArray(conditions) || (operator !== 'AND' && operator !== 'OR' && operator !== 'NOT'))
    throw new MethodError('invalidArguments', 'an operator is AND, OR or NOT and has an array of conditions');
  const parts = conditions.map((condition) => {
    if (!isObject(condition)) throw new MethodError('invalidArguments', 'a condition is an object');
    return parseFilter(condition, call, depth + 1, budget);
  });
  if (operator === 'AND') return (mailbox) => parts.every((part) => part(mailbox));
  if (operator === 'OR') return (mailbox) => parts.some((part) => part(mailbox));
  return (mailbox) => !parts.some((part) => part(mailbox));
}

function conditionsOf(filter: Readonly<Record<string, unknown>>, call: Call): Matches {
  const parts = Object.entries(filter).map(([name, operand]): Matches => {
    const schema = Object.hasOwn(CONDITIONS, name) ? CONDITIONS[name] : undefined;
    if (schema === undefined) throw new MethodError('unsupportedFilter', `no condition ${JSON.stringify(name)}`);
    if (!schema.safeParse(operand).success)
      throw new MethodError('invalidArguments', `${name} has a value of another type`);
    return conditionOf(name, operand, call);
  });
  return (mailbox) => parts.every((part) => part(mailbox));
}

function conditionOf(name: string, operand: unknown, call: Call): Matches {
  switch (name) {
    case 'parentId': {
      const parentId = operand === null ? null : resolveId(call, operand as string);
      return (mailbox) => mailbox.parentId === parentId;
    }
    case 'name': {
      const wanted = (operand as string).toLowerCase();
      return (mailbox) => mailbox.name.toLowerCase().includes(wanted);
    }
    case 'role':
      return (mailbox) => mailbox.role === operand;
    case 'hasAnyRole':
      return (mailbox) => (mailbox.role !== null) === operand;
    default:
      return (mailbox) => mailbox.isSubscribed === operand;
  }
}

type Compare = (a: MailboxRecord, b: MailboxRecord) => number;

const comparator = z.strictObject({
  property: z.string(),
  isAscending: z.boolean().nullish(),
  collation: z.string().nullish(),
});

/** Ties are settled by id, so that an order is always the same. */
function parseSort(sort: unknown): Compare {
  const parsed = z.array(comparator).safeParse(sort ?? []);
  if (!parsed.success) throw new MethodError('invalidArguments', `sort: ${parsed.error.issues[0]?.message}`);
  if (parsed.data.length > SORT_COMPARATORS_MAX) throw new MethodError('unsupportedSort', 'too many comparators');
  const parts = parsed.data.map(({ property, isAscending, collation }): Compare => {
    judgeCollation(collation);
    const keyOf = keyReader(property, collation ?? DEFAULT_COLLATION);
    const direction = isAscending === false ? -1 : 1;
    return (a, b) => direction * order(keyOf(a), keyOf(b));
  });
  return (a, b) => {
    for (const part of parts) {
      const difference = part(a, b);
      if (difference !== 0) return difference;
    }
    return order(a.id, b.id);
  };
}

function keyReader(property: string, collation: string): (mailbox: MailboxRecord) => string | number {
  if (property === 'sortOrder') return (mailbox) => mailbox.sortOrder;
  if (property === 'name') return (mailbox) => sortKey(mailbox.name, collation);
  if (property === 'role') return (mailbox) => mailbox.role ?? '';
  if (property === 'parentId') return (mailbox) => mailbox.parentId ?? '';
  throw new MethodError('unsupportedSort', `no sorting by ${JSON.stringify(property)}`);
}

function order(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** From the root down to the mailbox itself, each once: some that were kept may be within each other. */
function pathOf(mailbox: MailboxRecord, all: ReadonlyMap<string, MailboxRecord>): MailboxRecord[] {
  const path = [mailbox];
  const seen = new Set([mailbox.id]);
  for (let next = mailbox.parentId; next !== null && !seen.has(next); ) {
    const parent = all.get(next);
    if (parent === undefined) break;
    seen.add(next);
    path.unshift(parent);
    next = parent.parentId;
  }
  return path;
}

/** Ancestors before their descendants; others by the nearest ancestors that are siblings. */
function compareInTree(a: readonly MailboxRecord[], b: readonly MailboxRecord[], compare: Compare): number {
  for (let depth = 0; ; depth++) {
    const left = a[depth];
    const right = b[depth];
    if (left === undefined || right === undefined) return a.length - b.length;
    if (left.id !== right.id) return compare(left, right);
  }
}
