import { describe, expect, test } from 'vitest';
import { ManualClock } from './clock.ts';
import { abortable, untilAborted, whenAborted, withDeadline } from './deadline.ts';

const never = new AbortController().signal;
const late = (): Error => new Error('late');

/** Work that ends only when it is aborted, with the reason. */
const endless = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );
}

describe('a deadline', () => {
  test('ends work that takes longer, and no other', async () => {
    const clock = new ManualClock(0);
    const ended = failure(withDeadline(clock, 100, never, late, endless));
    await clock.advance(99);
    const done = withDeadline(clock, 100, never, late, async () => 'done');
    expect(await done).toBe('done');
    await clock.advance(1);
    expect(await ended).toEqual(new Error('late'));
    expect(clock.sleeperCount).toBe(0);
  });

  test('is not waited for by work that fails, and leaves no timer behind', async () => {
    const clock = new ManualClock(0);
    const fails = async (): Promise<never> => {
      throw new Error('fails');
    };
    expect(await failure(withDeadline(clock, 100, never, late, fails))).toEqual(new Error('fails'));
    expect(clock.sleeperCount).toBe(0);
  });

  test('gives way to its caller, with the reason of the caller', async () => {
    const clock = new ManualClock(0);
    const leaving = new AbortController();
    const ended = failure(withDeadline(clock, 100, leaving.signal, late, endless));
    leaving.abort(new Error('left'));
    expect(await ended).toEqual(new Error('left'));
    expect(await failure(withDeadline(clock, 100, leaving.signal, late, endless))).toEqual(new Error('left'));
    expect(clock.sleeperCount).toBe(0);
  });
});

describe('an abortable wait', () => {
  test('yields what comes first', async () => {
    const leaving = new AbortController();
    expect(await abortable(Promise.resolve(7), leaving.signal)).toBe(7);
    expect(await failure(abortable(Promise.reject(new Error('fails')), leaving.signal))).toEqual(new Error('fails'));
    const waiting = failure(abortable(new Promise(() => undefined), leaving.signal));
    leaving.abort(new Error('left'));
    expect(await waiting).toEqual(new Error('left'));
    // What fails after that is nobody's to hear.
    expect(await failure(abortable(Promise.reject(new Error('fails')), leaving.signal))).toEqual(new Error('left'));
  });
});

describe('what waits for an abort', () => {
  const aborted = AbortSignal.abort(new Error('over'));

  test('hears of one that was before it, too', async () => {
    await untilAborted(aborted);
    let calls = 0;
    using _ = whenAborted(aborted, () => calls++);
    expect(calls).toBe(1);
  });

  test('hears of one that comes, once; disposed, of none', async () => {
    const kept = new AbortController();
    const ended = untilAborted(kept.signal);
    const calls: string[] = [];
    using _ = whenAborted(kept.signal, () => calls.push('kept'));
    whenAborted(kept.signal, () => calls.push('disposed'))[Symbol.dispose]();
    expect(calls).toEqual([]);
    kept.abort();
    await ended;
    expect(calls).toEqual(['kept']);
  });
});
