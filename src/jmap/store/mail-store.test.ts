import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { email, fill, openStore } from '../../../test/harness/jmap/small-store.ts';
import { HEADER_BYTES_MAX, THREAD_EMAILS_MAX } from '../limits.ts';
import type { DataType } from '../protocol/data-types.ts';
import type { MailAccount } from './mail-account.ts';
import type { MailStore } from './mail-store.ts';
import { MemoryJournal } from './memory-journal.ts';
import type { MailboxCounts } from './records.ts';

/** Counts as RFC 8621 defines them, from everything. */
function countedAnew(account: MailAccount): Record<string, MailboxCounts> {
  const emails = [...account.emailIds()].map((id) => account.email(id)).filter((one) => one !== undefined);
  const isUnread = ({ keywords }: { keywords: readonly string[] }) =>
    !keywords.includes('$seen') && !keywords.includes('$draft');
  return Object.fromEntries(
    account.mailboxes().map(({ id, role }) => {
      const own = emails.filter(({ mailboxIds }) => mailboxIds.includes(id));
      const threads = new Set(own.map(({ threadId }) => threadId));
      const counts = (one: { mailboxIds: readonly string[] }) =>
        role === 'trash' ? one.mailboxIds.includes('trash') : one.mailboxIds.join() !== 'trash';
      const unread = [...threads].filter((thread) =>
        emails.some((one) => one.threadId === thread && isUnread(one) && counts(one)),
      );
      return [
        id,
        {
          totalEmails: own.length,
          unreadEmails: own.filter(isUnread).length,
          totalThreads: threads.size,
          unreadThreads: unread.length,
        },
      ];
    }),
  );
}

const act = fc.oneof(
  fc.record({
    kind: fc.constant('add' as const),
    n: fc.nat(30),
    thread: fc.nat(5),
    mailboxes: fc.subarray(['inbox', 'trash', 'other'], { minLength: 1 }),
    seen: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('set' as const),
    n: fc.nat(30),
    mailboxes: fc.subarray(['inbox', 'trash', 'other'], { minLength: 1 }),
    seen: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('remove' as const), n: fc.nat(30) }),
  fc.record({ kind: fc.constant('fail' as const), n: fc.nat(30) }),
);

function perform(
  account: MailAccount,
  one: typeof act extends fc.Arbitrary<infer Act> ? Act : never,
  store: MailStore,
): void {
  const id = `m${one.n}`;
  if (one.kind === 'add')
    account.putEmails(
      [email(id, { mailboxIds: one.mailboxes, keywords: one.seen ? ['$seen'] : [], threadId: `t${one.thread}` })],
      'agent',
    );
  if (one.kind === 'set')
    account.updateEmail(id, { mailboxIds: one.mailboxes, keywords: one.seen ? ['$seen'] : [] }, 'agent');
  if (one.kind === 'remove') account.removeEmails([id], 'agent');
  if (one.kind === 'fail')
    expect(() =>
      store.transact(() => {
        account.removeEmails([id], 'agent');
        throw new Error('given up');
      }),
    ).toThrow('given up');
}

/** A client that knows the objects of a type by `/changes` alone. */
class Follower {
  readonly #account: MailAccount;
  readonly #type: DataType;
  readonly known = new Set<string>();
  #state: string;

  constructor(account: MailAccount, type: DataType) {
    this.#account = account;
    this.#type = type;
    this.#state = account.state(type);
  }

  follow(limit: number, steps = Number.POSITIVE_INFINITY): void {
    for (let step = 0; step < steps; step++) {
      const changes = this.#account.changesSince(this.#type, this.#state, limit);
      if (changes === undefined) throw new Error('the state is gone');
      const { created, updated, destroyed } = changes;
      expect(created.length + updated.length + destroyed.length).toBeLessThanOrEqual(limit);
      for (const id of created) this.known.add(id);
      for (const id of updated) expect(this.known).toContain(id);
      for (const id of destroyed) this.known.delete(id);
      this.#state = changes.newState;
      if (!changes.hasMoreChanges) return;
    }
  }
}

describe('a store', () => {
  test('counts by difference what counting anew says, and tells every change in steps of any size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), async (acts, limit) => {
        const store = await openStore();
        const account = fill(store);
        const emails = new Follower(account, 'Email');
        const threads = new Follower(account, 'Thread');
        for (const [index, one] of acts.entries()) {
          perform(account, one, store);
          if (index % 3 === 0) emails.follow(limit, 1);
          if (index % 5 === 0) threads.follow(limit, 2);
        }
        const counts = Object.fromEntries(account.mailboxes().map(({ id }) => [id, account.counts(id)]));
        expect(counts).toEqual(countedAnew(account));
        emails.follow(limit);
        threads.follow(limit);
        expect([...emails.known].sort()).toEqual([...account.emailIds()].sort());
        expect([...threads.known].sort()).toEqual([...account.threadIds()].sort());
        store.close();
      }),
      { numRuns: 60 },
    );
  });

  test('opens as it was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
        const journal = new MemoryJournal();
        const store = await openStore(journal);
        const account = fill(store);
        for (const one of acts) perform(account, one, store);
        const again = (await openStore(journal)).account('a');
        const shown = (one: MailAccount | undefined) => ({
          emails: [...(one?.emailIds() ?? [])].map((id) => one?.email(id)),
          threads: [...(one?.threadIds() ?? [])].map((id) => [id, one?.threadEmailIds(id)]),
          counts: one?.mailboxes().map((mailbox) => [mailbox, one.counts(mailbox.id)]),
          states: (['Email', 'Thread', 'Mailbox'] as const).map((type) => one?.state(type)),
        });
        expect(shown(again)).toEqual(shown(account));
      }),
      { numRuns: 40 },
    );
  });

  test('finds after it was opened what it found before, by header and by text', async () => {
    const journal = new MemoryJournal();
    const account = fill(await openStore(journal));
    account.putEmails([email('m1', { text: 'needle' }), email('m2', {}, 'Subject: needle two\r\nX-A: b\r\n')], 'agent');
    const store = await openStore(journal);
    await store.complete();
    const again = store.account('a');
    const query = (text: string) =>
      again?.page({ filter: { kind: 'text', text }, sort: [], collapseThreads: false }, 0, 9);
    expect([query('needle'), query('two'), query('haystack')]).toEqual([['m2', 'm1'], ['m2'], []]);
    const found = again?.email('m2');
    expect(found === undefined ? [] : again?.headers(found)).toContainEqual({ name: 'X-A', value: ' b' });
  });

  test('tells once, after the transaction, which states are new', async () => {
    const store = await openStore();
    const account = fill(store);
    const told: string[][] = [];
    store.on('changed', ({ changed }) => told.push([...changed.keys()].sort()));
    store.transact(() => {
      account.putEmails([email('m1')], 'agent', 'delivered');
      account.updateEmail('m1', { keywords: ['$seen'] }, 'agent');
    });
    account.updateEmail('m1', { keywords: ['$seen', '$flagged'] }, 'agent');
    account.updateEmail('m1', { keywords: ['$seen', '$flagged'] }, 'agent');
    expect(told).toEqual([['Email', 'EmailDelivery', 'Mailbox', 'Thread'], ['Email']]);
  });
});

test('of a header of megabytes the beginning is kept', async () => {
  const account = fill(await openStore());
  const header = `Subject: s\r\nTo: ${'a@b,\r\n '.repeat(500_000)}\r\n`;
  account.putEmails([email('m1', {}, header)], 'agent');
  const kept = account.email('m1');
  expect(kept && account.headerBlock(kept)).toHaveLength(HEADER_BYTES_MAX);
});

describe('threads', () => {
  const header = (id: string, subject: string, more = '') => `Message-ID: <${id}@x>\r\nSubject: ${subject}\r\n${more}`;

  test('join what refers to each other with the same subject, whatever came first', async () => {
    const account = fill(await openStore());
    account.putEmails(
      [
        email('m1', {}, header('1', 'Re: [list] Lunch', 'References: <0@x> <2@x>\r\n')),
        email('m2', {}, header('0', 'lunch')),
        email('m3', {}, header('3', 'Fwd: Lunch', 'In-Reply-To: <1@x>\r\n')),
        email('m4', {}, header('4', 'Dinner', 'In-Reply-To: <1@x>\r\n')),
        email('m5', {}, header('5', 'lunch')),
      ],
      'agent',
    );
    const thread = account.email('m1')?.threadId ?? '';
    expect(account.threadEmailIds(thread)).toEqual(['m1', 'm2', 'm3']);
    expect(new Set(['m4', 'm5'].map((id) => account.email(id)?.threadId)).size).toBe(2);
  });

  test('that came back from the journal are joined as before, also after a transaction that failed', async () => {
    const journal = new MemoryJournal();
    const answer = (id: string) => email(id, {}, `Subject: Re: s\r\nMessage-ID: <${id}@x>\r\nIn-Reply-To: <m1@x>\r\n`);
    fill(await openStore(journal)).putEmails([email('m1'), email('m2')], 'agent');
    const store = await openStore(journal);
    const account = store.account('a') as MailAccount;
    expect(() =>
      store.transact(() => {
        account.putEmails([answer('m3')], 'agent');
        throw new Error('no');
      }),
    ).toThrow('no');
    account.putEmails([answer('m4')], 'agent');
    expect(account.email('m4')?.threadId).toBe(account.email('m1')?.threadId);
    expect(account.email('m2')?.threadId).not.toBe(account.email('m1')?.threadId);
  });

  test('that are full are followed by one more, not by another one after each start', async () => {
    const journal = new MemoryJournal();
    const answer = (id: string) => email(id, {}, `Subject: Re: s\r\nMessage-ID: <${id}@x>\r\nIn-Reply-To: <m0@x>\r\n`);
    const before = fill(await openStore(journal));
    before.putEmails(
      [email('m0'), ...Array.from({ length: THREAD_EMAILS_MAX }, (_, n) => answer(`m${n + 1}`))],
      'agent',
    );
    const next = before.email(`m${THREAD_EMAILS_MAX}`)?.threadId;
    expect(next).not.toBe(before.email('m0')?.threadId);
    const account = (await openStore(journal)).account('a') as MailAccount;
    account.putEmails([answer('m9999')], 'agent');
    expect(account.email('m9999')?.threadId).toBe(next);
  });

  test('are gone with their last email, and an id is never another thread', async () => {
    const account = fill(await openStore());
    account.putEmails([email('m1')], 'agent');
    const before = account.email('m1')?.threadId ?? '';
    account.removeEmails(['m1'], 'agent');
    expect(account.threadEmailIds(before)).toBeUndefined();
  });
});

describe('both sides of an account', () => {
  test('a client changes what its agent has still to do, in order, until the agent has done it', async () => {
    const account = fill(await openStore(), 'imap');
    account.putEmails([email('m1', { keywords: ['a'], place: 'uid 7' })], 'agent');
    account.updateEmail('m1', { keywords: ['b'], mailboxIds: ['other'] }, 'client');
    account.removeEmails(['m1'], 'client');
    expect(account.pending(9).map(({ object, change }) => [object, change])).toEqual([
      [
        'm1',
        {
          kind: 'emailUpdate',
          keywords: { added: ['b'], removed: ['a'] },
          mailboxes: { added: ['other'], removed: ['inbox'] },
        },
      ],
      ['m1', { kind: 'emailDestroy', place: 'uid 7', mailboxIds: ['other'] }],
    ]);
    account.settle(account.pending(1).map(({ seq }) => seq));
    expect(account.pending(9)).toHaveLength(1);
  });

  test('what the server says is taken with the pending changes on top', async () => {
    const account = fill(await openStore(), 'imap');
    account.putEmails([email('m1', { keywords: ['a'] })], 'agent');
    account.updateEmail('m1', { keywords: ['a', '$seen'] }, 'client');
    account.mergeEmail('m1', { keywords: ['b'], mailboxIds: ['inbox', 'other'] });
    expect(account.email('m1')).toMatchObject({ keywords: ['b', '$seen'], mailboxIds: ['inbox', 'other'] });
    expect(account.pending(9)).toHaveLength(1);
  });

  test('nothing is left of one that was removed', async () => {
    const journal = new MemoryJournal();
    const store = await openStore(journal);
    const account = fill(store, 'imap');
    account.putEmails([email('m1', { text: 'text' }), email('m2')], 'agent', 'delivered');
    account.updateEmail('m1', { keywords: ['x'] }, 'client');
    account.removeEmails(['m2'], 'client');
    account.setAgentValue('position', '7');
    store.removeAccount('a');
    for (const portion of ['lists', 'rest'] as const)
      for await (const records of journal.load(portion)) expect(records).toEqual([]);
    fill(store).putEmails([email('m1')], 'agent');
    expect([...(store.account('a')?.emailIds() ?? [])]).toEqual(['m1']);
  });

  test('what is pending survives', async () => {
    const journal = new MemoryJournal();
    const account = fill(await openStore(journal), 'imap');
    account.putEmails([email('m1')], 'agent');
    account.updateEmail('m1', { keywords: ['x'] }, 'client');
    const again = (await openStore(journal)).account('a');
    expect(again?.pending(9)).toEqual(account.pending(9));
    again?.updateEmail('m1', { keywords: [] }, 'client');
    expect(again?.pending(9).map(({ seq }) => seq)).toEqual([1, 2]);
  });
});
