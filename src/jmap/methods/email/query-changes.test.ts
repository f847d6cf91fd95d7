import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ACCOUNT, MAILBOXES, START, TestAccount } from '../../../../test/harness/jmap/test-account.ts';

interface QueryAnswer {
  readonly queryState: string;
  readonly ids: string[];
  readonly total: number;
}

interface ChangesAnswer {
  readonly newQueryState: string;
  readonly removed: string[];
  readonly added: { id: string; index: number }[];
  readonly total: number;
}

/** What a client does with the answer (RFC 8620, section 5.6). */
function splice(ids: readonly string[], { removed, added, total }: ChangesAnswer): string[] {
  const spliced = ids.filter((id) => !removed.includes(id));
  for (const { id, index } of added) spliced.splice(index, 0, id);
  return spliced.slice(0, total);
}

const QUERIES = [
  { filter: null },
  { filter: { inMailbox: MAILBOXES.inbox }, collapseThreads: true },
  { filter: { notKeyword: '$seen' }, sort: [{ property: 'receivedAt', isAscending: true }] },
  { filter: { operator: 'NOT', conditions: [{ someInThreadHaveKeyword: '$seen' }] }, collapseThreads: true },
  { filter: { allInThreadHaveKeyword: '$seen' }, sort: [{ property: 'subject' }] },
  {
    filter: { inMailboxOtherThan: [MAILBOXES.trash] },
    sort: [{ property: 'hasKeyword', keyword: '$flagged', isAscending: false }, { property: 'size' }],
  },
  {
    filter: { text: 'needle' },
    sort: [{ property: 'someInThreadHaveKeyword', keyword: '$seen' }],
    collapseThreads: true,
  },
];

const act = fc.record({
  kind: fc.constantFrom('deliver', 'deliver', 'keywords', 'move', 'destroy'),
  n: fc.nat(12),
  keywords: fc.subarray(['$seen', '$flagged']),
  mailbox: fc.constantFrom(...Object.values(MAILBOXES)),
});

function perform(
  test: TestAccount,
  { kind, n, keywords, mailbox }: typeof act extends fc.Arbitrary<infer Act> ? Act : never,
): void {
  const { account } = test;
  const target = [...account.emailIds()][n] ?? '';
  if (kind === 'deliver') {
    const text = n % 2 === 0 ? 'needle' : 'hay';
    test.deliver(`Subject: ${n % 4}\nMessage-ID: <${n % 4}@x>\n\n${text}`, {
      keywords,
      mailboxIds: [mailbox],
      receivedAt: START + n,
      // Ids come back: what an IMAP server lost and has again.
      ...(n < 4 ? { id: `again${n}` } : {}),
    });
  } else if (kind === 'keywords') account.updateEmail(target, { keywords }, 'agent');
  else if (kind === 'move') account.updateEmail(target, { mailboxIds: [mailbox] }, 'agent');
  else account.removeEmails([target], 'agent');
}

describe('the changes of a query', () => {
  test.each(QUERIES)('lead a client to what a new query says (%j)', async (query) => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 12 }), fc.array(act, { maxLength: 8 }), async (before, after) => {
        const test = await TestAccount.open();
        for (const one of before) perform(test, one);
        const args = { ...query, calculateTotal: true };
        const old = await test.call<QueryAnswer>('Email/query', args);
        for (const one of after) perform(test, one);
        const changes = await test.call<ChangesAnswer>('Email/queryChanges', {
          ...args,
          sinceQueryState: old.queryState,
        });
        const now = await test.call<QueryAnswer>('Email/query', args);
        expect(splice(old.ids, changes)).toEqual(now.ids);
        expect(changes.newQueryState).toBe(now.queryState);
        expect(now.total).toBe(now.ids.length);
        await test.jmap[Symbol.asyncDispose]();
      }),
      { numRuns: 25 },
    );
  });

  test('are refused when they are more than the client wants, or their beginning is unknown', async () => {
    const test = await TestAccount.open();
    const { queryState } = await test.call<QueryAnswer>('Email/query', {});
    test.deliver('Subject: a\n\n');
    test.deliver('Subject: b\n\n');
    const changes = (args: object) => test.call('Email/queryChanges', { sinceQueryState: queryState, ...args });
    await expect(changes({ maxChanges: 1 })).rejects.toThrow('tooManyChanges');
    await expect(changes({ sinceQueryState: 'x' })).rejects.toThrow('cannotCalculateChanges');
    await expect(changes({ maxChanges: 0 })).rejects.toThrow('invalidArguments');
  });

  test.each([{ filter: null }, { filter: null, collapseThreads: true }])(
    'have once what went and came back (%j)',
    async (query) => {
      const test = await TestAccount.open();
      for (const id of ['a', 'b', 'c']) test.deliver(`Subject: ${id}\n\n`, { id });
      const args = { ...query, calculateTotal: true };
      const old = await test.call<QueryAnswer>('Email/query', args);
      test.account.removeEmails(['b'], 'agent');
      test.deliver('Subject: b\n\n', { id: 'b' });
      const since = { ...args, sinceQueryState: old.queryState };
      const now = await test.call<QueryAnswer>('Email/query', args);
      expect(splice(old.ids, await test.call<ChangesAnswer>('Email/queryChanges', since))).toEqual(now.ids);
    },
  );

  test('show the rest of a thread whose email was changed and destroyed at once', async () => {
    const test = await TestAccount.open();
    const [older = '', newer = ''] = [1, 2].map(() => test.deliver('Subject: a\nMessage-ID: <1@x>\n\n'));
    const query = { collapseThreads: true, calculateTotal: true };
    const old = await test.call<QueryAnswer>('Email/query', query);
    expect(old.ids).toEqual([newer]);
    test.store.transact(() => {
      test.account.updateEmail(newer, { keywords: ['$seen'] }, 'agent');
      test.account.removeEmails([newer], 'agent');
    });
    const args = { ...query, sinceQueryState: old.queryState };
    const changes = await test.call<ChangesAnswer>('Email/queryChanges', args);
    expect(splice(old.ids, changes)).toEqual([older]);
  });

  test.each([{ filter: { text: 'giraffes' } }, { filter: { body: 'giraffes' } }, { filter: { hasAttachment: true } }])(
    'show what %j finds once the body has come',
    async (query) => {
      const test = await TestAccount.open();
      const id = test.deliver('Subject: a\n\n');
      const old = await test.call<QueryAnswer>('Email/query', query);
      expect(old.ids).toEqual([]);
      test.account.updateEmail(id, { hasAttachment: true, preview: 'about giraffes' }, 'agent');
      test.account.putTexts([{ id, text: 'about giraffes' }]);
      const args = { ...query, sinceQueryState: old.queryState };
      const { added, newQueryState } = await test.call<ChangesAnswer>('Email/queryChanges', args);
      expect(added).toEqual([{ id, index: 0 }]);
      expect(newQueryState).not.toBe(old.queryState);
      const changes = await test.call<{ updated: string[] }>('Email/changes', { sinceState: old.queryState });
      expect(changes.updated).toEqual([id]);
    },
  );

  test('end where the client has nothing of an immutable query', async () => {
    const test = await TestAccount.open();
    const ids = [1, 2, 3].map((n) => test.deliver(`Subject: ${n}\n\n`));
    const { queryState } = await test.call<QueryAnswer>('Email/query', {});
    const older = test.deliver('Subject: 4\n\n', { receivedAt: START - 1 });
    const newer = test.deliver('Subject: 5\n\n');
    const { added } = await test.call<ChangesAnswer>('Email/queryChanges', {
      sinceQueryState: queryState,
      upToId: ids[1],
    });
    expect(added).toEqual([{ id: newer, index: 0 }]);
    expect(added.some(({ id }) => id === older)).toBe(false);
  });
});

describe('a query', () => {
  async function numbered(): Promise<TestAccount> {
    const test = await TestAccount.open();
    for (let n = 0; n < 6; n++) test.deliver(`Subject: ${n}\nMessage-ID: <${n % 3}@x>\n\n`, { id: `m${n}` });
    return test;
  }

  test.each([
    [{ position: 2, limit: 2 }, ['m3', 'm2'], 2],
    [{ position: -2 }, ['m1', 'm0'], 4],
    [{ position: -20, limit: 1 }, ['m5'], 0],
    [{ position: 6 }, [], 6],
    [{ anchor: 'm3', limit: 2 }, ['m3', 'm2'], 2],
    [{ anchor: 'm3', anchorOffset: -1, limit: 2 }, ['m4', 'm3'], 1],
    [{ anchor: 'm3', anchorOffset: -9, limit: 2 }, ['m5', 'm4'], 0],
    [{ anchor: 'm4', anchorOffset: -9, limit: 4 }, ['m5', 'm4', 'm3', 'm2'], 0],
    [{ anchor: 'm3', anchorOffset: 2, position: 5 }, ['m1', 'm0'], 4],
    [{ limit: 0 }, [], 0],
    [{ filter: { operator: 'OR', conditions: [] } }, [], 0],
    [{ filter: { operator: 'AND', conditions: [] }, limit: 1 }, ['m5'], 0],
    [{ filter: { before: '2026-03-01T12:03:00Z' } }, ['m1', 'm0'], 0],
    [{ filter: { after: '2026-03-01T12:05:00Z' } }, ['m5', 'm4'], 0],
    [{ filter: { header: ['message-id'] }, limit: 1 }, ['m5'], 0],
    [{ filter: { header: ['Subject', '4'] } }, ['m4'], 0],
    [{ filter: { subject: '"4"' } }, ['m4'], 0],
    [{ filter: { inMailbox: 'nowhere' } }, [], 0],
  ])('shows of its results what %j says', async (args, ids, position) => {
    const test = await numbered();
    expect(await test.call('Email/query', args)).toMatchObject({ ids, position });
  });

  test.each([
    [{ limit: -1 }, 'invalidArguments'],
    [{ anchor: 'nobody' }, 'anchorNotFound'],
    [{ filter: { nothing: 1 } }, 'unsupportedFilter'],
    [{ filter: { minSize: 'x' } }, 'invalidArguments'],
    [{ filter: { before: 'yesterday' } }, 'invalidArguments'],
    [{ filter: { header: [] } }, 'invalidArguments'],
    [{ filter: { operator: 'XOR', conditions: [] } }, 'invalidArguments'],
    [{ sort: [{ property: 'colour' }] }, 'unsupportedSort'],
    [{ sort: [{ property: 'subject', collation: 'i;klingon' }] }, 'unsupportedSort'],
    [{ sort: [{ property: 'hasKeyword' }] }, 'invalidArguments'],
    [{ accountId: 'other' }, 'accountNotFound'],
    [{ unknown: 1 }, 'invalidArguments'],
  ])('refuses %j as %s', async (args, type) => {
    const test = await numbered();
    await expect(test.call('Email/query', args)).rejects.toThrow(type);
  });

  test('shows each email once, page after page, also where threads decide', async () => {
    const test = await TestAccount.open();
    const ids = [1, 2, 3, 4, 5].map(() => test.deliver('Subject: a\nMessage-ID: <1@x>\n\n', { keywords: ['work'] }));
    const filter = { someInThreadHaveKeyword: 'work' };
    const pages = [0, 2, 4].map((position) => test.call<QueryAnswer>('Email/query', { filter, position, limit: 2 }));
    expect((await Promise.all(pages)).flatMap((page) => page.ids)).toEqual(ids.toReversed());
  });

  test('finds words in any order, phrases, beginnings and other scripts, whatever their case and accents', async () => {
    const test = await TestAccount.open();
    test.deliver(
      'From: Zoë Ärger <zoe@x.example>\nSubject: 会議の予定について\nContent-Type: text/html; charset=utf-8\n\n<p title="no">The quick <b>brown</b> fox</p><style>hidden</style>',
      { id: 'm1' },
    );
    test.deliver('Subject: other\nContent-Type: text/plain; charset=utf-8\n\nbrown dogs are quick', { id: 'm2' });
    const found = async (filter: object) => (await test.call<QueryAnswer>('Email/query', { filter })).ids;
    expect(await found({ text: 'BROWN quick' })).toEqual(['m2', 'm1']);
    expect(await found({ text: '"quick brown"' })).toEqual(['m1']);
    expect(await found({ text: "'quick brown'" })).toEqual(['m1']);
    expect(await found({ body: 'hidden' })).toEqual([]);
    expect(await found({ from: 'ZOE arger' })).toEqual(['m1']);
    expect(await found({ text: '予定' })).toEqual(['m1']);
    expect(await found({ text: 'do*' })).toEqual(['m2']);
    expect(await found({ subject: 'zoe' })).toEqual([]);
    expect(await found({ text: 'zoe@x.example', body: 'fox' })).toEqual(['m1']);
    expect(await found({ text: '" OR * NEAR( AND "" {' })).toEqual([]);
  });

  test.each([
    ['мой дом', 'МОЙ'],
    ['Ёлка', 'ёлка'],
    ['Καλημέρα', 'καλημέρα'],
    ['한국어 메일', '국어'],
    ['한국어'.normalize('NFD'), '한국어'],
    ['한국어', '한국어'.normalize('NFD')],
    ['これは本です', 'です'],
    ['ﾃｽﾄ', 'ﾃｽﾄ'],
    ['हिन्दी में', 'हिन्दी'],
    ['தமிழ் மொழி', 'தமிழ்'],
    ['مُحَمَّد', 'مُحَمَّد'],
    ['שָׁלוֹם', 'שָׁלוֹם'],
    ['ภาษาไทย', 'ไทย'],
    ['tiếng Việt', 'tieng viet'],
    ['naïve', 'NAIVE'],
  ])('finds and marks of %s what %s says', async (text, typed) => {
    const test = await TestAccount.open();
    const id = test.deliver(`Content-Type: text/plain; charset=utf-8\n\nbefore ${text} after`);
    const filter = { body: typed };
    expect((await test.call<QueryAnswer>('Email/query', { filter })).ids).toEqual([id]);
    const { list } = await test.call<{ list: object[] }>('SearchSnippet/get', { filter, emailIds: [id] });
    expect(list).toMatchObject([{ preview: expect.stringContaining('<mark>') }]);
  });

  test('marks what was found, and nothing else is markup', async () => {
    const test = await TestAccount.open();
    const id = test.deliver(`Subject: <b>foo & bar\n\n${'word '.repeat(100)}1 < 2 Foo ${'more '.repeat(100)}`);
    const { list } = await test.call<{ list: { subject: string; preview: string }[] }>('SearchSnippet/get', {
      filter: { text: 'foo' },
      emailIds: [id, 'x'],
    });
    expect(list[0]?.subject).toBe('&lt;b&gt;<mark>foo</mark> &amp; bar');
    expect(list[0]?.preview).toContain('1 &lt; 2 <mark>Foo</mark> more');
    expect(Buffer.byteLength(list[0]?.preview ?? '')).toBeLessThanOrEqual(255);
    const other = await test.call('SearchSnippet/get', { filter: { hasKeyword: 'foo' }, emailIds: [id, 'x'] });
    expect(other).toEqual({
      accountId: ACCOUNT,
      list: [{ emailId: id, subject: null, preview: null }],
      notFound: ['x'],
    });
  });
});
