import { describe, expect, test } from 'vitest';
import { email, fill, openStore } from '../../../test/harness/jmap/small-store.ts';
import { ManualClock } from '../../base/index.ts';
import { CHANGES_READ } from '../limits.ts';
import type { JournalRecord } from './journal.ts';
import type { MailAccount } from './mail-account.ts';
import { MemoryJournal } from './memory-journal.ts';
import { DURABLE_TABLES } from './schema.ts';

const DAY_MS = 86_400_000;

test('answers states of the last thirty days, and no others', async () => {
  const clock = new ManualClock(0);
  const store = await openStore(new MemoryJournal(), clock);
  const account = fill(store);
  const first = account.state('Email');
  account.putEmails([email('m1'), email('m2')], 'agent');
  const second = account.state('Email');
  account.removeEmails(['m1'], 'agent');
  await clock.advance(29 * DAY_MS);
  account.updateEmail('m2', { keywords: ['a'] }, 'agent');
  expect(account.changesSince('Email', second, 9)).toMatchObject({ updated: ['m2'], destroyed: ['m1'] });
  await clock.advance(2 * DAY_MS);
  account.updateEmail('m2', { keywords: ['b'] }, 'agent');
  expect(account.changesSince('Email', first, 9)).toBeUndefined();
  for (const wrong of ['', 'x', 'zzzzz-1', `${account.state('Email')}9`, '-1'])
    expect(account.changesSince('Email', wrong, 9)).toBeUndefined();
});

describe('after a start that leaves the oldest changes on the disk', () => {
  const countOfAll = CHANGES_READ + 5;
  const oldest = Array.from({ length: countOfAll }, (_, n) => email(`m${n}`));

  /** A store with more emails than changes are read of, and its state before the last two of them. */
  async function filled() {
    const journal = new MemoryJournal();
    const account = fill(await openStore(journal));
    const before = account.state('Email');
    account.putEmails(oldest.slice(0, -2), 'agent');
    const since = account.state('Email');
    account.putEmails(oldest.slice(-2), 'agent');
    return { account, before, journal, since };
  }
  const reopened = async (journal: MemoryJournal) => (await openStore(journal)).account('a') as MailAccount;

  test('states that are not as far back are answered as before, and others not', async () => {
    const { account, before, journal, since } = await filled();
    expect(account.changesSince('Email', before, 9)).toMatchObject({
      created: oldest.slice(0, 9).map(({ id }) => id),
    });
    const again = await reopened(journal);
    expect(again.changesSince('Email', since, 9)).toEqual(account.changesSince('Email', since, 9));
    expect(again.changesSince('Email', since, 9)?.created).toHaveLength(2);
    expect(again.changesSince('Email', before, 9)).toBeUndefined();
    expect(again.changesSince('Email', again.state('Email'), 9)).toMatchObject({ created: [], updated: [] });
  });

  test('an email from before them is known when it changes, and when it goes', async () => {
    const { journal, since } = await filled();
    const account = await reopened(journal);
    account.updateEmail('m0', { keywords: ['$seen'] }, 'agent');
    account.removeEmails(['m1'], 'agent');
    const [first, last] = oldest.slice(-2).map(({ id }) => id);
    const changes = { created: [first, last], updated: ['m0'], destroyed: ['m1'] };
    expect(account.changesSince('Email', since, 9)).toMatchObject(changes);
    const twice = await reopened(journal);
    expect(twice.changesSince('Email', since, 9)).toMatchObject(changes);
    twice.putEmails([email('m1')], 'agent');
    expect(twice.changesSince('Email', account.state('Email'), 9)).toMatchObject({ created: ['m1'], updated: [] });
  });

  test('nothing is left of an account that is removed then', async () => {
    const journal = new MemoryJournal();
    const account = fill(await openStore(journal));
    account.putEmails(oldest.slice(0, 2), 'agent');
    account.removeEmails(['m0'], 'agent');
    account.putEmails(oldest.slice(2), 'agent');
    const store = await openStore(journal);
    store.removeAccount('a');
    for await (const records of journal.load('lists')) expect(records).toEqual([]);
  });

  test('what was left is not forgotten when a deletion of before is', async () => {
    const journal = new MemoryJournal();
    const account = fill(await openStore(journal));
    account.putEmails(oldest.slice(0, 2), 'agent');
    account.removeEmails(['m0'], 'agent');
    const since = account.state('Email');
    account.putEmails(oldest.slice(2), 'agent');
    const later = (await openStore(journal, new ManualClock(31 * DAY_MS))).account('a') as MailAccount;
    expect(later.changesSince('Email', since, 9)).toBeUndefined();
    later.updateEmail('m9', { keywords: ['$seen'] }, 'agent');
    expect(later.changesSince('Email', since, 9)).toBeUndefined();
  });
});

test('what went, came back and went again is gone, also for who knew it before', async () => {
  const account = fill(await openStore(new MemoryJournal()));
  account.putEmails([email('m1')], 'agent');
  const since = account.state('Email');
  account.removeEmails(['m1'], 'agent');
  account.putEmails([email('m1')], 'agent');
  expect(account.changesSince('Email', since, 9)).toMatchObject({ created: ['m1'], destroyed: [] });
  account.removeEmails(['m1'], 'agent');
  expect(account.changesSince('Email', since, 9)).toMatchObject({ created: [], destroyed: ['m1'] });
});

test('where mail comes from an agent each time, a start answers no state of before, and all mail is new', async () => {
  const whole = new MemoryJournal();
  const journal = {
    isWhole: false,
    append: (records: readonly JournalRecord[]) =>
      whole.append(records.filter(({ table }) => DURABLE_TABLES.has(table))),
    load: whole.load.bind(whole),
    flush: whole.flush.bind(whole),
  };
  const account = fill(await openStore(journal));
  account.putEmails([email('m1'), email('m2')], 'agent');
  const before = account.state('Email');
  const store = await openStore(journal, new ManualClock(0), 2);
  const again = store.account('a') as MailAccount;
  const empty = again.state('Email');
  expect(again.changesSince('Email', before, 9)).toBeUndefined();
  again.putEmails([email('m1')], 'agent');
  expect(again.changesSince('Email', empty, 9)).toMatchObject({ created: ['m1'], updated: [] });
  const third = (await openStore(journal, new ManualClock(0), 3)).account('a') as MailAccount;
  for (const state of [before, empty, again.state('Email')])
    expect(third.changesSince('Email', state, 9)).toBeUndefined();
});

test('keeps as many deliveries as can be told', async () => {
  const journal = new MemoryJournal();
  const account = fill(await openStore(journal));
  const before = account.state('EmailDelivery');
  account.putEmails([email('m1')], 'agent', 'delivered');
  const since = account.state('EmailDelivery');
  const ids = Array.from({ length: CHANGES_READ }, (_, n) => `m${n + 2}`);
  account.putEmails(
    ids.map((id) => email(id)),
    'agent',
    'delivered',
  );
  expect(account.changesSince('EmailDelivery', before, 9)).toBeUndefined();
  expect(account.changesSince('EmailDelivery', since, ids.length)?.created).toEqual(ids);
  const kept: unknown[] = [];
  for await (const records of journal.load('lists'))
    kept.push(...records.filter(({ table, row }) => table === 'change' && row?.[1] === 'EmailDelivery'));
  expect(kept).toHaveLength(CHANGES_READ);
});
