import { describe, expect, test } from 'vitest';
import { LINK_SETTLED_MS, REDIAL_JITTER, REDIAL_MAX_MS, REDIAL_MIN_MS, SECOND_DIALER_MS } from './limits.ts';
import { afterFailure, afterLink, afterLinking, firstDial, type Redial } from './redial.ts';

const NOW = 1_000_000;

/** The waits of a node that fails so often in a row. */
function waits(count: number, fail: (redial: Redial, now: number) => Redial): number[] {
  const waited: number[] = [];
  let redial = firstDial(NOW);
  for (let i = 0, now = NOW; i < count; i++, now = redial.dueAt) {
    redial = fail(redial, now);
    waited.push(redial.dueAt - now);
  }
  return waited;
}

/** A link that ends as soon as it is there. */
function endAtOnce(redial: Redial, now: number): Redial {
  return afterLink(afterLinking(redial, now), now, true, 0);
}

describe('a node that is dialed', () => {
  test('for the first time is due at once', () => {
    expect(firstDial(NOW)).toEqual({ failures: 0, dueAt: NOW, linkedAt: undefined });
  });

  test('and not reached is due after twice as long each time, up to half a minute', () => {
    const doubled = Array.from({ length: 9 }, (_, i) => Math.min(REDIAL_MAX_MS, REDIAL_MIN_MS * 2 ** i));
    expect(waits(9, (redial, now) => afterFailure(redial, now, 0))).toEqual(doubled);
    expect(doubled.at(-1)).toBe(REDIAL_MAX_MS);
  });

  test('is due earlier by its jitter, never at once', () => {
    const jitter = 0.999;
    for (const [i, wait] of waits(9, (redial, now) => afterFailure(redial, now, jitter)).entries()) {
      const whole = Math.min(REDIAL_MAX_MS, REDIAL_MIN_MS * 2 ** i);
      expect(wait).toBe(Math.ceil(whole * (1 - REDIAL_JITTER * jitter)));
      expect(wait).toBeGreaterThan(0);
    }
  });
});

describe('a link that ends', () => {
  test('at once is a failure: links that all end at once are further and further apart', () => {
    expect(waits(9, endAtOnce)).toEqual(waits(9, (redial, now) => afterFailure(redial, now, 0)));
  });

  test('after it has held is made again at once, and what failed before is forgotten', () => {
    const failed = afterFailure(afterFailure(firstDial(NOW), NOW, 0), NOW, 0);
    const linked = afterLinking(failed, NOW);
    const end = NOW + LINK_SETTLED_MS;
    expect(afterLink(linked, end, true, 0)).toEqual({ failures: 0, dueAt: end, linkedAt: undefined });
    expect(afterLink(linked, end - 1, true, 0)).toMatchObject({ failures: 3 });
  });

  test('is left to the other end first, by the one that does not dial first', () => {
    const linked = afterLinking(firstDial(NOW), NOW);
    for (const end of [NOW, NOW + LINK_SETTLED_MS])
      expect(afterLink(linked, end, false, 0).dueAt).toBe(end + SECOND_DIALER_MS);
  });
});
