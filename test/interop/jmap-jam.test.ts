/** A JMAP client of others, with its own types, reads and writes mail here over HTTP: discovery, drafts, search, sending. */
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import JamClient from 'jmap-jam';
import { expect, test } from 'vitest';
import { SILENT_LOG } from '../../src/base/index.ts';
import { mountJmap } from '../../src/jmap/index.ts';
import { ACCOUNT, CALLER, MAILBOXES, TestAccount } from '../harness/jmap/test-account.ts';

async function setup() {
  const account = await TestAccount.open();
  const fastify = Fastify();
  const callerOf = async ({ headers }: { headers: Record<string, unknown> }) => {
    const { port } = fastify.server.address() as AddressInfo;
    return headers.authorization === 'Bearer token'
      ? { ...CALLER, baseUrl: `http://127.0.0.1:${port}/jmap` }
      : undefined;
  };
  await mountJmap(fastify, { jmap: account.jmap, log: SILENT_LOG, callerOf }, '/jmap');
  await fastify.listen({ host: '127.0.0.1', port: 0 });
  const { port } = fastify.server.address() as AddressInfo;
  const jam = new JamClient({ sessionUrl: `http://127.0.0.1:${port}/jmap/session`, bearerToken: 'token' });
  const close = async () => {
    await account.jmap[Symbol.asyncDispose]();
    await fastify.close();
  };
  return { account, jam, [Symbol.asyncDispose]: close };
}

test('jmap-jam drives a session', async () => {
  await using world = await setup();
  const { account, jam } = world;
  account.deliver('From: bob@x.example\nTo: me@x\nSubject: lunch today\n\nHow about soup?');
  const accountId = await jam.getPrimaryAccount();
  expect(accountId).toBe(ACCOUNT);

  const [found] = await jam.requestMany((t) => {
    const ids = t.Email.query({ accountId, filter: { inMailbox: MAILBOXES.inbox, text: 'soup' } });
    const emails = t.Email.get({ accountId, ids: ids.$ref('/ids'), properties: ['id', 'subject', 'from', 'preview'] });
    return { ids, emails };
  });
  expect(found.emails.list).toMatchObject([
    { subject: 'lunch today', from: [{ email: 'bob@x.example' }], preview: 'How about soup?' },
  ]);

  const blob = await jam.uploadBlob(accountId, 'attached octets');
  const [draft] = await jam.api.Email.set({
    accountId,
    create: {
      d: {
        mailboxIds: { [MAILBOXES.drafts]: true },
        keywords: { $draft: true },
        from: [{ name: 'Me', email: `${ACCOUNT}@home.example` }],
        to: [{ name: null, email: 'bob@x.example' }],
        subject: 'Re: lunch today',
        bodyValues: { t: { value: 'Yes!' } },
        textBody: [{ partId: 't', type: 'text/plain' }],
        attachments: [{ blobId: blob.blobId, type: 'text/x-menu', name: 'menu.txt', disposition: 'attachment' }],
      },
    },
  });
  const emailId = draft.created?.d?.id ?? '';
  const [read] = await jam.api.Email.get({ accountId, ids: [emailId], properties: ['attachments', 'subject'] });
  const [attachment] = read.list[0]?.attachments ?? [];
  const download = await jam.downloadBlob({
    accountId,
    blobId: attachment?.blobId ?? '',
    mimeType: 'text/plain',
    fileName: 'menu.txt',
  });
  expect(await download.text()).toBe('attached octets');

  const [sent] = await jam.api.EmailSubmission.set({
    accountId,
    create: { s: { identityId: 'own', emailId } },
  });
  expect(Object.keys(sent.created ?? {})).toEqual(['s']);
  await account.clock.advance(0);
  expect(account.outbox.jobs).toMatchObject([{ envelope: { rcptTo: [{ email: 'bob@x.example' }] } }]);

  const [mailboxes] = await jam.api.Mailbox.get({ accountId, ids: [MAILBOXES.drafts] });
  expect(mailboxes.list).toMatchObject([{ totalEmails: 1, role: 'drafts' }]);
  const [changes] = await jam.api.Email.changes({ accountId, sinceState: read.state });
  expect(changes).toMatchObject({ created: [], updated: [], hasMoreChanges: false });
});
