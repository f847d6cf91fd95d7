import { describe, expect, test } from 'vitest';
import { ACCOUNT, TestAccount } from '../../../../test/harness/jmap/test-account.ts';
import type { StoredQuota } from '../quota/quota.ts';

const OWN = `${ACCOUNT}@home.example`;

interface Answer {
  readonly created: Record<string, { id: string }> | null;
  readonly updated: Record<string, unknown> | null;
  readonly destroyed: string[] | null;
  readonly notCreated: Record<string, { type: string; properties?: string[] }> | null;
  readonly notUpdated: Record<string, { type: string; properties?: string[] }> | null;
  readonly notDestroyed: Record<string, { type: string }> | null;
}

describe('identities', () => {
  test('begin with the account, and its own stays', async () => {
    const test = await TestAccount.open();
    const { list } = await test.call<{ list: object[] }>('Identity/get', { ids: null });
    expect(list).toEqual([
      {
        id: 'own',
        name: '',
        email: OWN,
        replyTo: null,
        bcc: null,
        textSignature: '',
        htmlSignature: '',
        mayDelete: false,
      },
    ]);
    const { notDestroyed } = await test.call<Answer>('Identity/set', { destroy: ['own'] });
    expect(notDestroyed).toMatchObject({ own: { type: 'forbidden' } });
  });

  test('are made with defaults, changed but for their address, and destroyed', async () => {
    const test = await TestAccount.open();
    const state = test.account.state('Identity');
    const { created } = await test.call<Answer>('Identity/set', { create: { k: { email: OWN, name: 'Me' } } });
    const id = created?.k?.id ?? '';
    expect(created?.k).toEqual({ id, replyTo: null, bcc: null, textSignature: '', htmlSignature: '', mayDelete: true });
    const changed = await test.call<Answer>('Identity/set', {
      update: { [id]: { name: 'I', textSignature: '-- ' }, own: { email: 'x@y' } },
    });
    expect(changed).toMatchObject({
      updated: { [id]: null },
      notUpdated: { own: { type: 'invalidProperties', properties: ['email'] } },
    });
    expect(await test.call('Identity/changes', { sinceState: state })).toMatchObject({ created: [id], updated: [] });
    expect((await test.call<Answer>('Identity/set', { destroy: [id] })).destroyed).toEqual([id]);
  });

  test.each([
    [{ email: 'other@home.example' }, 'forbiddenFrom'],
    [{ email: 'nonsense' }, 'invalidProperties'],
    [{ email: OWN, replyTo: 'x' }, 'invalidProperties'],
    [{ email: OWN, mayDelete: true }, 'invalidProperties'],
    [{}, 'invalidProperties'],
  ])('are not made as %j', async (identity, type) => {
    const test = await TestAccount.open();
    const { notCreated } = await test.call<Answer>('Identity/set', { create: { k: identity } });
    expect(notCreated?.k?.type).toBe(type);
  });
});

describe('quotas', () => {
  test('are what the agent says, found and followed', async () => {
    const test = await TestAccount.open();
    const state = test.account.state('Quota');
    const quota: StoredQuota = {
      resourceType: 'octets',
      used: 5,
      hardLimit: 9,
      warnLimit: null,
      softLimit: null,
      scope: 'account',
      name: 'Mail',
      types: ['Email'],
      description: null,
    };
    test.account.objects.put('Quota', 'q1', quota);
    test.account.objects.put('Quota', 'q2', { ...quota, name: 'Count', resourceType: 'count', used: 1 });
    const { list } = await test.call<{ list: object[] }>('Quota/get', { ids: null });
    expect(list).toHaveLength(2);
    expect(list[0]).toEqual({ id: 'q1', ...quota });
    expect(await test.call('Quota/query', { filter: { resourceType: 'count' } })).toMatchObject({ ids: ['q2'] });
    expect(await test.call('Quota/query', { sort: [{ property: 'used' }] })).toMatchObject({ ids: ['q2', 'q1'] });
    expect(await test.call('Quota/changes', { sinceState: state })).toMatchObject({
      created: ['q1', 'q2'],
      updatedProperties: null,
    });
  });
});

describe('a login that may not', () => {
  test.each([
    ['Email/set', {}, ['read']],
    ['EmailSubmission/set', {}, ['read', 'write']],
    ['Email/get', { ids: [] }, ['write']],
  ] as const)('%s is refused', async (name, args, permissions) => {
    const test = await TestAccount.open();
    const caller = { username: 'x', credential: 'x', baseUrl: '', permissions: new Set(permissions) };
    const { methodResponses } = await test.request([[name, { accountId: ACCOUNT, ...args }]], {}, caller);
    expect(methodResponses[0]).toMatchObject(['error', { type: 'forbidden' }, 'c0']);
  });
});
