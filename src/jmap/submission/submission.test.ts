import { describe, expect, test } from 'vitest';
import { ACCOUNT, MAILBOXES, TestAccount } from '../../../test/harness/jmap/test-account.ts';
import { MemoryJournal } from '../store/memory-journal.ts';
import { unsentSubmissions } from './submission-shelf.ts';

const OWN = `${ACCOUNT}@home.example`;
const DRAFT = `From: Me <${OWN}>\nTo: bob@x.example, Bob <bob@x.example>\nCc: Team: carol@x.example;\nBcc: eve@x.example\nDate: Sun, 1 Mar 2026 12:00:00 +0000\nMessage-ID: <d@home.example>\nSubject: hello\n\nhello\n`;

type Answer = Record<string, Record<string, Record<string, unknown>> | null>;

async function send(test: TestAccount, submission: object, more: object = {}): Promise<Answer> {
  return test.call<Answer>('EmailSubmission/set', { create: { s: { identityId: 'own', ...submission } }, ...more });
}

async function sentText(test: TestAccount, index = 0): Promise<string> {
  const job = test.outbox.jobs[index];
  if (job === undefined) throw new Error('nothing was sent');
  let text = '';
  for await (const piece of test.blobStore.read(ACCOUNT, job.blobId, { start: 0, end: 1e6 }))
    text += Buffer.from(piece).toString();
  return text;
}

describe('sending', () => {
  test('makes the envelope from the message, and leaves out who is in Bcc', async () => {
    const test = await TestAccount.open();
    const emailId = test.deliver(DRAFT, { mailboxIds: [MAILBOXES.drafts], keywords: ['$draft'] });
    const { created } = await send(test, { emailId });
    expect(created?.s).toMatchObject({
      threadId: test.account.email(emailId)?.threadId,
      sendAt: '2026-03-01T12:00:00Z',
      undoStatus: 'pending',
      envelope: {
        mailFrom: { email: OWN, parameters: null },
        rcptTo: ['bob@x.example', 'carol@x.example', 'eve@x.example'].map((email) => ({ email, parameters: null })),
      },
    });
    await test.clock.advance(0);
    const text = await sentText(test);
    expect(text).toContain('Subject: hello');
    expect(text).not.toContain('eve@');
    const { list } = await test.call<{ list: object[] }>('EmailSubmission/get', { ids: null });
    expect(list).toMatchObject([
      { undoStatus: 'final', deliveryStatus: { 'bob@x.example': { delivered: 'unknown' } } },
    ]);
  });

  test('changes and destroys emails when it succeeds, in one Email/set after it', async () => {
    const test = await TestAccount.open();
    const emailId = test.deliver(DRAFT, { mailboxIds: [MAILBOXES.drafts], keywords: ['$draft'] });
    const other = test.deliver(DRAFT);
    const { methodResponses } = await test.request([
      [
        'EmailSubmission/set',
        {
          accountId: ACCOUNT,
          create: {
            a: { identityId: 'own', emailId },
            b: { identityId: 'own', emailId: other },
            c: { identityId: 'x', emailId },
          },
          onSuccessUpdateEmail: {
            '#a': {
              [`mailboxIds/${MAILBOXES.drafts}`]: null,
              [`mailboxIds/${MAILBOXES.sent}`]: true,
              'keywords/$draft': null,
            },
            '#c': { keywords: { never: true } },
          },
          onSuccessDestroyEmail: ['#b'],
        },
        'x',
      ],
    ]);
    expect(methodResponses.map(([name, , id]) => [name, id])).toEqual([
      ['EmailSubmission/set', 'x'],
      ['Email/set', 'x'],
    ]);
    expect(methodResponses[1]?.[1]).toMatchObject({ updated: { [emailId]: null }, destroyed: [other] });
    expect(test.account.email(emailId)).toMatchObject({ mailboxIds: [MAILBOXES.sent], keywords: [] });
    await test.clock.advance(0);
    expect(test.outbox.jobs).toHaveLength(2); // also the one whose email is gone
  });

  test('waits as long as it was told, and can be undone until then', async () => {
    const test = await TestAccount.open();
    const emailId = test.deliver(DRAFT);
    const envelope = { mailFrom: { email: OWN, parameters: { holdfor: '60' } }, rcptTo: [{ email: 'bob@x.example' }] };
    const { created } = await send(test, { emailId, envelope });
    expect(created?.s?.sendAt).toBe('2026-03-01T12:01:00Z');
    const late = await send(test, { emailId, envelope });
    const cancel = (id: unknown) =>
      test.call<Answer>('EmailSubmission/set', { update: { [String(id)]: { undoStatus: 'canceled' } } });
    await test.clock.advance(59_000);
    expect((await cancel(created?.s?.id)).updated).toEqual({ [String(created?.s?.id)]: null });
    await test.clock.advance(2_000);
    expect(test.outbox.jobs.map(({ id }) => id)).toEqual([late.created?.s?.id]);
    expect((await cancel(late.created?.s?.id)).notUpdated).toMatchObject({
      [String(late.created?.s?.id)]: { type: 'cannotUnsend' },
    });
  });

  test('that waits is sent also when its client has destroyed it, and is seen by nobody', async () => {
    const test = await TestAccount.open();
    const emailId = test.deliver(DRAFT);
    const envelope = { mailFrom: { email: OWN, parameters: { holdfor: '60' } }, rcptTo: [{ email: 'bob@x.example' }] };
    const { created } = await send(test, { emailId, envelope });
    const id = String(created?.s?.id);
    const state = test.account.state('EmailSubmission');
    expect((await test.call<Answer>('EmailSubmission/set', { destroy: [id] })).destroyed).toEqual([id]);
    expect(await test.call('EmailSubmission/get', { ids: [id] })).toMatchObject({ list: [], notFound: [id] });
    await test.clock.advance(61_000);
    expect(test.outbox.jobs.map((job) => job.id)).toEqual([id]);
    expect(await test.call('EmailSubmission/changes', { sinceState: state })).toMatchObject({
      created: [],
      updated: [],
      destroyed: [id],
    });
    expect(unsentSubmissions(test.account)).toEqual([]);
  });

  test('goes on until somebody takes the message', async () => {
    const test = await TestAccount.open();
    test.outbox.isAway = true;
    await send(test, { emailId: test.deliver(DRAFT) });
    await test.clock.advance(60_000);
    test.outbox.isAway = false;
    await test.clock.advance(900_000);
    expect(test.outbox.jobs).toHaveLength(1);
  });

  test('goes on after a submitter that failed', async () => {
    const test = await TestAccount.open();
    test.outbox.failures = 1;
    await send(test, { emailId: test.deliver(DRAFT) });
    await test.clock.advance(0);
    expect(test.outbox.jobs).toHaveLength(0);
    await test.clock.advance(900_000);
    expect(test.outbox.jobs).toHaveLength(1);
  });

  test('ends with its account', async () => {
    const test = await TestAccount.open();
    test.outbox.isAway = true;
    await send(test, { emailId: test.deliver(DRAFT) });
    await test.clock.advance(60_000);
    test.store.removeAccount(ACCOUNT);
    test.outbox.isAway = false;
    await test.clock.advance(900_000);
    expect(test.outbox.jobs).toHaveLength(0);
  });

  test.each([
    [DRAFT.replace(/^From.*\n/, ''), {}, { type: 'invalidEmail', properties: ['from'] }],
    [DRAFT.replace(/Date.*\n/, ''), {}, { type: 'invalidEmail', properties: ['sentAt'] }],
    [DRAFT.replace(OWN, 'other@home.example'), {}, { type: 'forbiddenFrom' }],
    [DRAFT.replace(/(To|Cc|Bcc):.*\n/g, ''), {}, { type: 'noRecipients' }],
    [DRAFT.replace('hello\n', 'x'.repeat(100_001)), {}, { type: 'tooLarge', maxSize: 100_000 }],
    [
      DRAFT,
      { envelope: { mailFrom: { email: 'other@x' }, rcptTo: [{ email: 'a@b' }] } },
      { type: 'forbiddenMailFrom' },
    ],
    [DRAFT, { envelope: { mailFrom: { email: OWN }, rcptTo: [] } }, { type: 'noRecipients' }],
    [
      DRAFT,
      { envelope: { mailFrom: { email: OWN }, rcptTo: [{ email: 'a@b' }, { email: 'no' }] } },
      { type: 'invalidRecipients', invalidRecipients: ['no'] },
    ],
    [
      DRAFT,
      { envelope: { mailFrom: { email: OWN }, rcptTo: ['a@b', 'c@b', 'd@b', 'e@b'].map((email) => ({ email })) } },
      { type: 'tooManyRecipients', maxRecipients: 3 },
    ],
    [DRAFT, { identityId: 'nobody' }, { type: 'invalidProperties', properties: ['identityId'] }],
    [DRAFT, { sendAt: '2026-03-01T12:00:00Z' }, { type: 'invalidProperties', properties: ['sendAt'] }],
  ])('refuses what cannot be sent (%#)', async (raw, submission, error) => {
    const test = await TestAccount.open();
    const { notCreated } = await send(test, { emailId: test.deliver(raw), ...submission });
    expect(notCreated?.s).toMatchObject(error);
    await test.clock.advance(0);
    expect(test.outbox.jobs).toEqual([]);
  });

  test('says why nothing can be sent now', async () => {
    const test = await TestAccount.open();
    test.outbox.reason = 'the account is locked';
    const { notCreated } = await send(test, { emailId: test.deliver(DRAFT) });
    expect(notCreated?.s).toMatchObject({ type: 'forbiddenToSend', description: 'the account is locked' });
  });
});

describe('an automatic reply', () => {
  const mail = (from: string, more = '') => `From: ${from}\nTo: ${OWN}\nMessage-ID: <q@x>\nSubject: Hi\n${more}\nhi\n`;

  async function away(journal = new MemoryJournal()): Promise<TestAccount> {
    const test = await TestAccount.open(journal);
    await test.clock.advance(0);
    await test.call('VacationResponse/set', {
      update: {
        singleton: { isEnabled: true, subject: 'Away', textBody: 'Back in May', toDate: '2026-05-01T00:00:00Z' },
      },
    });
    return test;
  }

  test('goes once to each sender in a period, as the answer to their mail', async () => {
    const test = await away();
    test.deliver(mail('bob@x.example'));
    await test.clock.advance(0);
    test.deliver(mail('bob@x.example'));
    test.deliver(mail('carol@x.example'));
    await test.clock.advance(0);
    expect(test.outbox.jobs.map(({ envelope }) => envelope)).toMatchObject([
      { mailFrom: { email: '' }, rcptTo: [{ email: 'bob@x.example' }] },
      { mailFrom: { email: '' }, rcptTo: [{ email: 'carol@x.example' }] },
    ]);
    const text = await sentText(test);
    for (const line of ['Subject: Away', 'In-Reply-To: <q@x>', 'Auto-Submitted: auto-replied', 'Back in May'])
      expect(text).toContain(line);
    await test.clock.advance(7 * 24 * 3_600_000);
    test.deliver(mail('bob@x.example'));
    await test.clock.advance(0);
    expect(test.outbox.jobs).toHaveLength(3);
  });

  test.each([
    mail('bob@x.example', 'Auto-Submitted: auto-generated\n'),
    mail('bob@x.example', 'List-Id: <l.x>\n'),
    mail('bob@x.example', 'Precedence: bulk\n'),
    mail('bob@x.example', 'Return-Path: <>\n'),
    mail('MAILER-DAEMON@x.example'),
    mail(OWN),
    mail('bob@x.example').replace(`To: ${OWN}`, 'To: list@x.example'),
  ])('does not go to machines, lists and oneself (%#)', async (raw) => {
    const test = await away();
    test.deliver(raw);
    await test.clock.advance(0);
    expect(test.outbox.jobs).toEqual([]);
  });

  test('looks at the headers of what came right before a restart', async () => {
    const journal = new MemoryJournal();
    const before = await away(journal);
    before.deliver(mail('carol@x.example'));
    await before.clock.advance(0);
    await before.jmap[Symbol.asyncDispose]();
    before.deliver(mail('list@x.example', 'List-Id: <l.x>\n'));
    before.deliver(mail('bob@x.example'));
    const test = await TestAccount.open(journal);
    await test.clock.advance(0);
    expect(test.outbox.jobs.map(({ envelope }) => envelope.rcptTo[0]?.email)).toEqual(['bob@x.example']);
  });

  test('goes to the first who writes to an account that was added', async () => {
    const test = await away();
    test.addAccount('later');
    await test.clock.advance(0);
    await test.call('VacationResponse/set', { accountId: 'later', update: { singleton: { isEnabled: true } } });
    test.deliver(mail('bob@x.example').replace(OWN, 'later@home.example'), { accountId: 'later' });
    await test.clock.advance(0);
    expect(test.outbox.jobs).toMatchObject([
      { accountId: 'later', envelope: { rcptTo: [{ email: 'bob@x.example' }] } },
    ]);
  });

  test('ends when it was told to', async () => {
    const test = await away();
    test.clock.jumpTo(Date.parse('2026-05-01T00:00:00Z'));
    test.deliver(mail('bob@x.example'));
    await test.clock.advance(0);
    expect(test.outbox.jobs).toEqual([]);
  });

  test('is one object, that is neither made nor destroyed', async () => {
    const test = await away();
    const answer = await test.call<Answer>('VacationResponse/set', {
      create: { k: {} },
      destroy: ['singleton'],
      update: { other: {} },
    });
    expect(answer).toMatchObject({
      notCreated: { k: { type: 'singleton' } },
      notDestroyed: { singleton: { type: 'singleton' } },
      notUpdated: { other: { type: 'notFound' } },
    });
  });
});
