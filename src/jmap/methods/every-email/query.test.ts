import { expect, test } from 'vitest';
import { ACCOUNT, MAILBOXES, resultOf, START, TestAccount } from '../../../../test/harness/jmap/test-account.ts';

interface Answer {
  readonly list: { accountId: string; id: string }[];
  readonly total?: number;
  readonly queryStates: Record<string, string>;
}

async function query(test: TestAccount, args: object): Promise<Answer> {
  const { methodResponses } = await test.request([['EveryEmail/query', args]]);
  const [response] = methodResponses;
  if (response === undefined) throw new Error('no response');
  return resultOf<Answer>(response);
}

test('all accounts are one list, newest first, page by page', async () => {
  const test = await TestAccount.open();
  test.addAccount('a2');
  for (let n = 0; n < 6; n++)
    test.deliver(`Subject: ${n}\nMessage-ID: <${n % 4}@x>\n\n${n % 2 === 0 ? 'even' : 'odd'}`, {
      id: `m${n}`,
      accountId: n < 3 ? ACCOUNT : 'a2',
      receivedAt: START + ((n * 5) % 7),
      mailboxIds: [n === 5 ? MAILBOXES.trash : MAILBOXES.inbox],
    });
  const all = await query(test, { calculateTotal: true });
  expect(all.list.map(({ id }) => id)).toEqual(['m4', 'm1', 'm5', 'm2', 'm3', 'm0']);
  expect(all).toMatchObject({ total: 6, queryStates: { a2: test.store.account('a2')?.state('Email') } });
  expect((await query(test, { position: 2, limit: 2 })).list).toEqual([
    { accountId: 'a2', id: 'm5' },
    { accountId: ACCOUNT, id: 'm2' },
  ]);
  expect((await query(test, { role: 'inbox', filter: { text: 'odd' } })).list.map(({ id }) => id)).toEqual([
    'm1',
    'm3',
  ]);
  expect((await query(test, { accountIds: ['a2'] })).list).toHaveLength(3);
  const ofOne = { filter: { text: 'odd' }, filters: { a2: { inMailboxOtherThan: [MAILBOXES.trash] } } };
  expect((await query(test, ofOne)).list.map(({ id }) => id)).toEqual(['m4', 'm1', 'm3']);
  await expect(query(test, { filter: { inMailbox: MAILBOXES.inbox } })).rejects.toThrow('unsupportedFilter');
});
