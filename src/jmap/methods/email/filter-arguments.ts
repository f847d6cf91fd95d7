/** The filter and sort of Email/query as clients write them (RFC 8621, section 4.4). */
import { z } from 'zod';
import { FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, SORT_COMPARATORS_MAX } from '../../limits.ts';
import { parseJmapDate } from '../../mime/dates.ts';
import { idOrReference, unsigned } from '../../protocol/arguments.ts';
import { MethodError } from '../../protocol/errors.ts';
import { isObject } from '../../protocol/request.ts';
import { COLLATIONS, DEFAULT_COLLATION } from '../../store/collation.ts';
import {
  type EmailComparator,
  type EmailCondition,
  type EmailFilter,
  SORT_PROPERTIES,
} from '../../store/email-filter.ts';
import { type Call, resolveId } from '../call.ts';

const keyword = z.string();
const text = z.string();

const CONDITIONS = {
  inMailbox: idOrReference,
  inMailboxOtherThan: z.array(idOrReference),
  before: z.string(),
  after: z.string(),
  minSize: unsigned,
  maxSize: unsigned,
  allInThreadHaveKeyword: keyword,
  someInThreadHaveKeyword: keyword,
  noneInThreadHaveKeyword: keyword,
  hasKeyword: keyword,
  notKeyword: keyword,
  hasAttachment: z.boolean(),
  text,
  from: text,
  to: text,
  cc: text,
  bcc: text,
  subject: text,
  body: text,
  header: z.array(z.string()).min(1).max(2),
} as const;

type ConditionName = keyof typeof CONDITIONS;

export function parseFilter(filter: unknown, call: Call): EmailFilter {
  let count = 0;
  const parse = (value: unknown, depth: number): EmailFilter => {
    if (!isObject(value)) throw invalid('a filter is an object');
    if (++count > FILTER_CONDITIONS_MAX || depth > FILTER_DEPTH_MAX)
      throw new MethodError(
        'unsupportedFilter',
        `at most ${FILTER_CONDITIONS_MAX} conditions, ${FILTER_DEPTH_MAX} deep`,
      );
    if (!('operator' in value)) return conditionsOf(value, call);
    const { operator, conditions, ...rest } = value;
    if (operator !== 'AND' && operator !== 'OR' && operator !== 'NOT') throw invalid('an operator is AND, OR or NOT');
    if (!Array.isArray(conditions)) throw invalid('an operator has an array of conditions');
    if (Object.keys(rest).length > 0) throw invalid('an operator has conditions and nothing else');
    return { kind: operator, conditions: conditions.map((condition) => parse(condition, depth + 1)) };
  };
  return filter === null || filter === undefined ? { kind: 'AND', conditions: [] } : parse(filter, 1);
}

function conditionsOf(value: Readonly<Record<string, unknown>>, call: Call): EmailFilter {
  const conditions = Object.entries(value).map(([name, operand]): EmailCondition => {
    if (!Object.hasOwn(CONDITIONS, name))
      throw new MethodError('unsupportedFilter', `no condition ${JSON.stringify(name)}`);
    const parsed = CONDITIONS[name as ConditionName].safeParse(operand);
    if (!parsed.success) throw invalid(`${name}: ${parsed.error.issues[0]?.message}`);
    return conditionOf(name as ConditionName, parsed.data, call);
  });
  const [only] = conditions;
  return conditions.length === 1 && only !== undefined ? only : { kind: 'AND', conditions };
}

function conditionOf(kind: ConditionName, operand: unknown, call: Call): EmailCondition {
  switch (kind) {
    case 'inMailbox':
      return { kind, mailboxId: resolveId(call, operand as string) ?? '' };
    case 'inMailboxOtherThan':
      return { kind, mailboxIds: (operand as string[]).map((id) => resolveId(call, id) ?? '') };
    case 'before':
    case 'after': {
      const time = parseJmapDate(operand as string, true);
      if (time === undefined) throw invalid(`${kind} is a UTCDate`);
      return { kind, at: time.at };
    }
    case 'minSize':
    case 'maxSize':
      return { kind, size: operand as number };
    case 'hasAttachment':
      return { kind, value: operand as boolean };
    case 'header': {
      const [name = '', text] = operand as string[];
      return { kind, name, text };
    }
    case 'text':
    case 'from':
    case 'to':
    case 'cc':
    case 'bcc':
    case 'subject':
    case 'body':
      return { kind, text: operand as string };
    default:
      return { kind, keyword: (operand as string).toLowerCase() };
  }
}

const comparator = z.looseObject({
  property: z.string(),
  isAscending: z.boolean().nullish(),
  collation: z.string().nullish(),
  keyword: z.string().nullish(),
});

export function parseSort(sort: unknown): readonly EmailComparator[] {
  if (sort === null || sort === undefined) return [{ ...NEWEST_FIRST }];
  const parsed = z.array(comparator).safeParse(sort);
  if (!parsed.success) throw invalid(`sort: ${parsed.error.issues[0]?.message}`);
  if (parsed.data.length > SORT_COMPARATORS_MAX)
    throw new MethodError('unsupportedSort', `at most ${SORT_COMPARATORS_MAX} comparators`);
  return parsed.data.map(({ property: name, isAscending, collation, keyword: word }) => {
    const property = SORT_PROPERTIES.find((known) => known === name);
    if (property === undefined) throw new MethodError('unsupportedSort', `no sorting by ${JSON.stringify(name)}`);
    judgeCollation(collation);
    if (property.endsWith('Keyword') && (word === null || word === undefined))
      throw invalid(`sorting by ${property} needs a keyword`);
    return {
      property,
      isAscending: isAscending ?? true,
      collation: collation ?? DEFAULT_COLLATION,
      keyword: (word ?? '').toLowerCase(),
    };
  });
}

const NEWEST_FIRST: EmailComparator = {
  property: 'receivedAt',
  isAscending: false,
  collation: DEFAULT_COLLATION,
  keyword: '',
};

export function judgeCollation(collation: string | null | undefined): void {
  if (collation !== null && collation !== undefined && !(COLLATIONS as readonly string[]).includes(collation))
    throw new MethodError('unsupportedSort', `no collation ${JSON.stringify(collation)}`);
}

function invalid(text: string): MethodError {
  return new MethodError('invalidArguments', text);
}
