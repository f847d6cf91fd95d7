/** Requests of every method, and mutations of them: values of other types, names twice, references to anywhere, cut octets. */
import type { SeededPrng } from '../../../src/base/index.ts';
import { ALL_METHODS } from '../../../src/jmap/methods/all-methods.ts';
import { ACCOUNT, MAILBOXES } from './test-account.ts';

const ARGUMENTS: readonly (readonly [string, unknown])[] = [
  ['accountId', ACCOUNT],
  ['fromAccountId', 'a2'],
  ['ids', ['m1', '#k', 'nobody']],
  ['properties', ['id', 'header:From:asAddresses', 'bodyStructure', 'bodyValues']],
  [
    'filter',
    { operator: 'AND', conditions: [{ inMailbox: MAILBOXES.inbox }, { text: 'a "b' }, { header: ['X', 'y'] }] },
  ],
  ['sort', [{ property: 'subject', isAscending: false, collation: 'i;octet' }]],
  ['position', -3],
  ['anchor', 'm1'],
  ['anchorOffset', 2],
  ['limit', 5],
  ['calculateTotal', true],
  ['collapseThreads', true],
  ['sinceState', 'x-1'],
  ['sinceQueryState', 'x-1'],
  ['maxChanges', 3],
  [
    'create',
    {
      k: {
        name: 'n',
        mailboxIds: { [MAILBOXES.inbox]: true },
        subject: 's',
        textBody: [{ partId: '1' }],
        bodyValues: { 1: { value: 'v' } },
      },
    },
  ],
  ['update', { m1: { 'keywords/a': true, 'mailboxIds/x': null }, [MAILBOXES.trash]: { name: 'x', parentId: '#k' } }],
  ['destroy', ['m2', '#k']],
  ['emails', { k: { blobId: 'em1', mailboxIds: { [MAILBOXES.inbox]: true }, receivedAt: '2026-03-01T12:00:00Z' } }],
  ['blobIds', ['em1', 'pb0_4_em1']],
  ['emailIds', ['m1']],
  ['fetchAllBodyValues', true],
  ['maxBodyValueBytes', 3],
  ['typeNames', ['Email']],
  ['onSuccessUpdateEmail', { '#k': { keywords: {} } }],
  ['#ids', { resultOf: '0', name: 'Email/query', path: '/ids/*' }],
];

const STRANGE: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  '',
  '#',
  '#k',
  '\u0000',
  '\u{1f600}',
  'x'.repeat(300),
  '__proto__',
  [],
  {},
  [[]],
  [null],
  { operator: 'NOT', conditions: [null] },
  { constructor: 1 },
  '2026-02-30T00:00:00Z',
  { 'a/b': null },
  ['header:x:asDate:all'],
];

/** The octets of a request that may be right, wrong or no request at all. */
export function mutatedRequest(prng: SeededPrng): Buffer {
  const methodCalls = Array.from({ length: 1 + prng.below(3) }, (_, index) => [
    pick(prng, ALL_METHODS).name,
    argumentsOf(prng),
    `${index}`,
  ]);
  const request: Record<string, unknown> = { using: prng.below(30) === 0 ? pick(prng, STRANGE) : USING, methodCalls };
  if (prng.below(20) === 0) request[pick(prng, ['using', 'methodCalls', 'createdIds', 'other'])] = pick(prng, STRANGE);
  const bytes = Buffer.from(JSON.stringify(request));
  if (prng.below(10) === 0) bytes[prng.below(bytes.length)] = prng.below(256);
  return prng.below(30) === 0 ? bytes.subarray(0, prng.below(bytes.length)) : bytes;
}

const USING = ['core', 'mail', 'submission', 'vacationresponse', 'quota', 'blob'].map(
  (name) => `urn:ietf:params:jmap:${name}`,
);

function argumentsOf(prng: SeededPrng): Record<string, unknown> {
  const args: Record<string, unknown> = prng.below(20) === 0 ? {} : { accountId: ACCOUNT };
  for (let count = prng.below(5); count > 0; count--) {
    const [name, value] = pick(prng, ARGUMENTS);
    args[name] = prng.below(3) === 0 ? mutate(prng, value) : value;
  }
  return args;
}

/** Somewhere within a value, another. */
function mutate(prng: SeededPrng, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || prng.below(3) === 0) return pick(prng, STRANGE);
  if (Array.isArray(value)) return value.map((item) => (prng.below(value.length) === 0 ? mutate(prng, item) : item));
  const entries = Object.entries(value);
  const at = prng.below(Math.max(1, entries.length));
  return Object.fromEntries(
    entries.map(([name, held], index) => [
      index === at && prng.below(4) === 0 ? String(pick(prng, STRANGE)) : name,
      index === at ? mutate(prng, held) : held,
    ]),
  );
}

function pick<Item>(prng: SeededPrng, items: readonly Item[]): Item {
  return items[prng.below(items.length)] as Item;
}
