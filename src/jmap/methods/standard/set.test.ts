/** What RFC 8620, section 5.3, asks of every `/set` alike: a call that is made for another state does nothing. */
import { describe, expect, test } from 'vitest';
import { ACCOUNT, MAILBOXES, START, TestAccount } from '../../../../test/harness/jmap/test-account.ts';
import { UnavailableOctets } from '../../blobs/ports.ts';
import { readMessage } from '../../mime/message-reading.ts';

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

interface Made {
  readonly created: Record<string, { id: string; blobId: string }> | null;
  readonly notCreated: Record<string, { type: string }> | null;
}

const INBOX = { [MAILBOXES.inbox]: true };
const MAIL = `From: <${OWN}>\nTo: <x@y.example>\nDate: Sun, 1 Mar 2026 10:00:00 +0000\nSubject: hello\n\nhello`;

/** An email whose message is a blob. */
async function kept(test: TestAccount, text: string): Promise<{ readonly id: string; readonly blobId: string }> {
  const raw = Buffer.from(text.replaceAll('\n', '\r\n'));
  const octets = (async function* () {
    yield raw;
  })();
  const blobId = (await test.jmap.upload(ACCOUNT, octets, new AbortController().signal))?.id ?? '';
  return { id: test.deliver(raw, { blobId }), blobId };
}

/** From its read of that number on, the blob fails. */
function failReading(test: TestAccount, blobId: string, error: Error, readCount = 0): void {
  const read = test.blobStore.read.bind(test.blobStore);
  let count = 0;
  test.blobStore.read = (account, id, range) => {
    if (id === blobId && ++count > readCount) throw error;
    return read(account, id, range);
  };
}

/** Calls that make an object `a` and then one `b` whose octets are those of another email. */
const MAKING: readonly { name: string; args: (first: string, second: { id: string; blobId: string }) => object }[] = [
  {
    name: 'Email/set',
    args: (_, { blobId }) => ({ create: { a: DRAFT, b: { ...DRAFT, attachments: [{ blobId, type: 'a/b' }] } } }),
  },
  {
    name: 'Email/copy',
    args: (first, { id }) => ({
      fromAccountId: ACCOUNT,
      accountId: 'a2',
      create: { a: { id: first, mailboxIds: INBOX }, b: { id, mailboxIds: INBOX } },
    }),
  },
  {
    name: 'EmailSubmission/set',
    args: (first, { id }) => ({
      create: { a: { emailId: first, identityId: 'own' }, b: { emailId: id, identityId: 'own' } },
    }),
  },
];

describe('a call that makes several objects, of which one cannot be read,', () => {
  test.each(MAKING)('$name, makes the others and says so', async ({ args, name }) => {
    const account = await TestAccount.open();
    account.addAccount('a2');
    const first = account.deliver(MAIL);
    const second = await kept(account, `${MAIL} again`);
    failReading(account, second.blobId, new UnavailableOctets('its server is away'));
    const { created, notCreated } = await account.call<Made>(name, args(first, second));
    expect(Object.keys(created ?? {})).toEqual(['a']);
    expect(notCreated).toMatchObject({ b: { type: 'serverUnavailable', description: 'its server is away' } });
  });

  test.each(MAKING)('$name, says that a part was done where more is wrong', async ({ args, name }) => {
    const account = await TestAccount.open();
    account.addAccount('a2');
    const first = account.deliver(MAIL);
    const second = await kept(account, `${MAIL} again`);
    failReading(account, second.blobId, new Error('the disk cannot be read'));
    await expect(account.call(name, args(first, second))).rejects.toThrow('serverPartialFail');
  });

  test('because it is too large or its message is lost, copies the others', async () => {
    const test = await TestAccount.open();
    test.addAccount('a2');
    const here = test.deliver(MAIL);
    const large = await kept(test, `${MAIL} large`);
    const size = test.blobStore.size.bind(test.blobStore);
    test.blobStore.size = async (account, id) => (id === large.blobId ? 2 ** 40 : size(account, id));
    const raw = Buffer.from(`${MAIL} lost`.replaceAll('\n', '\r\n'));
    const place = { mailboxIds: [MAILBOXES.inbox], keywords: [], receivedAt: START };
    test.account.putEmails([{ id: 'lost', size: raw.length, ...place, ...readMessage(raw) }], 'agent');
    const create = Object.fromEntries(
      Object.entries({ here, large: large.id, lost: 'lost' }).map(([name, id]) => [name, { id, mailboxIds: INBOX }]),
    );
    const { created, notCreated } = await test.call<Made>('Email/copy', {
      fromAccountId: ACCOUNT,
      accountId: 'a2',
      create,
    });
    expect(Object.keys(created ?? {})).toEqual(['here']);
    expect(notCreated).toMatchObject({ large: { type: 'tooLarge' }, lost: { type: 'notFound' } });
  });
});

test('a submission is told where the change of its email, which it implies, fails', async () => {
  const test = await TestAccount.open();
  const { id: emailId, blobId } = await kept(test, MAIL);
  failReading(test, blobId, new Error('the disk cannot be read'), 1);
  const create = { a: { emailId, identityId: 'own' } };
  const onSuccessUpdateEmail = { '#a': { textBody: [] } };
  const { methodResponses } = await test.request([
    ['EmailSubmission/set', { accountId: ACCOUNT, create, onSuccessUpdateEmail }],
  ]);
  expect(methodResponses).toMatchObject([
    ['EmailSubmission/set', { created: { a: {} }, notCreated: null }, 'c0'],
    ['error', { type: 'serverFail' }, 'c0'],
  ]);
});
