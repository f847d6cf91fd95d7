import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { ACCOUNT, CALLER, MAILBOXES, TestAccount } from '../../../test/harness/jmap/test-account.ts';
import { type Log, SILENT_LOG } from '../../base/index.ts';
import { mountJmap } from './mount.ts';

async function setup(permissions = CALLER.permissions, log: Log = SILENT_LOG) {
  const account = await TestAccount.open();
  const fastify = Fastify();
  const caller = { ...CALLER, permissions };
  await mountJmap(
    fastify,
    {
      jmap: account.jmap,
      log,
      callerOf: ({ headers }) => (headers.authorization === 'yes' ? caller : undefined),
    },
    '/jmap',
  );
  fastify.server.on('upgrade', (request, socket, head) => account.jmap.webSocket(request, socket, head, caller));
  await fastify.listen({ host: '127.0.0.1', port: 0 });
  const { port } = fastify.server.address() as AddressInfo;
  const base = `http://127.0.0.1:${port}/jmap`;
  const call = (path: string, init: RequestInit = {}) =>
    fetch(`${base}${path}`, { ...init, headers: { authorization: 'yes', ...init.headers } });
  const close = async () => {
    await account.jmap[Symbol.asyncDispose]();
    await fastify.close();
  };
  return { account, base, call, [Symbol.asyncDispose]: close };
}

const json = { 'content-type': 'application/json' };

describe('requests over HTTP', () => {
  test('the session says what there is, to those who have logged in', async () => {
    await using server = await setup();
    const session = (await (await server.call('/session')).json()) as Record<string, object>;
    expect(session).toMatchObject({
      username: CALLER.username,
      apiUrl: 'https://hub.example/jmap/api',
      accounts: {
        [ACCOUNT]: { isPersonal: true, accountCapabilities: { 'urn:ietf:params:jmap:mail': { maxMailboxDepth: 20 } } },
      },
      primaryAccounts: { 'urn:ietf:params:jmap:mail': ACCOUNT },
    });
    expect((await fetch(`${server.base}/session`)).status).toBe(401);
  });

  test.each([
    ['text', 'notJSON', 'text/plain', '{"using":[],"methodCalls":[]}'],
    ['garbage', 'notJSON', 'application/json', '{'],
    ['a name twice', 'notJSON', 'application/json', '{"using":[],"using":[],"methodCalls":[]}'],
    ['octets that are not UTF-8', 'notJSON', 'application/json', Buffer.from([0x22, 0xff, 0x22])],
    ['half of a surrogate pair', 'notJSON', 'application/json', '{"using":["\\ud800"],"methodCalls":[]}'],
    ['another shape', 'notRequest', 'application/json', '{"using":[],"methodCalls":[["Core/echo",{}]]}'],
    ['no methodCalls', 'notRequest', 'application/json', '{"using":[]}'],
    ['an unknown capability', 'unknownCapability', 'application/json', '{"using":["x"],"methodCalls":[]}'],
    [
      'too many calls',
      'limit',
      'application/json',
      JSON.stringify({ using: [], methodCalls: Array(65).fill(['a', {}, 'b']) }),
    ],
    ['too many octets', 'limit', 'application/json', ' '.repeat(10_000_001)],
  ])('%s is %s', async (_what, type, contentType, body) => {
    await using server = await setup();
    const answer = await server.call('/api', { method: 'POST', headers: { 'content-type': contentType }, body });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(await answer.json()).toMatchObject({ type: `urn:ietf:params:jmap:error:${type}`, status: answer.status });
    expect(answer.status).toBe(400);
  });

  test('answers with the state of the session, and ids that were created when they were given', async () => {
    await using server = await setup();
    const request = {
      using: ['urn:ietf:params:jmap:core'],
      methodCalls: [['Core/echo', { a: 1 }, 'x']],
      createdIds: { k: 'v' },
    };
    const answer = await server.call('/api', { method: 'POST', headers: json, body: JSON.stringify(request) });
    const session = (await (await server.call('/session')).json()) as { state: string };
    expect(await answer.json()).toEqual({
      methodResponses: [['Core/echo', { a: 1 }, 'x']],
      createdIds: { k: 'v' },
      sessionState: session.state,
    });
  });
});

describe('blobs over HTTP', () => {
  test('what was uploaded is downloaded, whole and in ranges', async () => {
    await using server = await setup();
    const upload = await server.call(`/upload/${ACCOUNT}/`, {
      method: 'POST',
      headers: { 'content-type': 'text/x' },
      body: '0123456789',
    });
    expect(upload.status).toBe(201);
    const { blobId, ...rest } = (await upload.json()) as { blobId: string };
    expect(rest).toEqual({ accountId: ACCOUNT, type: 'text/x', size: 10 });
    const path = `/download/${ACCOUNT}/${blobId}/a%20b.txt?accept=text%2Fplain`;
    const whole = await server.call(path);
    expect([await whole.text(), whole.headers.get('content-type')]).toEqual(['0123456789', 'text/plain']);
    expect(whole.headers.get('content-disposition')).toBe("attachment; filename*=utf-8''a%20b.txt");
    for (const [range, status, content, place] of [
      ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
      ['bytes=8-', 206, '89', 'bytes 8-9/10'],
      ['bytes=-3', 206, '789', 'bytes 7-9/10'],
      ['bytes=5-100', 206, '56789', 'bytes 5-9/10'],
      ['bytes=10-', 416, '', 'bytes */10'],
      ['lines=1-2', 200, '0123456789', null],
    ] as const) {
      const part = await server.call(path, { headers: { range } });
      expect([part.status, await part.text(), part.headers.get('content-range')]).toEqual([status, content, place]);
    }
  });

  test('a part of a message is decoded, also in ranges', async () => {
    await using server = await setup();
    const id = server.account.deliver(
      'Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: a/b\nContent-Transfer-Encoding: base64\n\nMDEyMzQ1\nNjc4OQ==\n--b--\n',
    );
    const { list } = await server.account.call<{ list: { attachments: { blobId: string; size: number }[] }[] }>(
      'Email/get',
      { ids: [id] },
    );
    const [attachment] = list[0]?.attachments ?? [];
    expect(attachment?.size).toBe(10);
    const path = `/download/${ACCOUNT}/${attachment?.blobId}/x`;
    expect(await (await server.call(path)).text()).toBe('0123456789');
    const range = await server.call(path, { headers: { range: 'bytes=3-5' } });
    expect([range.status, await range.text()]).toEqual([206, '345']);
  });

  test('what cannot be had now is said, is not kept by anybody, and does not hinder a look at its size', async () => {
    await using server = await setup();
    const { account } = server.account;
    const more = { receivedAt: 0, keywords: [], mailboxIds: [MAILBOXES.inbox], preview: '', text: '' };
    const absent = {
      id: 'absent',
      size: 3_000_000_000,
      headerBlock: Buffer.from('A: b'),
      hasAttachment: false,
      ...more,
    };
    account.putEmails([absent], 'agent');
    const path = `/download/${ACCOUNT}/${account.email('absent')?.blobId}/x.eml`;
    for (const headers of [{}, { range: 'bytes=0-9' }]) {
      const answer = await server.call(path, { headers });
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([503, 'no-store']);
      expect(await answer.json()).toMatchObject({ detail: 'the message of absent is not there' });
    }
    const head = await server.call(path, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '3000000000']);
  });

  test('nothing comes from elsewhere', async () => {
    await using server = await setup();
    for (const path of [
      `/download/${ACCOUNT}/bnothing/x`,
      '/download/other/e1/x',
      `/download/${ACCOUNT}/pb0_9_enobody/x`,
    ])
      expect((await server.call(path)).status).toBe(404);
    expect((await server.call('/upload/other/', { method: 'POST', body: 'x' })).status).toBe(404);
  });

  test('what is too large is read to its end, so that its answer arrives', async () => {
    await using server = await setup();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const post = async (path: string, type: string, pieces: number): Promise<unknown> => {
      const headers = { authorization: 'yes', 'content-type': type, 'content-length': pieces * 1_000_000 };
      const asked = request(`${server.base}${path}`, { method: 'POST', agent, headers });
      const answered = once(asked, 'response');
      const piece = Buffer.alloc(1_000_000, 0x20);
      for (let sent = 0; sent < pieces; sent++) if (!asked.write(piece)) await once(asked, 'drain');
      asked.end();
      const [answer] = (await answered) as [IncomingMessage];
      return JSON.parse(Buffer.concat(await answer.toArray()).toString());
    };
    const type = 'urn:ietf:params:jmap:error:limit';
    expect(await post('/api', 'application/json', 30)).toMatchObject({ type, limit: 'maxSizeRequest' });
    expect(await post(`/upload/${ACCOUNT}/`, 'a/b', 120)).toMatchObject({ type, limit: 'maxSizeUpload' });
    expect(await post(`/upload/${ACCOUNT}/`, 'a/b', 1)).toMatchObject({ size: 1_000_000 });
    agent.destroy();
  });

  test('whoever goes away in the middle is no failure', async () => {
    const errors: unknown[] = [];
    let log: Log = SILENT_LOG;
    const givenUp = new Promise<void>((resolve) => {
      const debug = (): void => resolve();
      log = { ...SILENT_LOG, debug, error: (fields) => void errors.push(fields) };
    });
    await using server = await setup(undefined, log);
    const headers = { authorization: 'yes', 'content-length': 1_000_000 };
    const asked = request(`${server.base}/upload/${ACCOUNT}/`, { method: 'POST', headers });
    asked.on('error', () => undefined); // it is cut here
    await new Promise<void>((resolve) => asked.write(Buffer.alloc(100_000), () => resolve()));
    asked.destroy();
    await givenUp;
    expect(errors).toEqual([]);
  });

  test('a login that may only read uploads nothing', async () => {
    await using server = await setup(new Set(['read'] as const));
    expect((await server.call(`/upload/${ACCOUNT}/`, { method: 'POST', body: 'x' })).status).toBe(403);
  });
});

describe('the event source', () => {
  test('tells what changed, of the types that were asked for, and ends when it was asked to', async () => {
    await using server = await setup();
    const answer = await server.call('/eventsource?types=Email,Thread&closeafter=state&ping=0');
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    server.account.deliver('Subject: a\n\nb');
    const text = await answer.text();
    const data = /^data: (.*)$/m.exec(text)?.[1] ?? '';
    expect(JSON.parse(data)).toEqual({
      '@type': 'StateChange',
      changed: {
        [ACCOUNT]: { Email: server.account.account.state('Email'), Thread: server.account.account.state('Thread') },
      },
    });
  });

  test('tells whoever comes back what they have missed', async () => {
    await using server = await setup();
    const first = await server.call('/eventsource?types=*&closeafter=state&ping=0');
    server.account.deliver('Subject: a\n\nb');
    const id = /^id: (.*)$/m.exec(await first.text())?.[1] ?? '';
    server.account.account.updateEmail('m1', { keywords: ['$flagged'] }, 'agent');
    const again = await server.call('/eventsource?types=*&closeafter=state&ping=0', {
      headers: { 'last-event-id': id },
    });
    const data = /^data: (.*)$/m.exec(await again.text())?.[1] ?? '';
    expect(JSON.parse(data).changed).toEqual({ [ACCOUNT]: { Email: server.account.account.state('Email') } });
  });

  test('pings after silence, and says how often', async () => {
    await using server = await setup();
    const { body } = await server.call('/eventsource?types=*&closeafter=no&ping=1');
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await server.account.clock.advance(30_000);
    const { value } = await reader.read();
    expect(Buffer.from(value ?? []).toString()).toBe('event: ping\ndata: {"interval":30}\n\n');
    await reader.cancel();
  });

  test.each([
    'types=*&closeafter=no',
    'types=&closeafter=no&ping=0',
    'types=*&closeafter=x&ping=0',
    'types=*&closeafter=no&ping=-1',
  ])('refuses %s', async (query) => {
    await using server = await setup();
    expect((await server.call(`/eventsource?${query}`)).status).toBe(400);
  });
});

describe('the WebSocket', () => {
  async function connect(base: string) {
    const socket = new WebSocket(`${base.replace('http', 'ws')}/ws`, 'jmap');
    await once(socket, 'open');
    const next = async (): Promise<Record<string, unknown>> => {
      const [data] = await once(socket, 'message');
      return JSON.parse(String(data));
    };
    return { socket, next, send: (message: object) => socket.send(JSON.stringify(message)) };
  }

  test('answers requests and tells what is wrong with them', async () => {
    await using server = await setup();
    const { socket, next, send } = await connect(server.base);
    send({
      '@type': 'Request',
      id: 'r1',
      using: ['urn:ietf:params:jmap:core'],
      methodCalls: [['Core/echo', { a: 1 }, 'x']],
    });
    expect(await next()).toMatchObject({
      '@type': 'Response',
      requestId: 'r1',
      methodResponses: [['Core/echo', { a: 1 }, 'x']],
    });
    send({ '@type': 'Request', id: 'r2', using: ['x'], methodCalls: [] });
    expect(await next()).toMatchObject({
      '@type': 'RequestError',
      requestId: 'r2',
      type: 'urn:ietf:params:jmap:error:unknownCapability',
    });
    socket.send('{');
    expect(await next()).toMatchObject({
      '@type': 'RequestError',
      requestId: null,
      type: 'urn:ietf:params:jmap:error:notJSON',
    });
    socket.send(Buffer.from('{}'));
    expect((await once(socket, 'close'))[0]).toBe(1003);
  });

  test('pushes when it is asked to, from the state that the client knows', async () => {
    await using server = await setup();
    const { socket, next, send } = await connect(server.base);
    send({ '@type': 'WebSocketPushEnable', dataTypes: ['Email'] });
    send({ '@type': 'Request', id: 'r', using: [], methodCalls: [] });
    await next();
    const id = server.account.deliver('Subject: a\n\nb');
    const first = await next();
    expect(first).toMatchObject({
      '@type': 'StateChange',
      changed: { [ACCOUNT]: { Email: server.account.account.state('Email') } },
    });
    socket.close();
    await once(socket, 'close');
    server.account.account.updateEmail(id, { mailboxIds: [MAILBOXES.trash] }, 'agent');
    const again = await connect(server.base);
    again.send({ '@type': 'WebSocketPushEnable', dataTypes: null, pushState: first.pushState });
    const missed = (await again.next()) as { changed: Record<string, Record<string, string>> };
    expect(Object.keys(missed.changed[ACCOUNT] ?? {}).sort()).toEqual(['Email', 'Mailbox']);
    again.socket.close();
  });
});
