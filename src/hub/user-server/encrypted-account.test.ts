import { describe, expect, test } from 'vitest';
import { ACCOUNT, MAILBOXES, TestAccount } from '../../../test/harness/jmap/test-account.ts';
import { SILENT_LOG } from '../../base/index.ts';
import { parseAddress, parseHomeName } from '../../protocol/index.ts';
import type { ToldDelivery } from '../agents/mail/mail-protocol.ts';
import { EncryptedAccount } from './encrypted-account.ts';

const OWN = `${ACCOUNT}@home.example`;
const DRAFT = `From: Me <${OWN}>\nTo: Bob <Bob@x.example>\nCc: carol@x.example\nDate: Sun, 1 Mar 2026 12:00:00 +0000\nMessage-ID: <d@home.example>\nSubject: hello\n\nhello\n`;
const never = new AbortController().signal;

type Submissions = { readonly list: readonly { readonly id: string; readonly deliveryStatus: unknown }[] };

/** An account that has sent a message to Bob and Carol, which was taken over. */
async function setup() {
  const test = await TestAccount.open();
  const account = EncryptedAccount.open(
    { store: test.store, log: SILENT_LOG, onStatus: () => undefined },
    { id: ACCOUNT, address: OWN },
  );
  const emailId = test.deliver(DRAFT, { mailboxIds: [MAILBOXES.drafts], keywords: ['$draft'] });
  await test.call('EmailSubmission/set', { create: { s: { identityId: 'own', emailId } } });
  const get = async () => (await test.call<Submissions>('EmailSubmission/get', { ids: null })).list[0];
  const id = (await get())?.id;
  if (id === undefined) throw new Error('nothing was sent');
  return {
    test,
    statuses: async () => (await get())?.deliveryStatus,
    tell: (changes: Partial<ToldDelivery> = {}) =>
      account.handlers().deliveries({ deliveries: [{ ...REFUSED, key: `send ${id}`, ...changes }] }, never),
    state: async () => (await test.call<{ state: string }>('EmailSubmission/get', { ids: [] })).state,
  };
}

const REFUSED: Omit<ToldDelivery, 'key'> = {
  home: parseHomeName('x.example'),
  recipients: [parseAddress('bob@x.example')],
  status: 'refused',
  code: 'unknown_recipient',
  detail: 'nobody\r\nhere',
  at: Date.parse('2026-03-02T12:00:00Z'),
  queuedAt: Date.parse('2026-03-01T12:00:00Z'),
};

describe('what became of a message at another home', () => {
  test('stands in its submission, for whom it is about and in the words of mail programs', async () => {
    const { statuses, tell, test } = await setup();
    await test.clock.advance(0);
    expect(await tell({ status: 'delayed' })).toEqual({ isLater: false });
    expect(await statuses()).toMatchObject({
      'Bob@x.example': {
        delivered: 'queued',
        smtpReply: '450 4.4.1 x.example has not taken it since 2026-03-01T12:00:00.000Z; trying on',
      },
      'carol@x.example': { delivered: 'unknown' },
    });
    await tell({ status: 'delivered' });
    expect(await statuses()).toMatchObject({ 'Bob@x.example': { delivered: 'yes' } });
    await tell();
    expect(await statuses()).toMatchObject({
      'Bob@x.example': {
        delivered: 'no',
        smtpReply: '550 5.1.1 x.example refuses it: unknown_recipient: nobody here',
      },
    });
  });

  test('is noted once, however often it is told', async () => {
    const { state, tell, test } = await setup();
    await test.clock.advance(0);
    await tell();
    const before = await state();
    await tell();
    await tell({ key: 'create m1' });
    await tell({ key: 'send of-long-ago' });
    expect(await state()).toBe(before);
  });

  test('is told again when the message was still being handed over', async () => {
    const { statuses, tell, test } = await setup();
    expect(await tell()).toEqual({ isLater: true });
    expect(await statuses()).toMatchObject({ 'Bob@x.example': { smtpReply: '250 2.0.0 Queued here' } });
    await test.clock.advance(0);
    expect(await tell()).toEqual({ isLater: false });
    expect(await statuses()).toMatchObject({ 'Bob@x.example': { delivered: 'no' } });
  });
});
