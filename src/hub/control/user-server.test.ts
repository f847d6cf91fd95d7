import { describe, expect, test, vi } from 'vitest';
import { ManualClock, SeededSecureRandom, SILENT_LOG } from '../../base/index.ts';
import { SodiumSuite } from '../../base/system/index.ts';
import { parseAddress } from '../../protocol/index.ts';
import { LocalBus } from '../bus/local-bus.ts';
import { Component } from '../component/component.ts';
import { createInstanceId, createSessionId, type InstanceId } from '../component/ids.ts';
import { createComponentKeys, publicKeysOf } from '../component/keys.ts';
import { parseLaunch } from '../component/launch.ts';
import { HubError } from '../hub-error.ts';
import { Gate } from './gate.ts';
import { OPEN_ATTEMPTS_MAX, RELIEVE_TIMEOUT_MS, RESTART_FIRST_MS, STOP_TIMEOUT_MS } from './limits.ts';
import type { Child } from './spawner.ts';
import { UserServer } from './user-server.ts';
import type { Running } from './user-server-options.ts';

const suite = new SodiumSuite();
const random = new SeededSecureRandom(7);
const alice = parseAddress('alice@home.example');
const signal = new AbortController().signal;
const session = { id: createSessionId(random), scopes: ['read'] } as const;
const ended = () => new HubError('absent', 'the user server ended meanwhile', { retry: 'now' });

interface Started {
  readonly instance: InstanceId;
  readonly sessions: string[];
  readonly component: Component;
  /** As when it is killed: the system says so when this is called, and no sooner. */
  readonly exit: (how: string) => void;
}

/** A user server's driver with processes that are components of this one. */
async function setup() {
  const clock = new ManualClock(0);
  const bus = new LocalBus(() => undefined);
  const self = { instance: createInstanceId(random), keys: createComponentKeys(suite, random) };
  const control = await Component.open({ clock, suite, log: SILENT_LOG, bus }, self);
  const started: Started[] = [];
  const begin = async (message: Uint8Array, exit: Started['exit']): Promise<void> => {
    const launch = parseLaunch(suite, message);
    const component = await Component.open({ clock, suite, log: SILENT_LOG, bus }, launch);
    component.correspondence.meet(launch.control);
    const sessions: string[] = [];
    component.handle('session.open', async (_, about) => {
      sessions.push(about.session ?? '');
      return {};
    });
    started.push({ instance: launch.instance, sessions, component, exit });
    await component.tell(self.instance, 'ready', {}, { user: alice });
  };
  let killed = 0;
  const spawn = (message: Uint8Array): Child => {
    let exit: Started['exit'] = () => undefined;
    const exited = new Promise<string>((resolve) => {
      exit = resolve;
    });
    void begin(message, exit);
    const kill = (): void => {
      killed++;
      exit('SIGKILL');
    };
    return { pid: 0, exited, kill };
  };
  const server = new UserServer(
    {
      clock,
      suite,
      random,
      log: SILENT_LOG,
      component: control,
      spawner: { spawn, [Symbol.asyncDispose]: async () => undefined },
      starts: new Gate(1),
      claim: async () => ({
        fence: 1,
        lost: new AbortController().signal,
        [Symbol.asyncDispose]: async () => undefined,
      }),
      onStopped: () => undefined,
    },
    {
      user: alice,
      idleTimeoutMs: 60_000,
      launch: {
        component: 'user-server',
        user: alice,
        control: { instance: self.instance, keys: publicKeysOf(self.keys) },
        busPath: '/run/bus.sock',
        hostFolder: '/srv/hub',
        socketPath: '/run/alice.sock',
        folder: '/users/alice',
        cache: 'memory',
        allowPrivate: false,
        limits: { memoryBytes: 1_000_000, agentTimeoutMs: 1_000 },
      },
    },
  );
  control.hear('ready', (_, { instance }) => server.isReady(instance));
  return {
    clock,
    server,
    started,
    get killed(): number {
      return killed;
    },
    /** Over the rest after a crash. */
    rest: async () => {
      await clock.advance(RESTART_FIRST_MS * 2 ** OPEN_ATTEMPTS_MAX);
      server.tick();
    },
    [Symbol.asyncDispose]: async () => {
      for (const { exit } of started) exit('0');
      await server[Symbol.asyncDispose]();
      await control[Symbol.asyncDispose]();
      await bus[Symbol.asyncDispose]();
    },
  };
}

describe('a user server that ends while a session is opened', () => {
  test('is not asked again before it is seen to end; the process that follows is, and knows the session', async () => {
    await using world = await setup();
    const asked: InstanceId[] = [];
    const act = async ({ instance }: Running): Promise<string> => {
      asked.push(instance);
      if (asked.length === 1) throw ended();
      return 'opened';
    };
    const opening = world.server.reach(session, act, signal);
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    await world.clock.advance(STOP_TIMEOUT_MS / 2);
    expect([asked.length, world.started.length]).toEqual([1, 1]);
    world.started[0]?.exit('SIGKILL');
    await vi.waitFor(() => expect(world.server.status.phase).toBe('resting'));
    await world.rest();
    await expect(opening).resolves.toBe('opened');
    expect(asked).toEqual(world.started.map(({ instance }) => instance));
    expect(world.started.map(({ sessions }) => sessions)).toEqual([[session.id], [session.id]]);
  });

  test('is given up when processes end again and again', async () => {
    await using world = await setup();
    let count = 0;
    const act = async (): Promise<never> => {
      world.started[count++]?.exit('9');
      throw ended();
    };
    const opening = world.server.reach(session, act, signal);
    opening.catch(() => undefined);
    for (let crashes = 1; crashes < OPEN_ATTEMPTS_MAX; crashes++) {
      await vi.waitFor(() => expect(world.server.status).toMatchObject({ phase: 'resting', failures: crashes }));
      await world.rest();
    }
    await expect(opening).rejects.toMatchObject({ code: 'absent', retry: 'now' });
    expect(count).toBe(OPEN_ATTEMPTS_MAX);
  });

  test('is given up when it neither answers nor ends', async () => {
    await using world = await setup();
    let count = 0;
    const act = async (): Promise<never> => {
      count++;
      throw ended();
    };
    const opening = world.server.reach(session, act, signal);
    opening.catch(() => undefined);
    await vi.waitFor(() => expect(count).toBe(1));
    await world.clock.advance(STOP_TIMEOUT_MS);
    await expect(opening).rejects.toMatchObject({ code: 'absent' });
    expect([count, world.started.length]).toEqual([1, 1]);
  });

  test('is asked once for what fails otherwise', async () => {
    await using world = await setup();
    let count = 0;
    const act = async (): Promise<never> => {
      count++;
      throw new HubError('failed', 'no session object: 500');
    };
    await expect(world.server.reach(session, act, signal)).rejects.toMatchObject({ code: 'failed' });
    expect(count).toBe(1);
  });
});

describe('a user server whose control server is relieved', () => {
  test('is left with its process, which goes on', async () => {
    await using world = await setup();
    await world.server.want(signal);
    const started = world.started[0] as Started;
    started.component.handle('relieve', async () => ({}));
    const left = await world.server.leave(signal);
    expect(left).toEqual({ user: alice, instance: started.instance, pid: 0, bornAt: null, fence: 1, failures: 0 });
    expect(world.killed).toBe(0);
    await expect(world.server.want(signal)).rejects.toMatchObject({ code: 'closed' });
  });

  test('is ended when it does not answer in time: nobody could speak with it', async () => {
    await using world = await setup();
    await world.server.want(signal);
    world.started[0]?.component.handle('relieve', () => new Promise(() => undefined));
    const leaving = world.server.leave(signal);
    await vi.waitFor(async () => {
      await world.clock.advance(RELIEVE_TIMEOUT_MS);
      expect(world.killed).toBe(1);
    });
    await expect(leaving).resolves.toBeUndefined();
  });
});
