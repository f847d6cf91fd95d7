/** What every Clock promises. `pass` lets `ms` go by: real time waits, a manual clock is moved. */
import { describe, expect, test } from 'vitest';
import type { Clock } from './clock.ts';

export interface ClockUnderTest {
  readonly clock: Clock;
  readonly pass: (ms: number) => Promise<void>;
}

export function clockContract(name: string, open: () => ClockUnderTest): void {
  describe(`${name} as a Clock`, () => {
    test('a sleep ends no earlier than asked, by monotonic time', async () => {
      const { clock, pass } = open();
      for (const ms of [0, 1, 3, 7.5]) {
        const start = clock.monotonic();
        const sleeping = clock.sleep(ms);
        await pass(ms);
        await sleeping;
        expect(clock.monotonic() - start).toBeGreaterThanOrEqual(ms);
      }
    });

    test('a sleep of no or negative time ends too', async () => {
      const { clock, pass } = open();
      const sleeping = Promise.all([clock.sleep(0), clock.sleep(-5)]);
      await pass(0);
      await sleeping;
    });

    test('an abort ends a sleep with its own reason, at once', async () => {
      const { clock } = open();
      const reason = new Error('enough');
      const controller = new AbortController();
      const sleeping = clock.sleep(1_000_000, controller.signal);
      controller.abort(reason);
      await expect(sleeping).rejects.toBe(reason);
    });

    test('a signal aborted before is enough', async () => {
      const { clock } = open();
      await expect(clock.sleep(1, AbortSignal.abort('stop'))).rejects.toBe('stop');
    });

    test('a sleep longer than a timer can hold does not end at once', async () => {
      const { clock, pass } = open();
      const controller = new AbortController();
      let ended = false;
      const sleeping = clock.sleep(2 ** 31 + 1, controller.signal).then(
        () => {
          ended = true;
        },
        () => undefined, // the abort below
      );
      await pass(5);
      expect(ended).toBe(false);
      controller.abort();
      await sleeping;
    });

    test('monotonic time and the wall clock go on together', async () => {
      const { clock, pass } = open();
      const [wall, monotonic] = [clock.now(), clock.monotonic()];
      await pass(5);
      expect(clock.monotonic() - monotonic).toBeGreaterThanOrEqual(5);
      expect(clock.now() - wall).toBeGreaterThan(2);
    });
  });
}
