import { describe, expect, test } from 'vitest';
import { ACCOUNT, MAILBOXES, TestAccount } from '../../../../test/harness/jmap/test-account.ts';
import { ALL_RIGHTS } from '../../store/records.ts';

interface Answer {
  readonly created: Record<string, { id: string }> | null;
  readonly updated: Record<string, unknown> | null;
  readonly destroyed: string[] | null;
  readonly notCreated: Record<string, { type: string; properties?: string[] }> | null;
  readonly notUpdated: Record<string, { type: string; properties?: string[] }> | null;
  readonly notDestroyed: Record<string, { type: string }> | null;
}

const set = (test: TestAccount, args: object) => test.call<Answer>('Mailbox/set', args);

describe('Mailbox/set', () => {
  test('makes parents before their children, whatever their order, and says what the server set', async () => {
    const test = await TestAccount.open();
    const { created } = await set(test, {
      create: { child: { name: 'Child', parentId: '#parent' }, parent: { name: 'Parent' } },
    });
    expect(test.account.mailbox(created?.child?.id ?? '')?.parentId).toBe(created?.parent?.id);
    expect(created?.parent).toEqual({
      id: created?.parent?.id,
      parentId: null,
      role: null,
      sortOrder: 0,
      totalEmails: 0,
      unreadEmails: 0,
      totalThreads: 0,
      unreadThreads: 0,
      myRights: ALL_RIGHTS,
      isSubscribed: true,
    });
  });

  test('destroys children before their parents, and emails only when told to', async () => {
    const test = await TestAccount.open();
    const { created } = await set(test, { create: { p: { name: 'P' }, c: { name: 'C', parentId: '#p' } } });
    const [parent, child] = [created?.p?.id ?? '', created?.c?.id ?? ''];
    const both = test.deliver('Subject: a\n\n', { mailboxIds: [child, MAILBOXES.inbox] });
    const only = test.deliver('Subject: b\n\n', { mailboxIds: [child] });
    expect((await set(test, { destroy: [parent] })).notDestroyed).toMatchObject({
      [parent]: { type: 'mailboxHasChild' },
    });
    expect((await set(test, { destroy: [child] })).notDestroyed).toMatchObject({
      [child]: { type: 'mailboxHasEmail' },
    });
    const { destroyed } = await set(test, { destroy: [parent, child], onDestroyRemoveEmails: true });
    expect(destroyed).toEqual([child, parent]);
    expect(test.account.email(both)?.mailboxIds).toEqual([MAILBOXES.inbox]);
    expect(test.account.email(only)).toBeUndefined();
  });

  test('swaps names within one call, since the end is valid', async () => {
    const test = await TestAccount.open();
    const { created } = await set(test, { create: { a: { name: 'A' }, b: { name: 'B' } } });
    const [a, b] = [created?.a?.id ?? '', created?.b?.id ?? ''];
    const { updated } = await set(test, { update: { [a]: { name: 'B' }, [b]: { name: 'A' } } });
    expect(Object.keys(updated ?? {}).sort()).toEqual([a, b].sort());
    expect([a, b].map((id) => test.account.mailbox(id)?.name)).toEqual(['B', 'A']);
  });

  test('gives a name and a role that the same call frees to another', async () => {
    const test = await TestAccount.open();
    const { created } = await set(test, { create: { a: { name: 'A', role: 'archive' }, b: { name: 'B' } } });
    const [a, b] = [created?.a?.id ?? '', created?.b?.id ?? ''];
    const answer = await set(test, {
      create: { a: { name: 'A', role: 'archive' }, b: { name: 'B', parentId: '#a' } },
      update: { [b]: { name: 'C' } },
      destroy: [a],
    });
    expect(answer).toMatchObject({ destroyed: [a], notCreated: null, notUpdated: null });
    expect(test.account.mailboxWithRole('archive')?.id).toBe(answer.created?.a?.id);
  });

  test('judges each part by the state it finds, where all together would not be valid', async () => {
    const test = await TestAccount.open();
    const { created } = await set(test, { create: { a: { name: 'A' }, b: { name: 'B' } } });
    const [a, b] = [created?.a?.id ?? '', created?.b?.id ?? ''];
    const full = test.deliver('Subject: a\n\n', { mailboxIds: [b] });
    // The mailbox that would make room has an email in it, and stays.
    const answer = await set(test, { create: { n: { name: 'B' } }, update: { [a]: { name: 'B' } }, destroy: [b] });
    expect(answer).toMatchObject({
      created: null,
      updated: null,
      destroyed: null,
      notCreated: { n: { properties: ['name'] } },
      notUpdated: { [a]: { properties: ['name'] } },
      notDestroyed: { [b]: { type: 'mailboxHasEmail' } },
    });
    expect(test.account.email(full)?.mailboxIds).toEqual([b]);
    const loop = await set(test, { update: { [a]: { parentId: b }, [b]: { parentId: a } } });
    expect(Object.keys({ ...loop.updated, ...loop.notUpdated }).sort()).toEqual([a, b].sort());
    expect(loop.notUpdated).toMatchObject({ [b]: { properties: ['parentId'] } });
  });

  test.each<[string, (a: string, b: string) => object]>([
    ['by a part that fails', (a, b) => ({ update: { [a]: { parentId: b }, [b]: { parentId: null, role: 'king' } } })],
    ['by two patches of one', (a, b) => ({ update: { [a]: { parentId: b }, '#a': { sortOrder: 3 } } })],
    ['by what it creates', () => ({ create: { k: { name: 'K' } }, update: { '#k': { parentId: '#k' } } })],
  ])('leaves no mailbox within itself %s', async (_, argsOf) => {
    const test = await TestAccount.open();
    const { created } = await set(test, { create: { a: { name: 'A' }, b: { name: 'B', parentId: '#a' } } });
    const [a, b] = [created?.a?.id ?? '', created?.b?.id ?? ''];
    const createdIds = { a };
    const args = { accountId: ACCOUNT, ...argsOf(a, b) };
    await test.request([['Mailbox/set', args]], { createdIds });
    const parents = new Map(test.account.mailboxes().map(({ id, parentId }) => [id, parentId]));
    const isFree = (id: string | null | undefined, left = 10): boolean =>
      typeof id !== 'string' || (left > 0 && isFree(parents.get(id), left - 1));
    expect([...parents.keys()].filter((id) => !isFree(id))).toEqual([]);
  });

  test('is one change: nobody sees half of it, and none comes between', async () => {
    const test = await TestAccount.open();
    const { created } = await set(test, { create: { a: { name: 'A' }, b: { name: 'B', parentId: '#a' } } });
    const [a, b] = [created?.a?.id ?? '', created?.b?.id ?? ''];
    const seen: unknown[] = [];
    using _ = test.store.on('changed', () => seen.push([a, b].map((id) => test.account.mailbox(id)?.parentId)));
    await set(test, { update: { [a]: { parentId: b }, [b]: { parentId: null } } });
    expect(seen).toEqual([[b, null]]);
  });

  test('answers where mailboxes are within each other, and takes them out of it', async () => {
    const test = await TestAccount.open();
    const { created } = await set(test, { create: { a: { name: 'A' }, b: { name: 'B', parentId: '#a' } } });
    const [a, b] = [created?.a?.id ?? '', created?.b?.id ?? ''];
    const mailbox = test.account.mailbox(a);
    if (mailbox !== undefined) test.account.putMailbox({ ...mailbox, parentId: b }, 'agent');
    const asTree = { sortAsTree: true, filterAsTree: true };
    expect((await test.call<{ ids: string[] }>('Mailbox/query', asTree)).ids).toContain(a);
    expect((await set(test, { create: { c: { name: 'C', parentId: a } }, destroy: [a] })).notDestroyed).toHaveProperty(
      a,
    );
    expect((await set(test, { update: { [a]: { parentId: b, name: 'Z' } } })).notUpdated).toHaveProperty(a);
    expect((await set(test, { update: { [a]: { parentId: null } } })).updated).toEqual({ [a]: null });
  });

  test('does nothing of a call that has something else where an object belongs', async () => {
    const test = await TestAccount.open();
    const state = test.account.state('Mailbox');
    await expect(set(test, { create: { good: { name: 'good' }, bad: 5 } })).rejects.toThrow('invalidArguments');
    expect(test.account.state('Mailbox')).toBe(state);
  });

  test.each([
    [{ name: '' }, ['name']],
    [{ name: 'x'.repeat(256) }, ['name']],
    [{ name: 'inbox' }, ['name']],
    [{ name: 'a', parentId: 'nowhere' }, ['parentId']],
    [{ name: 'a', role: 'inbox' }, ['role']],
    [{ name: 'a', role: 'king' }, ['role']],
    [{ name: 'a', sortOrder: -1 }, ['sortOrder']],
    [{ name: 'a', id: 'mine' }, ['id']],
    [{ name: 'a', totalEmails: 7 }, ['totalEmails']],
    [{}, ['name']],
  ])('refuses to make %j', async (mailbox, properties) => {
    const test = await TestAccount.open();
    const { notCreated } = await set(test, { create: { k: mailbox } });
    expect(notCreated?.k).toMatchObject({ type: 'invalidProperties', properties });
  });

  test('refuses to put a mailbox within itself, and takes whole objects back', async () => {
    const test = await TestAccount.open();
    const { created } = await set(test, { create: { a: { name: 'A' }, b: { name: 'B', parentId: '#a' } } });
    const [a, b] = [created?.a?.id ?? '', created?.b?.id ?? ''];
    const within = await set(test, { update: { [a]: { parentId: b } } });
    expect(within.notUpdated?.[a]).toMatchObject({ type: 'invalidProperties', properties: ['parentId'] });
    const { list } = await test.call<{ list: object[] }>('Mailbox/get', { ids: [a] });
    expect((await set(test, { update: { [a]: { ...list[0], name: 'Z' } } })).updated).toEqual({ [a]: null });
    expect((await set(test, { update: { [a]: { totalEmails: 9 } } })).notUpdated?.[a]?.type).toBe('invalidProperties');
  });

  test('does what rights allow', async () => {
    const test = await TestAccount.open();
    const rights = { ...ALL_RIGHTS, mayRename: false, mayDelete: false, mayCreateChild: false, mayAddItems: false };
    const shared = { id: 'shared', name: 'S', parentId: null, role: null, sortOrder: 0, isSubscribed: true, rights };
    test.account.putMailbox(shared, 'agent');
    const answer = await set(test, {
      create: { k: { name: 'c', parentId: 'shared' } },
      update: { shared: { name: 'x' } },
      destroy: ['shared'],
    });
    expect(answer).toMatchObject({
      notCreated: { k: { type: 'forbidden' } },
      notUpdated: { shared: { type: 'willDestroy' } },
      notDestroyed: { shared: { type: 'forbidden' } },
    });
    expect((await set(test, { update: { shared: { name: 'x' } } })).notUpdated).toMatchObject({
      shared: { type: 'forbidden' },
    });
    const id = test.deliver('Subject: a\n\n');
    const moved = await test.call<Answer>('Email/set', { update: { [id]: { 'mailboxIds/shared': true } } });
    expect(moved.notUpdated?.[id]?.type).toBe('forbidden');
  });

  test('changes nothing in an account that can only be read', async () => {
    const test = await TestAccount.open();
    test.addAccount('readonly', true);
    await expect(test.call('Mailbox/set', { accountId: 'readonly', create: { k: { name: 'x' } } })).rejects.toThrow(
      'accountReadOnly',
    );
  });
});

describe('Mailbox/changes', () => {
  test('says when nothing but counts has changed', async () => {
    const test = await TestAccount.open();
    const state = test.account.state('Mailbox');
    test.deliver('Subject: a\n\n');
    const counts = ['totalEmails', 'unreadEmails', 'totalThreads', 'unreadThreads'];
    expect(await test.call('Mailbox/changes', { sinceState: state })).toMatchObject({
      updated: [MAILBOXES.inbox],
      updatedProperties: counts,
    });
    await set(test, { update: { [MAILBOXES.inbox]: { sortOrder: 7 } } });
    expect(await test.call('Mailbox/changes', { sinceState: state })).toMatchObject({
      updated: [MAILBOXES.inbox],
      updatedProperties: null,
    });
  });
});

describe('Mailbox/changes and Mailbox/set', () => {
  test('tell what the server makes of the other mailboxes, and of a name', async () => {
    const test = await TestAccount.open();
    test.deliver('Subject: a\nMessage-ID: <1@x>\n\n', { keywords: ['$seen'] });
    test.deliver('Subject: a\nMessage-ID: <1@x>\n\n', { mailboxIds: [MAILBOXES.trash] });
    expect(test.account.counts(MAILBOXES.inbox).unreadThreads).toBe(0);
    const state = test.account.state('Mailbox');
    const { updated } = await set(test, { update: { [MAILBOXES.trash]: { role: null, name: 'Cafe\u0301' } } });
    expect(updated).toEqual({ [MAILBOXES.trash]: { name: 'Caf\u00e9' } });
    expect(test.account.counts(MAILBOXES.inbox).unreadThreads).toBe(1);
    const changes = await test.call<{ updated: string[] }>('Mailbox/changes', { sinceState: state });
    expect(changes.updated.sort()).toEqual([MAILBOXES.inbox, MAILBOXES.trash]);
  });
});

describe('Mailbox/query', () => {
  test('sorts and filters, also as a tree', async () => {
    const test = await TestAccount.open();
    const { created } = await set(test, {
      create: {
        b: { name: 'b', sortOrder: 9 },
        a: { name: 'A', parentId: '#b' },
        c: { name: 'c', parentId: '#a', isSubscribed: false },
      },
    });
    const ids = (...names: string[]) => names.map((name) => created?.[name]?.id);
    const query = async (args: object) => (await test.call<{ ids: string[] }>('Mailbox/query', args)).ids;
    const own = { hasAnyRole: false };
    expect(await query({ filter: own, sort: [{ property: 'name' }] })).toEqual(ids('a', 'b', 'c'));
    expect(await query({ filter: own, sort: [{ property: 'name' }], sortAsTree: true })).toEqual(ids('b', 'a', 'c'));
    expect(await query({ filter: { name: 'C' }, filterAsTree: true })).toEqual([]);
    expect(await query({ filter: { role: 'inbox' } })).toEqual([MAILBOXES.inbox]);
    expect(await query({ filter: { parentId: created?.a?.id } })).toEqual(ids('c'));
    expect(await query({ filter: { operator: 'NOT', conditions: [{ isSubscribed: true }] } })).toEqual(ids('c'));
    expect(ACCOUNT).toBe(test.account.id);
  });
});
