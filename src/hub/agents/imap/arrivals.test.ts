import { describe, expect, test } from 'vitest';
import { ManualClock, SeededSecureRandom } from '../../../base/index.ts';
import { ALL_RIGHTS, type MailAccount, MailStore, MemoryJournal, readMessage } from '../../../jmap/index.ts';
import { Arrivals } from './arrivals.ts';
import { fingerprintOf } from './fingerprint.ts';
import { UNHEARD_MAX, UNHEARD_MS } from './limits.ts';
import { encodePlaces, Places } from './places.ts';
import { Puts } from './puts.ts';

const RAW = Buffer.from('Subject: made here\r\nMessage-ID: <1@example.org>\r\n\r\nhello\r\n');
const { headerBlock } = readMessage(RAW);
const NOW = Date.UTC(2026, 0, 1);
const PRINT = fingerprintOf(headerBlock);
const MESSAGE = { fingerprint: PRINT, size: RAW.length };

async function setup() {
  const clock = new ManualClock(NOW);
  const random = new SeededSecureRandom(1);
  const onListenerError = (error: unknown): void => {
    throw error;
  };
  const store = await MailStore.open({ journal: new MemoryJournal(), clock, random, onListenerError });
  const record = { id: 'i', name: 'alice@example.org', isPersonal: true, isReadOnly: false, kind: 'imap' } as const;
  const account = store.putAccount(record);
  for (const [at, id] of ['a', 'b'].entries()) {
    const mailbox = { id, name: id, parentId: null, role: null, sortOrder: at, isSubscribed: true, rights: ALL_RIGHTS };
    account.putMailbox(mailbox, 'agent');
  }
  return { account, clock };
}

/** One that is at the server, or, without a UID, only here. */
function put(account: MailAccount, id: string, uid?: number): void {
  const email = { ...readMessage(RAW), id, size: RAW.length, receivedAt: NOW, keywords: [], mailboxIds: ['a'] };
  if (uid === undefined) account.putEmails([email], 'client');
  else
    account.putEmails(
      [{ ...email, place: encodePlaces([{ mailboxId: 'a', uidValidity: '1', uid }], 'read') }],
      'agent',
    );
}

function arrivalsIn(mailboxId: string, account: MailAccount, puts: Puts): Arrivals {
  const places = new Places(account);
  places.findLost();
  return new Arrivals({ account, places, puts }, mailboxId);
}

describe('a message that turns up at an IMAP server', () => {
  test('is the one that was made here, in the mailbox where it was to go, or from where somebody moved it', async () => {
    const { account, clock } = await setup();
    put(account, 'made');
    const puts = new Puts({ clock }, account);
    expect(arrivalsIn('a', account, puts).of(PRINT, RAW.length)).toEqual({ kind: 'known', emailId: 'made' });
    expect(arrivalsIn('b', account, puts).of(PRINT, RAW.length)).toEqual({ kind: 'new' });
    puts.begin({ mailboxId: 'a', emailId: 'made', ...MESSAGE });
    puts.interrupt();
    // The server may have taken it, and somebody have moved it on.
    const moved = { kind: 'moved', emailId: 'made', from: 'a' };
    expect(arrivalsIn('b', account, puts).of(PRINT, RAW.length)).toEqual(moved);
  });

  test('is surplus when its email was destroyed here after it had lost its place', async () => {
    const { account, clock } = await setup();
    put(account, 'moving', 7);
    const places = new Places(account);
    places.remove('a', 7);
    account.removeEmails(['moving'], 'client');
    const arrivals = new Arrivals({ account, places, puts: new Puts({ clock }, account) }, 'b');
    expect(arrivals.of(PRINT, RAW.length)).toEqual({ kind: 'surplus', emailId: 'moving' });
  });

  test('is surplus only by a put that was never heard of, in its mailbox, the same to the size, within the hour', async () => {
    const { account, clock } = await setup();
    put(account, 'made', 7);
    const puts = new Puts({ clock }, account);
    const arrival = (mailboxId = 'a', size = RAW.length) => arrivalsIn(mailboxId, account, puts).of(PRINT, size);
    expect(arrival()).toEqual({ kind: 'new' });
    puts.begin({ mailboxId: 'a', emailId: 'made', ...MESSAGE });
    expect(arrival()).toEqual({ kind: 'new' });
    expect(new Puts({ clock }, account).interrupt()).toBe('a');
    expect(arrival()).toEqual({ kind: 'surplus', emailId: 'made' });
    expect([arrival('b'), arrival('a', RAW.length + 1)]).toEqual([{ kind: 'new' }, { kind: 'new' }]);
    account.removeEmails(['made'], 'client');
    expect(arrival()).toEqual({ kind: 'surplus', emailId: 'made' });
    await clock.advance(UNHEARD_MS + 1);
    expect(arrival()).toEqual({ kind: 'new' });
  });

  test('is surplus once for each such put, of which the last are remembered', async () => {
    const { account, clock } = await setup();
    put(account, 'made', 7);
    const puts = new Puts({ clock }, account);
    expect(puts.interrupt()).toBeUndefined();
    for (let round = 0; round < UNHEARD_MAX + 1; round++) {
      puts.begin({ mailboxId: 'a', emailId: round < 2 ? 'other' : 'made', ...MESSAGE });
      puts.interrupt();
    }
    puts.heard({ mailboxId: 'a', emailId: 'made' });
    const left = puts.unheard();
    expect(left.filter(({ emailId }) => emailId === 'other')).toHaveLength(1);
    expect(left).toHaveLength(UNHEARD_MAX - 1);
    puts.begin({ mailboxId: 'a', emailId: 'made', ...MESSAGE });
    puts.end();
    expect(puts.interrupt()).toBeUndefined();
  });
});
