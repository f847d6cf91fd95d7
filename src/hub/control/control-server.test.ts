/** A control server without user servers: what it refuses, and how it leaves. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json, text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { SeededSecureRandom, SILENT_LOG } from '../../base/index.ts';
import { SodiumSuite, SystemClock } from '../../base/system/index.ts';
import type { ControlServerOptions } from './control-options.ts';
import { ControlServer } from './control-server.ts';
import { connectOperator, OPERATOR_SOCKET } from './operator.ts';

/** Takes a connection and says nothing; refuses more. */
class SilentBroker implements AsyncDisposable {
  readonly asked: Promise<Socket>;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.asked = once(server, 'connection').then(([socket]) => {
      server.on('connection', (more: Socket) => more.destroy());
      return socket as Socket;
    });
  }

  static async open(): Promise<SilentBroker> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new SilentBroker(server);
  }

  get url(): string {
    return `amqp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await once(this.#server.close(), 'close');
  }
}

async function setup(options: Partial<ControlServerOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'hub-'));
  const open = (more: Partial<ControlServerOptions>) =>
    ControlServer.open(
      {
        clock: new SystemClock(),
        random: new SeededSecureRandom(4),
        suite: new SodiumSuite(),
        log: SILENT_LOG,
        homeCheck: { check: () => expect.unreachable(), [Symbol.asyncDispose]: async () => undefined },
      },
      {
        folder,
        usersFolder: join(folder, 'users'),
        program: '/no/user/server',
        socket: { path: join(folder, 'hub.sock'), mode: 0o600 },
        port: { host: '127.0.0.1', port: 0 },
        cache: 'disk',
        idleTimeoutMs: 60_000,
        memoryBytes: 1_000_000,
        allowPrivate: false,
        ...options,
        ...more,
      },
    );
  const hub = await open({});
  const operator = await connectOperator(join(folder, OPERATOR_SOCKET));
  if (operator === undefined) throw new Error('the operator’s socket is not there');
  return {
    ...{ hub, open, operator },
    [Symbol.asyncDispose]: async () => {
      await hub[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

describe('a control server of several', () => {
  test('takes nobody before it knows where people are', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hub-'));
    await using silent = await SilentBroker.open();
    const socket = { path: join(folder, 'hub.sock'), mode: 0o600 };
    const opening = setup({ broker: { url: silent.url, host: '127.0.0.1', usersMax: 1 }, socket });
    const connection = await silent.asked;
    // It listens by now, and a program that knows it does not wait for its broker.
    const request = get({ socketPath: socket.path, path: '/jmap/session', auth: 'alice@home.example:secret' });
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    await once(request, 'finish');
    const [health] = (await once(get({ socketPath: socket.path, path: '/healthz' }), 'response')) as [IncomingMessage];
    expect(await text(health)).toMatch(/broker has not answered yet/);
    connection.destroy();
    const [answer] = await answered;
    expect([answer.statusCode, await json(answer)]).toMatchObject([503, { detail: /broker is away/ }]);
    await using _ = await opening;
    await rm(folder, { recursive: true });
  });
});

describe('a control server is relieved', () => {
  test('not where it is a part of another program', async () => {
    await using world = await setup();
    await expect(world.operator.relieve()).rejects.toMatchObject({ code: 'forbidden', message: /restante up/ });
    expect(world.hub.hasLeft).toBe(false);
  });

  test('not where it shares its users with others', async () => {
    // Nobody is there: a hub starts without its broker, too.
    const broker = { url: 'amqp://127.0.0.1:9', host: '127.0.0.1', usersMax: 1 };
    const relieve = () => expect.unreachable();
    await using world = await setup({ broker, relieve });
    await expect(world.operator.relieve()).rejects.toMatchObject({ code: 'forbidden', message: /drain/ });
  });

  test('by one process at a time, and by another when that one fails', async () => {
    const failing: ((error: Error) => void)[] = [];
    const relieve = () => new Promise<number>((_, reject) => failing.push(reject));
    await using world = await setup({ relieve });
    const { operator } = world.hub;
    for (const text of ['first', 'second']) {
      const relieved = operator.relieve();
      await expect(operator.relieve()).rejects.toMatchObject({ code: 'busy' });
      failing.at(-1)?.(new Error(text));
      await expect(relieved).rejects.toThrow(text);
    }
    expect(failing).toHaveLength(2);
  });

  test('also when it has been drained; its successor listens where it did, and takes people', async () => {
    await using world = await setup();
    const { hub, open, operator } = world;
    const { port } = hub;
    await operator.drain();
    const relief = await hub.leave();
    expect(relief).toMatchObject({ port, userServers: [] });
    await using next = await open({ relief });
    expect([next.port, (await next.operator.status()).isDraining]).toEqual([port, false]);
  });
});
