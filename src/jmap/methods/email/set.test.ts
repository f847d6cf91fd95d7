import { describe, expect, test } from 'vitest';
import { ACCOUNT, MAILBOXES, resultOf, TestAccount } from '../../../../test/harness/jmap/test-account.ts';

interface SetResponse {
  readonly oldState: string;
  readonly newState: string;
  readonly created: Record<string, { id: string; blobId: string; threadId: string; size: number }> | null;
  readonly updated: Record<string, unknown> | null;
  readonly destroyed: string[] | null;
  readonly notCreated: Record<string, { type: string; properties?: string[] }> | null;
  readonly notUpdated: Record<string, { type: string; properties?: string[] }> | null;
  readonly notDestroyed: Record<string, { type: string }> | null;
}

const draft = {
  mailboxIds: { [MAILBOXES.drafts]: true },
  keywords: { $draft: true, $Seen: true },
  from: [{ name: 'Älice', email: 'alice@home.example' }],
  to: [{ name: 'Bob, the "builder"', email: 'bob@home.example' }],
  subject: 'Grüße aus der ferne, mit einem sehr langen Betreff, der gefaltet wird, weil er so lang ist',
  'header:X-List:asURLs': ['https://a.example/x'],
  bodyValues: { t: { value: 'Hallo\nWelt – ja' }, h: { value: '<p>Hallo <img src="cid:pic"></p>' } },
  textBody: [{ partId: 't', type: 'text/plain' }],
  htmlBody: [{ partId: 'h', type: 'text/html' }],
};

async function create(test: TestAccount, email: object): Promise<SetResponse> {
  return test.call<SetResponse>('Email/set', { create: { k: email } });
}

describe('creating an email', () => {
  test('writes a message that reads back as what was sent', async () => {
    const test = await TestAccount.open();
    const { created } = await create(test, draft);
    const id = created?.k?.id ?? '';
    const { list } = await test.call<{ list: Record<string, unknown>[] }>('Email/get', {
      ids: [id],
      fetchAllBodyValues: true,
      properties: [
        'from',
        'to',
        'subject',
        'header:x-list:asURLs',
        'bodyValues',
        'textBody',
        'htmlBody',
        'keywords',
        'messageId',
        'sentAt',
        'size',
        'blobId',
        'threadId',
      ],
    });
    expect(list[0]).toMatchObject({
      from: draft.from,
      to: draft.to,
      subject: draft.subject,
      'header:x-list:asURLs': ['https://a.example/x'],
      keywords: { $draft: true, $seen: true },
      messageId: [expect.stringMatching(/^[a-z2-7]+@home\.example$/)],
      sentAt: '2026-03-01T12:00:00Z',
      bodyValues: { 1: { value: 'Hallo\nWelt – ja' }, 2: { value: draft.bodyValues.h.value } },
      textBody: [{ type: 'text/plain', charset: 'utf-8' }],
      htmlBody: [{ type: 'text/html' }],
      ...created?.k,
    });
  });

  test('puts embedded images beside the HTML and attachments beside the body', async () => {
    const test = await TestAccount.open();
    const blob = await test.blobStore.put(
      ACCOUNT,
      (async function* () {
        yield Buffer.from([0, 1, 255]);
      })(),
      new AbortController().signal,
    );
    const attachments = [
      { blobId: blob.id, type: 'image/png', disposition: 'inline', cid: 'pic' },
      { blobId: blob.id, type: 'application/x-thing', name: 'Übersicht.bin', disposition: 'attachment' },
    ];
    const { created } = await create(test, { ...draft, attachments });
    const { list } = await test.call<{ list: { bodyStructure: unknown; attachments: unknown }[] }>('Email/get', {
      ids: [created?.k?.id],
      properties: ['bodyStructure', 'attachments', 'hasAttachment'],
      bodyProperties: ['type', 'name', 'cid', 'size', 'disposition', 'subParts'],
    });
    expect(list[0]?.bodyStructure).toMatchObject({
      type: 'multipart/mixed',
      subParts: [
        {
          type: 'multipart/alternative',
          subParts: [
            { type: 'text/plain' },
            {
              type: 'multipart/related',
              subParts: [{ type: 'text/html' }, { type: 'image/png', cid: 'pic', size: 3 }],
            },
          ],
        },
        { type: 'application/x-thing', name: 'Übersicht.bin', size: 3 },
      ],
    });
  });

  test('says every property that is wrong at once', async () => {
    const test = await TestAccount.open();
    const { notCreated } = await create(test, {
      ...draft,
      mailboxIds: { nowhere: true },
      id: 'x',
      'header:From': ' again',
      'header:Subject:asDate': null,
      'header:Content-Type': 'text/plain',
      textBody: [{ partId: 'missing', type: 'text/plain', charset: 'utf-8' }],
      headers: [],
    });
    expect(notCreated?.k?.type).toBe('invalidProperties');
    expect(notCreated?.k?.properties?.sort()).toEqual(
      [
        'header:Content-Type',
        'header:From',
        'header:Subject:asDate',
        'headers',
        'id',
        'mailboxIds',
        'textBody/charset',
        'textBody/partId',
      ].sort(),
    );
  });

  test('names the blobs that are not there', async () => {
    const test = await TestAccount.open();
    const { notCreated } = await create(test, { ...draft, attachments: [{ blobId: 'nothing', type: 'a/b' }] });
    expect(notCreated?.k).toMatchObject({ type: 'blobNotFound', notFound: ['nothing'] });
  });

  test('refuses line breaks that would make other header fields', async () => {
    const test = await TestAccount.open();
    for (const wrong of [
      { subject: 'a\r\nBcc: eve@x' },
      { 'header:X-A': ' a\r\nBcc: e@x' },
      { from: [{ name: 'a\nb', email: 'x@y' }] },
    ])
      expect((await create(test, { ...draft, ...wrong })).notCreated?.k?.type).toBe('invalidProperties');
  });
});

describe('changing an email', () => {
  test('sets and takes keywords one by one or as a whole, in any case', async () => {
    const test = await TestAccount.open();
    const id = test.deliver('Subject: a\n\nb', { keywords: ['$seen', 'old'] });
    await test.call('Email/set', { update: { [id]: { 'keywords/$Flagged': true, 'keywords/OLD': null } } });
    expect(test.account.email(id)?.keywords).toEqual(['$seen', '$flagged']);
    await test.call('Email/set', { update: { [id]: { keywords: { Work: true } } } });
    expect(test.account.email(id)?.keywords).toEqual(['work']);
  });

  test('moves it, also to a mailbox that the request has made', async () => {
    const test = await TestAccount.open();
    const id = test.deliver('Subject: a\n\nb');
    const { methodResponses } = await test.request([
      ['Mailbox/set', { accountId: ACCOUNT, create: { new: { name: 'New' } } }],
      [
        'Email/set',
        { accountId: ACCOUNT, update: { [id]: { [`mailboxIds/${MAILBOXES.inbox}`]: null, 'mailboxIds/#new': true } } },
      ],
    ]);
    const mailbox = resultOf<SetResponse>(methodResponses[0] as never).created?.new?.id ?? '';
    expect(test.account.email(id)?.mailboxIds).toEqual([mailbox]);
    expect(test.account.counts(mailbox)).toEqual({
      totalEmails: 1,
      unreadEmails: 1,
      totalThreads: 1,
      unreadThreads: 1,
    });
    expect(test.account.counts(MAILBOXES.inbox).totalEmails).toBe(0);
  });

  test('takes what it has sent back, and nothing that never changes', async () => {
    const test = await TestAccount.open();
    const id = test.deliver('Subject: a\n\nb');
    const { list } = await test.call<{ list: object[] }>('Email/get', { ids: [id] });
    const whole = await test.call<SetResponse>('Email/set', { update: { [id]: list[0] } });
    expect(whole.updated).toEqual({ [id]: null });
    const other = await test.call<SetResponse>('Email/set', { update: { [id]: { subject: 'c' } } });
    expect(other.notUpdated?.[id]).toMatchObject({ type: 'invalidProperties', properties: ['subject'] });
  });

  test('keeps what somebody else changes of it while its message is read', async () => {
    const test = await TestAccount.open();
    const id = test.deliver('Subject: a\n\nb');
    const gone = test.deliver('Subject: a\n\nb');
    const { list } = await test.call<{ list: { textBody: unknown }[] }>('Email/get', { ids: [id, gone] });
    const [textBody, ofGone] = list.map((email) => email.textBody);
    const setting = test.call<SetResponse>('Email/set', {
      update: { [id]: { textBody, 'keywords/$seen': true }, [gone]: { textBody: ofGone, 'keywords/$seen': true } },
    });
    test.account.updateEmail(id, { keywords: ['$flagged'], mailboxIds: [MAILBOXES.sent] }, 'agent');
    test.account.removeEmails([gone], 'agent');
    const { updated, notUpdated } = await setting;
    expect(updated).toEqual({ [id]: null });
    expect(notUpdated?.[gone]?.type).toBe('notFound');
    expect(test.account.email(id)).toMatchObject({ keywords: ['$flagged', '$seen'], mailboxIds: [MAILBOXES.sent] });
  });

  test.each([
    [{ 'keywords/a b': true }, 'invalidProperties'],
    [{ keywords: { a: false } }, 'invalidProperties'],
    [{ mailboxIds: {} }, 'invalidProperties'],
    [{ mailboxIds: null }, 'invalidProperties'],
    [{ 'mailboxIds/nowhere': true }, 'invalidProperties'],
    [{ 'keywords/a': true, keywords: {} }, 'invalidPatch'],
    [{ 'nothing/a': true }, 'invalidPatch'],
  ])('refuses %j as %s', async (patch, type) => {
    const test = await TestAccount.open();
    const id = test.deliver('Subject: a\n\nb');
    const { notUpdated } = await test.call<SetResponse>('Email/set', { update: { [id]: patch } });
    expect(notUpdated?.[id]?.type).toBe(type);
  });

  test('tells what is not there, and what is destroyed in the same call', async () => {
    const test = await TestAccount.open();
    const id = test.deliver('Subject: a\n\nb');
    const result = await test.call<SetResponse>('Email/set', {
      update: { [id]: { keywords: {} }, nobody: { keywords: {} } },
      destroy: [id, 'someone'],
    });
    expect(result).toMatchObject({
      updated: null,
      destroyed: [id],
      notUpdated: { [id]: { type: 'willDestroy' }, nobody: { type: 'notFound' } },
      notDestroyed: { someone: { type: 'notFound' } },
    });
  });

  test('does nothing in another state', async () => {
    const test = await TestAccount.open();
    const id = test.deliver('Subject: a\n\nb');
    await expect(test.call('Email/set', { ifInState: 'other', destroy: [id] })).rejects.toThrow('stateMismatch');
    expect(test.account.email(id)).toBeDefined();
  });
});
