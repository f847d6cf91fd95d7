/** Sending from an IMAP account by its own submission server: never twice, and what became of it is told. */
import { describe, expect, test } from 'vitest';
import { type HttpDialer, utf8 } from '../../src/base/index.ts';
import { SystemClock } from '../../src/base/system/index.ts';
import { unsentSubmissions } from '../../src/jmap/index.ts';
import { HANDOVER_BACKOFF_MIN_MS } from '../../src/jmap/limits.ts';
import { Dovecot, skipsWithoutDovecot } from '../harness/dovecot.ts';
import { FakeFolder, servingFolders } from '../harness/folder-imap.ts';
import { HostileImap } from '../harness/hostile-imap.ts';
import { contentsOf } from '../harness/imap-mail.ts';
import { ImapWorld } from '../harness/imap-world.ts';
import { type SmtpBehaviour, SmtpSink } from '../harness/smtp-sink.ts';
import { until } from '../harness/until.ts';

interface Status {
  readonly smtpReply: string;
  readonly delivered: string;
}

async function setup(behaviour: SmtpBehaviour = {}) {
  const dovecot = await Dovecot.open();
  const sink = await SmtpSink.open(behaviour);
  const world = await ImapWorld.open(dovecot, { user: 'alice', smtp: sink.settings });
  await world.settled();
  return {
    sink,
    world,
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await sink[Symbol.asyncDispose]();
      await dovecot[Symbol.asyncDispose]();
    },
  };
}

/** Writes a draft, sends it, and files it as clients do. Returns the id of the submission. */
async function send(world: ImapWorld, to: readonly string[]): Promise<string> {
  const draft = {
    mailboxIds: { [world.mailboxNamed('Drafts')]: true },
    keywords: { $draft: true },
    subject: 'sent',
    from: [{ email: 'alice@example.org' }],
    to: to.map((email) => ({ email })),
    bcc: [{ email: 'hidden@example.net' }],
    textBody: [{ partId: '1', type: 'text/plain' }],
    bodyValues: { '1': { value: 'words' } },
  };
  const filed = { mailboxIds: { [world.mailboxNamed('Sent')]: true }, 'keywords/$draft': null };
  const [, submitted] = await world.call(
    ['Email/set', { create: { draft } }],
    [
      'EmailSubmission/set',
      { create: { one: { emailId: '#draft', identityId: 'own' } }, onSuccessUpdateEmail: { '#one': filed } },
    ],
  );
  return (submitted as { created: { one: { id: string } } }).created.one.id;
}

async function statusesOf(world: ImapWorld, id: string): Promise<Record<string, Status>> {
  const isDone = (): boolean =>
    world.account.objects.get<{ readonly phase: string }>('EmailSubmission', id)?.phase === 'done';
  await until(isDone);
  return shownOf(world, id);
}

async function shownOf(world: ImapWorld, id: string): Promise<Record<string, Status>> {
  const [answer] = await world.call(['EmailSubmission/get', { ids: [id] }]);
  const { list } = answer as { readonly list: readonly { deliveryStatus: Record<string, Status> }[] };
  return list[0]?.deliveryStatus ?? {};
}

// Dovecot is a program of the machine, which skipsWithoutDovecot tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutDovecot('sending from IMAP accounts'))('mail of an IMAP account', () => {
  test('goes by its submission server without Bcc, and is in Sent at the server', async () => {
    await using setting = await setup({ recipients: { 'nobody@example.net': { code: 550, text: 'no such user' } } });
    const { sink, world } = setting;
    const statuses = await statusesOf(world, await send(world, ['bob@example.net', 'nobody@example.net']));
    expect(statuses['bob@example.net']).toMatchObject({ delivered: 'queued' });
    expect(statuses['nobody@example.net']).toMatchObject({
      delivered: 'no',
      smtpReply: expect.stringContaining('550'),
    });
    expect(sink.taken).toHaveLength(1);
    expect(sink.taken[0]).toContain('words');
    expect(sink.taken[0]).not.toMatch(/^bcc:/im);
    await world.settled();
    const other = await world.other();
    expect(await contentsOf(other)).toEqual({ Sent: ['sent'] });
    await other.logout();
  });

  test('is tried again while the server is busy', async () => {
    await using setting = await setup({ busy: 1 });
    const { sink, world } = setting;
    const id = await send(world, ['bob@example.net']);
    expect((await statusesOf(world, id))['bob@example.net']).toMatchObject({ delivered: 'queued' });
    expect(sink.taken).toHaveLength(1);
  });

  test('goes again to whom the server asks to come again for, and to nobody else', async () => {
    const later = { code: 452, text: 'too many recipients', times: 1 };
    const nobody = { code: 550, text: 'no such user' };
    await using setting = await setup({ recipients: { 'eve@example.net': later, 'nobody@example.net': nobody } });
    const { sink, world } = setting;
    const id = await send(world, ['bob@example.net', 'eve@example.net', 'nobody@example.net']);
    const shown = () =>
      world.account.objects.get<{ readonly deliveryStatus: Record<string, Status> }>('EmailSubmission', id)
        ?.deliveryStatus ?? {};
    await until(() => shown()['eve@example.net']?.smtpReply.startsWith('452') === true);
    expect(shown()).toMatchObject({
      'bob@example.net': { delivered: 'queued' },
      'hidden@example.net': { delivered: 'queued' },
      'eve@example.net': { delivered: 'queued' },
      'nobody@example.net': { delivered: 'no' },
    });
    const statuses = await statusesOf(world, id);
    expect(statuses).toMatchObject({
      'bob@example.net': { delivered: 'queued' },
      'hidden@example.net': { delivered: 'queued' },
      'eve@example.net': { delivered: 'queued', smtpReply: expect.stringMatching(/^250/) },
      'nobody@example.net': { delivered: 'no', smtpReply: expect.stringMatching(/^550/) },
    });
    expect(sink.recipients).toEqual([['bob@example.net', 'hidden@example.net'], ['eve@example.net']]);
  });

  test('is told of each recipient as the server said it, however the domain is spelled', async () => {
    const nobody = { code: 550, text: 'no such user' };
    const recipients = { 'nobody@example.net': nobody, 'nobody@b\u00fccher.example': nobody };
    await using setting = await setup({ recipients });
    const { world } = setting;
    const id = await send(world, ['bob@Example.net', 'nobody@Example.NET', 'nobody@b\u00fccher.example']);
    expect(await statusesOf(world, id)).toMatchObject({
      'bob@Example.net': { delivered: 'queued' },
      'nobody@Example.NET': { delivered: 'no', smtpReply: expect.stringMatching(/^550/) },
      'nobody@b\u00fccher.example': { delivered: 'no', smtpReply: expect.stringMatching(/^550/) },
    });
  });

  test('is not sent again when the answer to it was lost: its status says that nobody knows', async () => {
    await using setting = await setup({ cutAfterData: 1 });
    const { sink, world } = setting;
    const id = await send(world, ['bob@example.net']);
    expect((await statusesOf(world, id))['bob@example.net']).toMatchObject({ delivered: 'unknown' });
    expect(sink.taken).toHaveLength(1);
  });

  test('is not sent twice when its submission is destroyed before the user server is killed at the end of it', async () => {
    await using setting = await setup({ silentAfterData: 1 });
    const { sink, world } = setting;
    const id = await send(world, ['bob@example.net']);
    await until(() => sink.taken.length > 0);
    await world.call(['EmailSubmission/set', { destroy: [id] }]);
    await world.kill();
    await world.start();
    await until(() => unsentSubmissions(world.account).length === 0);
    expect(sink.taken).toHaveLength(1);
  });

  test('is not sent twice when the user server is killed around the end of it', async () => {
    await using setting = await setup({ cutAfterData: 1 });
    const { sink, world } = setting;
    const id = await send(world, ['bob@example.net']);
    await until(() => sink.taken.length > 0);
    await world.kill();
    await world.start();
    const statuses = await statusesOf(world, id);
    expect(statuses['bob@example.net']).toMatchObject({ delivered: 'unknown' });
    expect(sink.taken).toHaveLength(1);
  });
});

/** Whoever waits for another try to send waits for an hour. */
class PatientClock extends SystemClock {
  override sleep(ms: number, signal: AbortSignal): Promise<void> {
    return super.sleep(ms === HANDOVER_BACKOFF_MIN_MS ? 3_600_000 : ms, signal);
  }
}

async function scripted(isGood: (credential: string) => boolean, dialer?: HttpDialer) {
  const folders = new Map(['INBOX', 'Drafts', 'Sent'].map((path, at) => [path, new FakeFolder(at + 1)]));
  const greeting = '* OK [CAPABILITY IMAP4rev1 SASL-IR UIDPLUS MOVE IDLE AUTH=XOAUTH2] ready\r\n';
  const server = await HostileImap.open(servingFolders(folders), greeting);
  const sink = await SmtpSink.open({ isGood });
  const world = await ImapWorld.empty(server, {
    user: 'alice',
    clock: new PatientClock(),
    ...(dialer === undefined ? {} : { dialer }),
  });
  const imap = { host: '127.0.0.1', port: server.imapPort, security: 'none', user: 'alice' };
  return {
    sink,
    world,
    /** Its settings, as somebody gives them. */
    async add(imapSecret: object, smtpSecret: object, more: object = {}): Promise<void> {
      const { host, port, security, user } = sink.settings;
      const smtp = { host, port, security, user, ...smtpSecret };
      const settings = { address: 'alice@example.org', imap: { ...imap, ...imapSecret }, smtp, ...more };
      world.accountId = (await world.accounts.add(settings)).id;
      await world.settled();
    },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await sink[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe('a submission server that does not take the password', () => {
  test('is told when the account is added, and nothing is kept', async () => {
    await using setting = await scripted(() => false);
    const { add, world } = setting;
    const password = { secret: 'secret', auth: 'password' };
    await expect(add(password, password)).rejects.toMatchObject({
      code: 'credential_refused',
      message: expect.stringMatching(/which is to send, does not take this password for alice: 535/),
    });
    const nobody = { ...password, port: 9 };
    await expect(add(password, nobody)).rejects.toMatchObject({ code: 'server_unreachable' });
    expect(world.accounts.status).toEqual([]);
  });

  test('is told where the mail is and where the account is, with what to do; another password sends it at once', async () => {
    let good = 'secret';
    await using setting = await scripted((credential) => credential === good);
    const { add, sink, world } = setting;
    const password = { secret: 'secret', auth: 'password' };
    await add(password, password);
    good = 'changed';
    const id = await send(world, ['bob@example.net']);
    const words = /127\.0\.0\.1 does not take the password for alice.*535 5\.7\.8 not yours.*Add the account once more/;
    await until(() => world.accounts.status[0]?.sendingProblem !== undefined);
    expect(world.accounts.status[0]?.sendingProblem).toMatch(words);
    expect(world.accounts.status[0]?.sendingProblemCode).toBe('credential_refused');
    const smtpReply = expect.stringMatching(words);
    expect((await shownOf(world, id))['bob@example.net']).toMatchObject({ delivered: 'queued', smtpReply });
    await add(password, { secret: 'changed', auth: 'password' });
    expect((await statusesOf(world, id))['bob@example.net']).toMatchObject({
      delivered: 'queued',
      smtpReply: expect.stringMatching(/^250/),
    });
    expect(sink.taken).toHaveLength(1);
    expect(world.accounts.status[0]?.sendingProblem).toBeUndefined();
  });
});

test('a submission server that has gone is told by its code, and in words', async () => {
  await using setting = await scripted(() => true);
  const { add, sink, world } = setting;
  const password = { secret: 'secret', auth: 'password' };
  await add(password, password);
  await sink[Symbol.asyncDispose]();
  await send(world, ['bob@example.net']);
  await until(() => world.accounts.status[0]?.sendingProblem !== undefined);
  expect(world.accounts.status[0]).toMatchObject({
    sendingProblem: expect.stringContaining('ECONNREFUSED'),
    sendingProblemCode: 'server_unreachable',
  });
});

describe('a submission server that does not take a token before its time', () => {
  const refresh = { url: 'https://id.example/token', clientId: 'restante', token: 'refresh' };
  const answering = (answer: (asked: number) => object): HttpDialer => {
    let asked = 0;
    return {
      request: async () => {
        const said = answer(++asked);
        return { status: 'error' in said ? 400 : 200, headers: {}, body: utf8(JSON.stringify(said)) };
      },
    };
  };
  const token = (asked: number) => ({ access_token: `access-${asked}`, expires_in: 3600 });

  test('gets one that is made anew', async () => {
    let good = 'access-1';
    await using setting = await scripted((credential) => credential === good, answering(token));
    const { add, sink, world } = setting;
    await add({ auth: 'oauth2' }, { auth: 'oauth2' }, { refresh });
    good = 'access-2';
    await statusesOf(world, await send(world, ['bob@example.net']));
    expect(sink.taken).toHaveLength(1);
    expect(world.accounts.status[0]?.sendingProblem).toBeUndefined();
  });

  test('is told with what to do when the provider makes none anew', async () => {
    const refused = { error: 'invalid_grant', error_description: 'it was taken back' };
    const dialer = answering((asked) => (asked === 1 ? token(asked) : refused));
    let good = 'access-1';
    await using setting = await scripted((credential) => credential === good, dialer);
    const { add, world } = setting;
    await add({ auth: 'oauth2' }, { auth: 'oauth2' }, { refresh });
    good = '';
    const id = await send(world, ['bob@example.net']);
    const words = /id\.example gives no new token: it was taken back.*Allow this program once more/;
    await until(() => world.accounts.status[0]?.sendingProblem !== undefined);
    expect(world.accounts.status[0]?.sendingProblem).toMatch(words);
    const smtpReply = expect.stringMatching(words);
    expect((await shownOf(world, id))['bob@example.net']).toMatchObject({ delivered: 'queued', smtpReply });
  });
});
