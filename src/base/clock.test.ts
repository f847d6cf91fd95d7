import { describe, expect, test } from 'vitest';
import { clockContract } from './clock.contract.ts';
import { ManualClock } from './clock.ts';

clockContract('a manual clock', () => {
  const clock = new ManualClock(1_000);
  return { clock, pass: (ms) => clock.advance(ms) };
});

describe('a manual clock', () => {
  test('stands still until it is told', () => {
    const clock = new ManualClock(1_000);
    expect([clock.now(), clock.monotonic()]).toEqual([1_000, 0]);
  });

  test('wakes sleepers in the order of their time, then of their call, and at their time', async () => {
    const clock = new ManualClock(0);
    const woken: string[] = [];
    const sleep = async (name: string, ms: number) => {
      await clock.sleep(ms);
      woken.push(`${name}@${clock.monotonic()}`);
    };
    const all = Promise.all([sleep('c', 30), sleep('a', 10), sleep('b', 10), sleep('d', 31)]);
    await clock.advance(30);
    expect(woken).toEqual(['a@10', 'b@10', 'c@30']);
    expect(clock.sleeperCount).toBe(1);
    await clock.advance(1);
    await all;
    expect(woken.at(-1)).toBe('d@31');
  });

  test('wakes a sleeper that sleeps again within the same advance', async () => {
    const clock = new ManualClock(0);
    const ticks: number[] = [];
    const ticking = (async () => {
      for (let tick = 0; tick < 5; tick++) {
        await clock.sleep(10);
        ticks.push(clock.now());
      }
    })();
    await clock.advance(50);
    await ticking;
    expect(ticks).toEqual([10, 20, 30, 40, 50]);
  });

  test('an aborted sleeper is forgotten', async () => {
    const clock = new ManualClock(0);
    const controller = new AbortController();
    const sleeping = clock.sleep(10, controller.signal);
    controller.abort(new Error('stop'));
    await expect(sleeping).rejects.toThrow('stop');
    expect(clock.sleeperCount).toBe(0);
  });

  test('a jump of the wall clock moves no sleeper and no monotonic time', async () => {
    const clock = new ManualClock(1_000_000);
    let woken = false;
    const sleeping = clock.sleep(10).then(() => {
      woken = true;
    });
    clock.jumpTo(0);
    await clock.advance(9);
    expect([clock.now(), clock.monotonic(), woken]).toEqual([9, 9, false]);
    clock.jumpTo(5_000_000);
    await clock.advance(1);
    await sleeping;
    expect([clock.now(), clock.monotonic()]).toEqual([5_000_001, 10]);
  });
});
