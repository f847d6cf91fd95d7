import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { ManualClock } from '../clock.ts';
import { DialError } from '../dial-error.ts';
import { drain, take } from '../frame-socket.contract.ts';
import { SystemClock } from './system.ts';
import { type Resolver, WsDialer } from './ws-dialer.ts';

const FRAME_BYTES_MAX = 1_000;
const never = new AbortController().signal;

class TableResolver implements Resolver {
  readonly asked: string[] = [];
  readonly #answers: Readonly<Record<string, readonly string[]>>;

  constructor(answers: Readonly<Record<string, readonly string[]>>) {
    this.#answers = answers;
  }

  async resolve(name: string): Promise<readonly string[]> {
    this.asked.push(name);
    const answer = this.#answers[name];
    if (answer === undefined) throw new Error(`ENOTFOUND ${name}`);
    return answer;
  }
}

function createDialer(answers: Readonly<Record<string, readonly string[]>> = {}, allowPrivate = true) {
  const resolver = new TableResolver(answers);
  const options = { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: 10_000, allowPrivate };
  return { resolver, dialer: new WsDialer({ clock: new SystemClock(), resolver }, options) };
}

async function dialError(dialer: WsDialer, url: string): Promise<DialError> {
  const outcome = await dialer.dial(url, never).then(
    () => new Error('connected'),
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(DialError);
  return outcome as DialError;
}

/** An echo server; the request that opened each connection is kept. */
async function openEcho() {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  await once(server, 'listening');
  const requests: IncomingMessage[] = [];
  server.on('connection', (socket, request) => {
    requests.push(request);
    socket.on('message', (data) => socket.send(data));
  });
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    async [Symbol.asyncDispose]() {
      for (const client of server.clients) client.terminate();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function listen(server: Server | HttpServer) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  const accepted = once(server, 'connection').then(([socket]) => (socket as Socket).on('error', () => undefined));
  return {
    /** The first connection; a reset of it is part of the test. */
    accepted,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

describe('the dialer', () => {
  test('connects to the address it judged and keeps the name for the Host header', async () => {
    await using echo = await openEcho();
    const { dialer, resolver } = createDialer({ 'node.example': ['127.0.0.1'] });
    const socket = await dialer.dial(`ws://node.example:${echo.port}/path?x=1`, never);
    const reading = take(socket, 1);
    await socket.send(Uint8Array.of(1, 2, 3));
    expect(await reading).toEqual([Uint8Array.of(1, 2, 3)]);
    expect(echo.requests[0]?.headers.host).toBe(`node.example:${echo.port}`);
    expect(echo.requests[0]?.url).toBe('/path?x=1');
    expect(echo.requests[0]?.headers['sec-websocket-extensions']).toBeUndefined();
    expect(resolver.asked).toEqual(['node.example']);
    socket.terminate();
  });

  test('frames that come with the handshake are not lost', async () => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    server.on('connection', (socket) => {
      socket.send(Uint8Array.of(7));
      socket.close(1000);
    });
    const { dialer } = createDialer();
    const socket = await dialer.dial(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, never);
    expect(await drain(socket)).toEqual([Uint8Array.of(7)]);
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  test('a larger frame than asked for ends the connection', async () => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    server.on('connection', (socket) => socket.send(new Uint8Array(FRAME_BYTES_MAX + 1)));
    const { dialer } = createDialer();
    const socket = await dialer.dial(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, never);
    expect(await drain(socket)).toEqual([]);
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  test('goes on to the next address when one refuses', async () => {
    await using echo = await openEcho();
    const { dialer } = createDialer({ 'node.example': ['127.0.0.2', '127.0.0.1'] });
    const socket = await dialer.dial(`ws://node.example:${echo.port}`, never);
    socket.terminate();
  });

  test.each([
    '',
    'node.example',
    'http://node.example',
    'ftp://node.example',
    'ws://',
    'ws://user:pass@node.example',
    'ws://node.example/#part',
    'ws://[::1',
  ])('%j is not a URL to dial', async (url) => {
    expect((await dialError(createDialer().dialer, url)).code).toBe('bad_url');
  });

  test.each([
    'ws://127.0.0.1:9',
    'ws://localhost:9',
    'ws://0x7f.1:9',
    'ws://2130706433:9',
    'ws://0177.0.0.1:9',
    'ws://[::1]:9',
    'ws://[::ffff:127.0.0.1]:9',
    'ws://[fd00::1]:9',
    'wss://10.0.0.1',
    'ws://169.254.169.254',
    'ws://100.64.0.1',
    'ws://two.example',
    'ws://0.0.0.0:9',
  ])('%s is refused where policy forbids private addresses', async (url) => {
    const answers = { localhost: ['::1', '127.0.0.1'], 'two.example': ['192.168.0.1', 'fe80::1%eth0'] };
    const error = await dialError(createDialer(answers, false).dialer, url);
    expect(error.code).toBe('address_refused');
    expect(error.retry).toBe('never');
  });

  test('a resolver that answers nonsense makes us connect nowhere', async () => {
    const { dialer } = createDialer({ 'bad.example': ['not an address', '127.0.0.1:80', ''] });
    expect((await dialError(dialer, 'ws://bad.example')).code).toBe('address_refused');
  });

  test('a signal aborted before the call stops it', async () => {
    const { dialer, resolver } = createDialer({ 'node.example': ['127.0.0.1'] });
    await expect(dialer.dial('ws://node.example:9', AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
    expect(resolver.asked).toEqual([]);
  });

  test('an unknown name, a name without addresses and a closed port are unreachable, later', async () => {
    await using gone = await listen(createServer());
    const { port } = gone;
    await gone[Symbol.asyncDispose]();
    const { dialer } = createDialer({ 'empty.example': [], 'two.example': ['127.0.0.1', '127.0.0.2'] });
    for (const url of [
      'ws://unknown.example',
      'ws://empty.example',
      `ws://127.0.0.1:${port}`,
      `ws://two.example:${port}`,
    ]) {
      const error = await dialError(dialer, url);
      expect(error.code).toBe('unreachable');
      expect(error.retry).toBe('later');
      expect(error.message).toMatch(/no address|ECONNREFUSED/);
    }
  });

  test('a redirect is refused, not followed', async () => {
    await using echo = await openEcho();
    await using server = await listen(
      createHttpServer().on('upgrade', (_request, socket) => {
        socket.end(`HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:${echo.port}/\r\nContent-Length: 0\r\n\r\n`);
      }),
    );
    const error = await dialError(createDialer().dialer, `ws://127.0.0.1:${server.port}`);
    expect(error.code).toBe('unreachable');
    expect(error.message).toContain('302');
    expect(echo.requests).toEqual([]);
  });

  test('an answer that is no WebSocket handshake is unreachable', async () => {
    await using server = await listen(createServer((socket) => socket.end('220 mail.example ESMTP\r\n')));
    expect((await dialError(createDialer().dialer, `ws://127.0.0.1:${server.port}`)).code).toBe('unreachable');
  });

  test('a server that accepts and says nothing times out, and the connection is let go', async () => {
    await using server = await listen(createServer());
    const clock = new ManualClock(0);
    const dialer = new WsDialer(
      { clock, resolver: new TableResolver({}) },
      { frameBytesMax: 1, timeoutMs: 500, allowPrivate: true },
    );
    const failing = dialError(dialer, `ws://127.0.0.1:${server.port}`);
    const socket = await server.accepted;
    const gone = once(socket, 'close');
    await clock.advance(500);
    expect((await failing).code).toBe('timeout');
    socket.resume();
    await gone;
  });

  test('a name that never resolves times out', async () => {
    const clock = new ManualClock(0);
    const resolver: Resolver = { resolve: () => new Promise(() => undefined) };
    const dialer = new WsDialer({ clock, resolver }, { frameBytesMax: 1, timeoutMs: 500, allowPrivate: true });
    const failing = dialError(dialer, 'ws://node.example');
    await clock.advance(500);
    expect((await failing).code).toBe('timeout');
    expect(clock.sleeperCount).toBe(0);
  });

  test('an abort rejects with its own reason and lets the connection go', async () => {
    await using server = await listen(createServer());
    const controller = new AbortController();
    const dialing = createDialer().dialer.dial(`ws://127.0.0.1:${server.port}`, controller.signal);
    const outcome = dialing.catch((error: unknown) => error);
    const socket = await server.accepted;
    const gone = once(socket, 'close');
    const reason = new Error('changed my mind');
    controller.abort(reason);
    expect(await outcome).toBe(reason);
    socket.resume();
    await gone;
  });
});
