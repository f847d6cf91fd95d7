import { MessageChannel } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { ManualClock, SILENT_LOG } from '../../base/index.ts';
import { startAgentThread } from './agent-thread.ts';
import { BREAKER_REST_MS, FAILED_STARTS_MAX } from './limits.ts';
import { AgentLine, type Calls } from './line.ts';
import { type PingCalls, type StartedAgent, Supervisor, type SupervisorStatus } from './supervisor.ts';

type Name = 'say' | 'loop' | 'eat' | 'die';
type UnrulyCalls = PingCalls & {
  readonly [Each in Name]: { readonly request: object; readonly reply: { name?: string } };
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const never = new AbortController().signal;

function setup(options: { failsAtStart?: boolean } = {}) {
  const clock = new ManualClock(0);
  const statuses: SupervisorStatus[] = [];
  const url = new URL('./fixtures/unruly-agent.mjs', import.meta.url);
  const work = (port: object) => ({ port, failsAtStart: options.failsAtStart === true });
  const supervisor = new Supervisor<UnrulyCalls, Record<string, never>>(
    {
      clock,
      log: SILENT_LOG,
      start: () => startAgentThread({ clock, log: SILENT_LOG }, { name: 'unruly', url, work, heapMib: 32 }),
      handlers: {},
      onStatus: (status) => statuses.push(status),
    },
    { name: 'unruly', timeoutMs: 3_000 },
  );
  return {
    clock,
    statuses,
    supervisor,
    /** Lets threads work until it holds. The clock goes on while none runs, or always: a thread takes its time. */
    async until(isDone: () => boolean, clockGoes: 'always' | 'between' = 'between'): Promise<void> {
      const startedAt = performance.now();
      while (!isDone()) {
        if (performance.now() - startedAt > 8_000) throw new Error(`in vain: ${JSON.stringify(statuses)}`);
        if (clockGoes === 'always' || supervisor.status.state !== 'running') await clock.advance(100);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    async [Symbol.asyncDispose]() {
      await supervisor[Symbol.asyncDispose]();
    },
  };
}

describe('a supervised agent', () => {
  for (const [misdeed, reason] of [
    ['loop', /no answer for 3000 ms/],
    ['eat', /memory/],
    ['die', /it dies/],
  ] as const)
    test(`that does this is ended, started again, and answers: ${misdeed}`, async () => {
      await using setting = setup();
      const { statuses, supervisor } = setting;
      expect(await supervisor.ask('say', {}, never)).toEqual({ name: 'say' });
      const misdone = supervisor.ask(misdeed, {}, never);
      misdone.catch(() => undefined); // looked at below
      const clockGoes = misdeed === 'loop' ? 'always' : 'between';
      await setting.until(() => supervisor.status.restarts === 1, clockGoes);
      await setting.until(() => supervisor.status.state === 'running');
      await expect(misdone).rejects.toMatchObject({ code: 'closed' });
      expect(await supervisor.ask('say', {}, never)).toEqual({ name: 'say' });
      expect(statuses.map(({ state }) => state)).toEqual(['running', 'waiting', 'running']);
      expect(statuses[1]).toMatchObject({ reason: expect.stringMatching(reason) });
    });

  test('that never starts rests after some tries, says so, and is tried again', async () => {
    await using setting = setup({ failsAtStart: true });
    const { statuses, supervisor } = setting;
    await setting.until(() => supervisor.status.state === 'resting');
    expect(statuses.filter(({ state }) => state === 'running')).toHaveLength(FAILED_STARTS_MAX);
    expect(supervisor.status).toMatchObject({ reason: 'it does not start', restarts: FAILED_STARTS_MAX });
    await expect(supervisor.ask('say', {}, never)).rejects.toMatchObject({ code: 'unavailable' });
    await setting.clock.advance(BREAKER_REST_MS);
    await setting.until(() => supervisor.status.restarts === FAILED_STARTS_MAX + 1);
  });

  test('that is asked while it is being ended is waited for', async () => {
    const clock = new ManualClock(0);
    let end: () => void = () => undefined;
    const ending = new Promise<void>((resolve) => {
      end = resolve;
    });
    let starts = 0;
    const start = (): StartedAgent => {
      const isFirst = ++starts === 1;
      const { port1, port2 } = new MessageChannel();
      const line = new AgentLine<Calls, PingCalls>({ log: SILENT_LOG, port: port2 }, { ping: async () => ({}) });
      return {
        port: port1,
        ended: isFirst ? Promise.resolve({ reason: 'it dies' }) : new Promise(() => undefined),
        [Symbol.asyncDispose]: async () => {
          if (isFirst) await ending;
          line[Symbol.dispose]();
          port1.close();
        },
      };
    };
    const deps = { clock, log: SILENT_LOG, start, handlers: {} };
    await using supervisor = new Supervisor<PingCalls, Calls>(deps, { name: 'dying', timeoutMs: 3_000 });
    await clock.advance(1);
    await turn();
    const answer = supervisor.ask('ping', {}, never);
    // A circle of promises would never let this come.
    await turn();
    end();
    while (starts === 1) {
      await clock.advance(100);
      await turn();
    }
    expect(await answer).toEqual({});
  });

  test('that is asked while it starts is waited for', async () => {
    await using setting = setup();
    const answers = await Promise.all([1, 2, 3].map(() => setting.supervisor.ask('say', {}, never)));
    expect(answers).toEqual([{ name: 'say' }, { name: 'say' }, { name: 'say' }]);
  });
});
