/** Queries beside a model that looks at every email: what is found, in which order, and which part of it is shown. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAILBOXES, START, TestAccount } from '../../../../test/harness/jmap/test-account.ts';

const BOXES: readonly string[] = Object.values(MAILBOXES);
const KEYWORDS = ['$seen', '$flagged', 'work'];

interface Drawn {
  readonly mailboxIds: readonly string[];
  readonly keywords: readonly string[];
  readonly second: number;
  readonly subject: number;
  readonly from: string;
  readonly hasAttachment: boolean;
  readonly padding: number;
}

const DRAWN: fc.Arbitrary<Drawn> = fc.record({
  mailboxIds: fc.subarray([...BOXES], { minLength: 1 }),
  keywords: fc.subarray(KEYWORDS),
  second: fc.nat(4),
  subject: fc.nat(2),
  from: fc.constantFrom('Bob <z@x>', 'a@x', 'Carol <b@x>'),
  hasAttachment: fc.boolean(),
  padding: fc.nat(3),
});

interface Known extends Drawn {
  readonly id: string;
  readonly size: number;
  readonly receivedAt: number;
  readonly thread: readonly Known[];
}

interface Condition {
  readonly name: string;
  readonly value: unknown;
  readonly matches: (email: Known) => boolean;
}

type Filter = Condition | { readonly operator: string; readonly conditions: readonly Filter[] };

const dateOf = (second: number): string => new Date(START + second * 1000).toISOString().replace('.000', '');
const named = <Value>(
  name: string,
  values: fc.Arbitrary<Value>,
  matches: (email: Known, value: Value) => boolean,
): fc.Arbitrary<Filter> => values.map((value) => ({ name, value, matches: (email) => matches(email, value) }));
const size = fc.integer({ min: 60, max: 130 });
const keyword = fc.constantFrom(...KEYWORDS);

const CONDITION = fc.oneof(
  named('inMailbox', fc.constantFrom(...BOXES, 'none'), (email, id) => email.mailboxIds.includes(id)),
  named('inMailboxOtherThan', fc.subarray([...BOXES]), (email, ids) =>
    email.mailboxIds.some((id) => !ids.includes(id)),
  ),
  named('before', fc.nat(4).map(dateOf), (email, date) => email.receivedAt < Date.parse(date)),
  named('after', fc.nat(4).map(dateOf), (email, date) => email.receivedAt >= Date.parse(date)),
  named('minSize', size, (email, octets) => email.size >= octets),
  named('maxSize', size, (email, octets) => email.size < octets),
  named('hasAttachment', fc.boolean(), (email, wanted) => email.hasAttachment === wanted),
  named('hasKeyword', keyword, (email, word) => email.keywords.includes(word)),
  named('notKeyword', keyword, (email, word) => !email.keywords.includes(word)),
  named('allInThreadHaveKeyword', keyword, ({ thread }, word) => thread.every((one) => one.keywords.includes(word))),
  named('someInThreadHaveKeyword', keyword, ({ thread }, word) => thread.some((one) => one.keywords.includes(word))),
  named('noneInThreadHaveKeyword', keyword, ({ thread }, word) => !thread.some((one) => one.keywords.includes(word))),
  named('from', fc.constantFrom('bob', 'carol', 'x'), (email, word) => email.from.toLowerCase().includes(word)),
  named('header', fc.constant(['From', 'BOB']), (email) => email.from.startsWith('Bob')),
);

const FILTER: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3 },
    CONDITION,
    fc.record({
      operator: fc.constantFrom('AND', 'OR', 'NOT'),
      conditions: fc.array(tie('filter'), { maxLength: 3 }),
    }),
  ),
})).filter;

interface Comparator {
  readonly property: string;
  readonly keyword: string;
  readonly isAscending: boolean;
}

const SORT: fc.Arbitrary<Comparator[]> = fc.array(
  fc.record({
    property: fc.constantFrom('receivedAt', 'size', 'subject', 'from', 'hasKeyword', 'someInThreadHaveKeyword'),
    keyword,
    isAscending: fc.boolean(),
  }),
  { maxLength: 3 },
);

function spelled(filter: Filter): object {
  return 'operator' in filter
    ? { operator: filter.operator, conditions: filter.conditions.map(spelled) }
    : { [filter.name]: filter.value };
}

function isMatch(filter: Filter, email: Known): boolean {
  if (!('operator' in filter)) return filter.matches(email);
  const results = filter.conditions.map((one) => isMatch(one, email));
  if (filter.operator === 'AND') return results.every(Boolean);
  return filter.operator === 'OR' ? results.some(Boolean) : !results.some(Boolean);
}

function keyOf({ keyword: word, property }: Comparator, email: Known): string | number {
  if (property === 'hasKeyword') return email.keywords.includes(word) ? 1 : 0;
  if (property === 'someInThreadHaveKeyword') return email.thread.some((one) => one.keywords.includes(word)) ? 1 : 0;
  if (property === 'from') return email.from.replace(/ <.*/, '').toUpperCase();
  return email[property as 'receivedAt' | 'size' | 'subject'];
}

function compare(sort: readonly Comparator[], a: Known, b: Known): number {
  for (const comparator of sort) {
    const [left, right] = [keyOf(comparator, a), keyOf(comparator, b)];
    if (left !== right) return left < right === comparator.isAscending ? -1 : 1;
  }
  return 0;
}

function deliver(test: TestAccount, drawn: readonly Drawn[]): Known[] {
  const threads: Known[][] = [[], [], []];
  return drawn.map((one) => {
    const raw = `Subject: S${one.subject}\nMessage-ID: <${one.subject}@x>\nFrom: ${one.from}\n\n${'p'.repeat(10 * one.padding)}`;
    const { hasAttachment, keywords, mailboxIds } = one;
    const receivedAt = START + one.second * 1000;
    const id = test.deliver(raw, { keywords, mailboxIds, hasAttachment, receivedAt });
    const thread = threads[one.subject] ?? [];
    const email = { ...one, id, receivedAt, size: test.account.email(id)?.size ?? 0, thread };
    thread.push(email);
    return email;
  });
}

const PAGE = fc.record({
  position: fc.integer({ min: -4, max: 5 }),
  anchor: fc.option(fc.nat(9), { nil: undefined }),
  anchorOffset: fc.integer({ min: -4, max: 4 }),
  limit: fc.option(fc.nat(5), { nil: undefined }),
});

test('a query finds, orders and shows what a look at every email does', { timeout: 60_000 }, async () => {
  const queries = fc.array(fc.record({ filter: FILTER, sort: SORT, collapseThreads: fc.boolean(), page: PAGE }), {
    minLength: 1,
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(DRAWN, { minLength: 1, maxLength: 9 }), queries, async (drawn, asked) => {
      const test = await TestAccount.open();
      const emails = deliver(test, drawn);
      const query = (args: object) =>
        test.call<{ ids: string[]; position: number; total: number }>('Email/query', args);
      const byId = new Map(emails.map((email) => [email.id, email]));
      for (const { collapseThreads, filter, page, sort } of asked) {
        const args = { filter: spelled(filter), sort };
        const found = (await query(args)).ids.flatMap((id) => byId.get(id) ?? []);
        const matching = emails.filter((email) => isMatch(filter, email));
        expect(found.map(({ id }) => id).sort()).toEqual(matching.map(({ id }) => id).sort());
        const sorted = found.toSorted((a, b) => compare(sort, a, b));
        expect(found.map(({ id }) => id)).toEqual(sorted.map(({ id }) => id));
        const shown = found.filter(
          ({ thread }, index) => !collapseThreads || found.findIndex((one) => one.thread === thread) === index,
        );
        const ids = shown.map(({ id }) => id);
        const anchor = page.anchor === undefined ? undefined : ids[page.anchor % ids.length];
        const answer = await query({ ...args, collapseThreads, calculateTotal: true, ...page, anchor });
        const from = anchor === undefined ? page.position : Math.max(0, ids.indexOf(anchor) + page.anchorOffset);
        const start = from < 0 ? Math.max(0, ids.length + from) : from;
        const end = page.limit === undefined ? undefined : start + page.limit;
        expect(answer).toMatchObject({ ids: ids.slice(start, end), position: start, total: ids.length });
      }
      await test.jmap[Symbol.asyncDispose]();
    }),
    { numRuns: 20 },
  );
});
