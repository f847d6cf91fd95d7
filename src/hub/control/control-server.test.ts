/** A control server without user servers: what it refuses, and how it leaves. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SeededSecureRandom, SILENT_LOG } from '../../base/index.ts';
import { SodiumSuite, SystemClock } from '../../base/system/index.ts';
import type { ControlServerOptions } from './control-options.ts';
import { ControlServer } from './control-server.ts';
import { connectOperator, OPERATOR_SOCKET } from './operator.ts';

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
