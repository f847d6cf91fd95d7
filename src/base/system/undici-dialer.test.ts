import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { fromUtf8, utf8 } from '../bytes.ts';
import { ManualClock } from '../clock.ts';
import { DialError } from '../dial-error.ts';
import type { HttpRequest } from '../http-dialer.ts';
import { UndiciDialer } from './undici-dialer.ts';

const never = new AbortController().signal;
const TIMEOUT_MS = 10_000;

async function setup(listener: RequestListener, allowPrivate = true) {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const clock = new ManualClock(0);
  const names = new Map<string, readonly string[]>([['here.test', ['127.0.0.1']]]);
  const resolved: string[] = [];
  const resolver = {
    resolve: async (name: string) => {
      resolved.push(name);
      return names.get(name) ?? [];
    },
  };
  const dialer = new UndiciDialer({ clock, resolver }, { allowPrivate });
  return {
    clock,
    names,
    resolved,
    port,
    dialer,
    get: (url: string, change: Partial<HttpRequest> = {}, signal = never) =>
      dialer.request(
        { method: 'GET', url, headers: {}, body: undefined, answerBytesMax: 1_000, timeoutMs: TIMEOUT_MS, ...change },
        signal,
      ),
    async [Symbol.asyncDispose]() {
      await dialer[Symbol.asyncDispose]();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => new Error('answered'),
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(DialError);
  return (error as DialError).code;
}

describe('an HTTP dial', () => {
  test('brings the request to the server and its answer back, redirections included', async () => {
    await using web = await setup((request, response) => {
      request.on('data', (chunk: Buffer) => {
        const { method, url, headers } = request;
        response.writeHead(302, { location: 'http://10.0.0.1/', 'x-two': ['a', 'b'] });
        response.end(`${method} ${url} ${headers.host} ${headers['x-mine']} ${chunk.toString()}`);
      });
    });
    const answer = await web.get(`http://here.test:${web.port}/p%20q?x=1`, {
      method: 'PUT',
      headers: { host: 'other.test', 'x-mine': 'm' },
      body: utf8('body'),
    });
    expect(fromUtf8(answer.body)).toBe('PUT /p%20q?x=1 other.test m body');
    expect([answer.status, answer.headers.location, answer.headers['x-two']]).toEqual([
      302,
      'http://10.0.0.1/',
      'a, b',
    ]);
  });

  test('keeps connections for later requests, and asks for no address again', async () => {
    const sockets = new Set<unknown>();
    await using web = await setup((request, response) => {
      sockets.add(request.socket);
      response.end('x');
    });
    for (let asked = 0; asked < 20; asked++) await web.get(`http://here.test:${web.port}/`);
    // A second one opens where a request comes before the first is free again.
    expect(sockets.size).toBeLessThan(3);
    expect(web.resolved).toHaveLength(sockets.size);
  });

  test('refuses private addresses, by name or as they are, and connects to none', async () => {
    let connections = 0;
    await using web = await setup((_request, response) => {
      connections += 1;
      response.end();
    }, false);
    web.names.set('mixed.test', ['10.0.0.1', '192.168.0.1']);
    for (const host of ['here.test', 'mixed.test', '127.0.0.1', '[::1]', '10.0.0.1', '0x7f.1', '2130706433'])
      for (const scheme of ['http', 'https'])
        expect(await codeOf(web.get(`${scheme}://${host}:${web.port}/`))).toBe('address_refused');
    expect(connections).toBe(0);
  });

  test('speaks plain HTTP to this machine only', async () => {
    await using web = await setup((_request, response) => response.end('here'));
    web.names.set('far.test', ['10.0.0.1', '93.184.216.34']);
    for (const host of ['far.test', '10.0.0.1', '93.184.216.34'])
      expect(await codeOf(web.get(`http://${host}:${web.port}/`))).toBe('address_refused');
    web.names.set('both.test', ['10.0.0.1', '127.0.0.1']);
    expect(fromUtf8((await web.get(`http://both.test:${web.port}/`)).body)).toBe('here');
  });

  test('gives an answer up that is larger than asked for, whether it says so or not', async () => {
    await using web = await setup((request, response) => {
      if (request.url === '/said') response.writeHead(200, { 'content-length': 1_001 });
      response.write('x'.repeat(request.url === '/fits' ? 1_000 : 1_001));
      if (request.url !== '/endless') response.end();
    });
    for (const path of ['/said', '/unsaid', '/endless'])
      expect(await codeOf(web.get(`http://here.test:${web.port}${path}`))).toBe('too_large');
    expect((await web.get(`http://here.test:${web.port}/fits`)).body).toHaveLength(1_000);
  });

  test.each(['/never', '/begins'])('ends by its deadline, and by its caller (%s)', async (path) => {
    let asked = 0;
    await using web = await setup((request, response) => {
      asked += 1;
      if (request.url === '/begins') response.write('x');
    });
    const until = async (count: number): Promise<void> => {
      while (asked < count) await new Promise(setImmediate);
    };
    const slow = codeOf(web.get(`http://here.test:${web.port}${path}`));
    await until(1);
    await web.clock.advance(TIMEOUT_MS);
    expect(await slow).toBe('timeout');
    const leaving = new AbortController();
    const left = web.get(`http://here.test:${web.port}${path}`, {}, leaving.signal).catch((error: unknown) => error);
    await until(2);
    leaving.abort(new Error('left'));
    expect(await left).toEqual(new Error('left'));
    expect(web.clock.sleeperCount).toBe(0);
  });

  test('is unreachable where nobody listens, nobody speaks HTTP or TLS, or no name is', async () => {
    await using web = await setup((_request, response) => response.end());
    const mute = createTcpServer((socket) => socket.destroy());
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    for (const url of [`http://here.test:${port}/`, `https://here.test:${web.port}/`, 'http://nowhere.test/'])
      expect(await codeOf(web.get(url))).toBe('unreachable');
    mute.close();
    await once(mute, 'close');
    expect(await codeOf(web.get(`http://here.test:${port}/`))).toBe('unreachable');
  });

  test.each(['ws://here.test/', 'http://user@here.test/', 'http://here.test/#x', 'nonsense', 'file:///etc/passwd'])(
    'takes no URL like %s',
    async (url) => {
      await using web = await setup((_request, response) => response.end());
      expect(await codeOf(web.get(url))).toBe('bad_url');
    },
  );
});
