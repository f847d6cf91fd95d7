import { describe, expect, test } from 'vitest';
import { ManualClock } from './clock.ts';
import { Scope } from './scope.ts';

function setup() {
  const reports: { name: string; error: unknown }[] = [];
  return { reports, scope: new Scope((name, error) => reports.push({ name, error })), clock: new ManualClock(0) };
}

describe('a scope', () => {
  test('closing aborts its tasks and waits for every one', async () => {
    const { scope, reports, clock } = setup();
    const ended: string[] = [];
    for (const name of ['a', 'b'])
      scope.spawn(name, async (signal) => {
        try {
          await clock.sleep(1_000, signal);
        } finally {
          await Promise.resolve();
          ended.push(name);
        }
      });
    await scope[Symbol.asyncDispose]();
    expect(ended).toEqual(['a', 'b']);
    expect(scope.signal.aborted).toBe(true);
    expect(reports).toEqual([]);
  });

  test('a task that fails is reported once, by name, and the others go on', async () => {
    const { scope, reports, clock } = setup();
    const failure = new Error('broken task');
    scope.spawn('failing', async () => {
      throw failure;
    });
    scope.spawn('throwing at once', () => {
      throw failure;
    });
    let ticks = 0;
    scope.spawn('ticking', async (signal) => {
      for (;;) {
        await clock.sleep(1, signal);
        ticks++;
      }
    });
    await clock.advance(3);
    expect(ticks).toBe(3);
    expect(new Set(reports.map(({ name }) => name))).toEqual(new Set(['failing', 'throwing at once']));
    expect(reports.every(({ error }) => error === failure)).toBe(true);
    await scope[Symbol.asyncDispose]();
    expect(reports.length).toBe(2);
  });

  test('a failure while closing is no abort and is reported', async () => {
    const { scope, reports, clock } = setup();
    scope.spawn('flush', async (signal) => {
      await clock.sleep(1_000, signal).catch(() => {
        throw new Error('the flush failed');
      });
    });
    await scope[Symbol.asyncDispose]();
    expect(reports.map(({ error }) => (error as Error).message)).toEqual(['the flush failed']);
  });

  test('waits for what a task spawned before the close', async () => {
    const { scope } = setup();
    const ended: string[] = [];
    scope.spawn('parent', async () => {
      scope.spawn('child', async () => {
        await Promise.resolve();
        await Promise.resolve();
        ended.push('child');
      });
    });
    await scope[Symbol.asyncDispose]();
    expect(ended).toEqual(['child']);
  });

  test('starts nothing after the close, and closing again is harmless', async () => {
    const { scope, reports } = setup();
    await scope[Symbol.asyncDispose]();
    let started = false;
    scope.spawn('late', async () => {
      started = true;
    });
    await Promise.all([scope[Symbol.asyncDispose](), scope[Symbol.asyncDispose]()]);
    expect([started, reports]).toEqual([false, []]);
  });
});
