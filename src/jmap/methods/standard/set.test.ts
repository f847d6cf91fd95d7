/** What RFC 8620, section 5.3, asks of every `/set` alike: a call that is made for another state does nothing. */
import { describe, expect, test } from 'vitest';
import { ACCOUNT, MAILBOXES, TestAccount } from '../../../../test/harness/jmap/test-account.ts';

type Lists = Record<'created' | 'updated' | 'destroyed', unknown> & {
  readonly oldState: string;
  readonly newState: string;
};

const OWN = `${ACCOUNT}@home.example`;
const DRAFT = { mailboxIds: { [MAILBOXES.drafts]: true }, from: [{ email: OWN }], to: [{ email: 'x@y.example' }] };

interface Case {
  readonly type: string;
  /** A change of one object of the type, another each time. */
  readonly change: (test: TestAccount, time: number) => Promise<object> | object;
}

const CASES: readonly Case[] = [
  { type: 'Mailbox', change: (_, time) => ({ create: { a: { name: `new ${time}` } } }) },
  { type: 'Email', change: () => ({ create: { a: DRAFT } }) },
  { type: 'Identity', change: () => ({ create: { a: { email: OWN } } }) },
  { type: 'VacationResponse', change: (_, time) => ({ update: { singleton: { subject: `away ${time}` } } }) },
  {
    type: 'EmailSubmission',
    change: async (test) => {
      const { created } = await test.call<{ created: { a: { id: string } } }>('Email/set', { create: { a: DRAFT } });
      const emailId = created.a.id;
      return { create: { a: { emailId, identityId: 'own' } }, onSuccessDestroyEmail: ['#a'] };
    },
  },
];

async function everything(test: TestAccount): Promise<unknown> {
  const states: Record<string, unknown> = {};
  for (const { type } of CASES) states[type] = await test.call(`${type}/get`, { ids: null });
  return states;
}

async function stateOf(test: TestAccount, type: string): Promise<string> {
  return (await test.call<{ state: string }>(`${type}/get`, { ids: [] })).state;
}

describe('a /set with ifInState', () => {
  test.each(CASES)('of $type is done in that state, and moves it', async ({ change, type }) => {
    const account = await TestAccount.open();
    for (const ifInState of [await stateOf(account, type), null]) {
      const before = await stateOf(account, type);
      const answer = await account.call<Lists>(`${type}/set`, { ifInState, ...(await change(account, 0)) });
      if (ifInState === null) continue; // there is no condition
      expect(answer.oldState).toBe(before);
      expect(answer.newState).not.toBe(before);
      expect([answer.created, answer.updated].filter((list) => list !== null)).toHaveLength(1);
    }
  });

  test.each(CASES)(
    'of $type does nothing in another state, nor what it would have implied',
    async ({ change, type }) => {
      const account = await TestAccount.open();
      const stale = await stateOf(account, type);
      await account.call(`${type}/set`, { ...(await change(account, 1)) });
      const changes = await change(account, 2);
      const before = await everything(account);
      for (const ifInState of [stale, 'nonsense', ''])
        await expect(account.call(`${type}/set`, { ifInState, ...changes })).rejects.toThrow('stateMismatch');
      expect(await everything(account)).toEqual(before);
      expect(await stateOf(account, type)).not.toBe(stale);
      const now = await stateOf(account, type);
      await account.call(`${type}/set`, { ifInState: now, ...changes });
      expect(await stateOf(account, type)).not.toBe(now);
    },
  );

  test.each(CASES)('of $type is done once, where two come at the same time', async ({ change, type }) => {
    const account = await TestAccount.open();
    const [first, second] = [await change(account, 1), await change(account, 2)];
    const ifInState = await stateOf(account, type);
    const answers = await Promise.allSettled(
      [first, second].map((one) => account.call(`${type}/set`, { ifInState, ...one })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});
