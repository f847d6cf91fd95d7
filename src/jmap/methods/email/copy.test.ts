import { describe, expect, test } from 'vitest';
import { ACCOUNT, MAILBOXES, TestAccount } from '../../../../test/harness/jmap/test-account.ts';
import { ALL_RIGHTS } from '../../store/records.ts';

interface Made {
  readonly created: Record<string, { id: string; blobId: string; threadId: string; size: number }> | null;
  readonly notCreated: Record<string, { type: string; properties?: string[] }> | null;
}

const RAW = 'Received: from a by b; Sun, 1 Feb 2026 10:00:00 +0100\nSubject: hello\n\nhello';
const INBOX = { [MAILBOXES.inbox]: true };

async function uploaded(test: TestAccount, text: string): Promise<string> {
  const bytes = (async function* () {
    yield Buffer.from(text);
  })();
  return (await test.jmap.upload(ACCOUNT, bytes, new AbortController().signal))?.id ?? '';
}

describe('Email/import', () => {
  test('makes an email of a blob, received when its newest Received field says', async () => {
    const test = await TestAccount.open();
    const blobId = await uploaded(test, RAW);
    const { created } = await test.call<Made>('Email/import', {
      emails: { k: { blobId, mailboxIds: INBOX, keywords: { $Seen: true } } },
    });
    expect(created?.k).toMatchObject({ blobId, size: RAW.length });
    expect(test.account.email(created?.k?.id ?? '')).toMatchObject({
      keywords: ['$seen'],
      receivedAt: Date.parse('2026-02-01T09:00:00Z'),
    });
    const again = await test.call<Made>('Email/import', {
      emails: { k: { blobId, mailboxIds: INBOX, receivedAt: '2026-01-01T00:00:00Z' } },
    });
    expect(again.created?.k?.id).not.toBe(created?.k?.id);
    expect(test.account.email(again.created?.k?.id ?? '')?.receivedAt).toBe(Date.parse('2026-01-01T00:00:00Z'));
  });

  test.each([
    [{ mailboxIds: INBOX }, { type: 'invalidProperties', properties: ['blobId'] }],
    [
      { blobId: 'nothing', mailboxIds: INBOX },
      { type: 'invalidProperties', properties: ['blobId'] },
    ],
    [{ mailboxIds: {} }, { type: 'invalidProperties', properties: ['mailboxIds'] }],
    [
      { mailboxIds: INBOX, keywords: { 'a b': true } },
      { type: 'invalidProperties', properties: ['keywords'] },
    ],
    [
      { mailboxIds: INBOX, receivedAt: 'now' },
      { type: 'invalidProperties', properties: ['receivedAt'] },
    ],
    [
      { mailboxIds: INBOX, subject: 'x' },
      { type: 'invalidProperties', properties: ['subject'] },
    ],
  ])('refuses %j', async (email, error) => {
    const test = await TestAccount.open();
    const blobId = await uploaded(test, RAW);
    const given = Object.hasOwn(error.properties, 0) && error.properties[0] !== 'blobId' ? { blobId, ...email } : email;
    const { notCreated } = await test.call<Made>('Email/import', { emails: { k: given } });
    expect(notCreated?.k).toMatchObject(error);
  });

  test('of a mailbox that is destroyed meanwhile is refused by itself', async () => {
    const test = await TestAccount.open();
    const plain = { parentId: null, role: null, sortOrder: 0, isSubscribed: true, rights: ALL_RIGHTS };
    test.account.putMailbox({ ...plain, id: 'going', name: 'going' }, 'agent');
    const blobId = await uploaded(test, RAW.replaceAll('\n', '\r\n'));
    const size = test.blobStore.size.bind(test.blobStore);
    test.blobStore.size = async (...given) => {
      test.account.removeMailbox('going', 'client');
      return size(...given);
    };
    const emails = { gone: { blobId, mailboxIds: { going: true } }, here: { blobId, mailboxIds: INBOX } };
    const { created, notCreated } = await test.call<Made>('Email/import', { emails });
    expect(Object.keys(created ?? {})).toEqual(['here']);
    expect(notCreated).toMatchObject({ gone: { type: 'invalidProperties', properties: ['mailboxIds'] } });
  });

  test('refuses what is no message, and everything in another state', async () => {
    const test = await TestAccount.open();
    const blobId = await uploaded(test, '\0\0\0');
    const { notCreated } = await test.call<Made>('Email/import', { emails: { k: { blobId, mailboxIds: INBOX } } });
    expect(notCreated?.k?.type).toBe('invalidEmail');
    await expect(test.call('Email/import', { ifInState: 'x', emails: {} })).rejects.toThrow('stateMismatch');
  });
});

describe('Email/copy', () => {
  test('puts a message into another account, and destroys the original when told to', async () => {
    const test = await TestAccount.open();
    const other = test.addAccount('a2');
    const id = test.deliver(RAW, { keywords: ['$flagged'] });
    const { methodResponses } = await test.request([
      [
        'Email/copy',
        {
          fromAccountId: ACCOUNT,
          accountId: 'a2',
          create: { k: { id, mailboxIds: INBOX } },
          onSuccessDestroyOriginal: true,
        },
        'c',
      ],
    ]);
    expect(methodResponses.map(([name, args, call]) => [name, args.accountId, call])).toEqual([
      ['Email/copy', 'a2', 'c'],
      ['Email/set', ACCOUNT, 'c'],
    ]);
    const [copy] = [...other.emailIds()].map((one) => other.email(one));
    expect(copy).toMatchObject({ keywords: ['$flagged'], envelope: { subject: 'hello' } });
    expect(test.account.email(id)).toBeUndefined();
  });

  test('refuses the same account, unknown ones, and other states', async () => {
    const test = await TestAccount.open();
    test.addAccount('a2');
    const copy = (args: object) => test.call('Email/copy', { fromAccountId: 'a2', create: {}, ...args });
    await expect(copy({ fromAccountId: ACCOUNT })).rejects.toThrow('invalidArguments');
    await expect(copy({ fromAccountId: 'nobody' })).rejects.toThrow('fromAccountNotFound');
    await expect(copy({ ifFromInState: 'x' })).rejects.toThrow('stateMismatch');
    const { notCreated } = await test.call<Made>('Email/copy', {
      fromAccountId: 'a2',
      create: { k: { id: 'x', mailboxIds: INBOX } },
    });
    expect(notCreated?.k?.type).toBe('notFound');
  });
});

describe('Email/parse', () => {
  test('reads attached messages, and says what is none', async () => {
    const test = await TestAccount.open();
    const id = test.deliver(
      'Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nFrom: x@y\nSubject: inner\n\ninside\n--b--\n',
    );
    const { list } = await test.call<{ list: { attachments: { blobId: string }[] }[] }>('Email/get', { ids: [id] });
    const inner = list[0]?.attachments[0]?.blobId ?? '';
    const no = await uploaded(test, '\0');
    const parsed = await test.call('Email/parse', {
      blobIds: [inner, no, 'x'],
      properties: ['id', 'threadId', 'subject', 'from', 'bodyValues', 'preview', 'receivedAt'],
      fetchTextBodyValues: true,
    });
    expect(parsed).toEqual({
      accountId: ACCOUNT,
      parsed: {
        [inner]: {
          id: null,
          threadId: null,
          receivedAt: null,
          subject: 'inner',
          from: [{ name: null, email: 'x@y' }],
          preview: 'inside',
          bodyValues: { 1: { value: 'inside', isEncodingProblem: false, isTruncated: false } },
        },
      },
      notParsable: [no],
      notFound: ['x'],
    });
  });
});

describe('blobs', () => {
  test('are made of pieces, shown in ranges, with digests, and found where they are used', async () => {
    const test = await TestAccount.open();
    const first = await uploaded(test, '0123456789');
    const { created } = await test.call<{ created: Record<string, { id: string; size: number; type: string }> }>(
      'Blob/upload',
      {
        create: {
          k: {
            data: [{ 'data:asText': 'ä' }, { 'data:asBase64': 'AAE=' }, { blobId: first, offset: 3, length: 2 }],
            type: 'a/b',
          },
        },
      },
    );
    expect(created.k).toMatchObject({ size: 6, type: 'a/b' });
    const shown = await test.call('Blob/get', {
      ids: [first, created.k?.id, 'x'],
      properties: ['data', 'size', 'digest:sha'],
      offset: 1,
      length: 20,
    });
    expect(shown).toMatchObject({
      list: [
        {
          id: first,
          'data:asText': '123456789',
          size: 10,
          isTruncated: true,
          'digest:sha': expect.stringMatching(/=$/),
        },
        { id: created.k?.id, 'data:asBase64': 'pAABMzQ=', isEncodingProblem: true },
      ],
      notFound: ['x'],
    });
    const id = test.deliver(RAW);
    const { blobId, threadId } = test.account.email(id) ?? {};
    expect(
      await test.call('Blob/lookup', { typeNames: ['Email', 'Thread', 'Mailbox'], ids: [blobId, first] }),
    ).toMatchObject({
      list: [
        { id: blobId, matchedIds: { Email: [id], Thread: [threadId], Mailbox: [MAILBOXES.inbox] } },
        { id: first, matchedIds: { Email: [], Thread: [], Mailbox: [] } },
      ],
    });
    await expect(test.call('Blob/lookup', { typeNames: ['Song'], ids: [] })).rejects.toThrow('unknownDataType');
  });

  test('go to another account only by copying', async () => {
    const test = await TestAccount.open();
    test.addAccount('a2');
    const blobId = await uploaded(test, 'x');
    expect(await test.jmap.download('a2', blobId)).toBeUndefined();
    expect(
      await test.call('Blob/copy', { fromAccountId: ACCOUNT, accountId: 'a2', blobIds: [blobId, 'nothing'] }),
    ).toMatchObject({
      copied: { [blobId]: blobId },
      notCopied: { nothing: { type: 'notFound' } },
    });
    expect(await test.jmap.download('a2', blobId)).toBeDefined();
  });
});
