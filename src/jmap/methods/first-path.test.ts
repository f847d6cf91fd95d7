import { expect, test } from 'vitest';
import { ACCOUNT, MAILBOXES, TestAccount } from '../../../test/harness/jmap/test-account.ts';

const MESSAGE = `From: Alice <alice@home.example>
To: bob@home.example
Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=
Message-ID: <1@x>
Date: Tue, 3 Feb 2026 10:00:00 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8

Hello there
--b
Content-Type: application/pdf; name=a.pdf
Content-Transfer-Encoding: base64

AAEC
--b--
`;

test('a client reads its newest mail in one request', async () => {
  const test = await TestAccount.open();
  test.deliver('Subject: old\n\nold');
  const id = test.deliver(MESSAGE);
  const { methodResponses } = await test.request([
    [
      'Email/query',
      { accountId: ACCOUNT, filter: { inMailbox: MAILBOXES.inbox }, limit: 1, calculateTotal: true },
      'q',
    ],
    [
      'Email/get',
      { accountId: ACCOUNT, '#ids': { resultOf: 'q', name: 'Email/query', path: '/ids' }, fetchTextBodyValues: true },
      'g',
    ],
    ['Mailbox/get', { accountId: ACCOUNT, ids: [MAILBOXES.inbox] }, 'm'],
    ['Thread/get', { accountId: ACCOUNT, '#ids': { resultOf: 'g', name: 'Email/get', path: '/list/*/threadId' } }, 't'],
  ]);
  expect(methodResponses[0]?.[1]).toMatchObject({ ids: [id], total: 2, position: 0 });
  expect(methodResponses[1]?.[1]).toMatchObject({
    list: [
      {
        id,
        subject: 'Grüße',
        from: [{ name: 'Alice', email: 'alice@home.example' }],
        sentAt: '2026-02-03T10:00:00+01:00',
        hasAttachment: true,
        preview: 'Hello there',
        bodyValues: { 1: { value: 'Hello there', isEncodingProblem: false, isTruncated: false } },
        attachments: [{ partId: '2', name: 'a.pdf', size: 3, type: 'application/pdf' }],
      },
    ],
  });
  expect(methodResponses[2]?.[1]).toMatchObject({ list: [{ totalEmails: 2, unreadEmails: 2, totalThreads: 2 }] });
  expect(methodResponses[3]?.[1]).toMatchObject({ list: [{ emailIds: [id] }] });
});
