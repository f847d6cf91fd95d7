import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Answer, pick, poolOf } from './pick.ts';

function answers(...rtts: readonly number[]): Answer[] {
  return rtts.map((rttMs, i) => ({ node: `n${i}`, rttMs, completeness: 1 }));
}

describe('the pool', () => {
  test.each([
    [[], []],
    [[499], ['n0']],
    [[500], []],
    [[90, 20, 30, 40], ['n1']],
    [
      [90, 20, 30, 40, 50],
      ['n1', 'n2'],
    ],
    [
      [80, 70, 60, 50, 40, 30, 20, 10],
      ['n7', 'n6'],
    ],
    [
      [80, 70, 60, 50, 600, 501, 20, 10],
      ['n7', 'n6'],
    ],
    [[80, 70, 60, 500, 500, 500, 500, 10], ['n7']],
  ])('of answers after %j ms is %j', (rtts, names) => {
    expect(poolOf(answers(...rtts)).map((answer) => answer.node)).toEqual(names);
  });

  test('a node that serves less than another is not in it, however fast', () => {
    const lacking = { node: 'fast', rttMs: 1, completeness: 0.99 };
    expect(poolOf([lacking, ...answers(400)]).map((answer) => answer.node)).toEqual(['n0']);
    expect(poolOf([lacking]).map((answer) => answer.node)).toEqual(['fast']);
  });

  test('is the fastest quarter of what counts, at least one, whatever the answers', () => {
    const answer = fc.record({
      node: fc.string({ minLength: 1 }),
      rttMs: fc.integer({ min: 0, max: 900 }),
      completeness: fc.constantFrom(1, 0.5),
    });
    fc.assert(
      fc.property(fc.uniqueArray(answer, { selector: (given) => given.node, maxLength: 40 }), (given) => {
        const pool = poolOf(given);
        const inTime = given.filter((each) => each.rttMs < 500);
        const counted = inTime.filter(
          (each) => each.completeness === 1 || inTime.every((other) => other.completeness < 1),
        );
        expect(pool.length).toBe(Math.ceil(counted.length / 4));
        const slowest = Math.max(...pool.map((each) => each.rttMs));
        for (const each of counted) if (!pool.includes(each)) expect(each.rttMs).toBeGreaterThanOrEqual(slowest);
      }),
    );
  });
});

test('a pick takes each place of the pool for an equal share of the random numbers', () => {
  const given = answers(10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120);
  const names = Array.from({ length: 300 }, (_, i) => pick(given, i / 300)?.node);
  for (const name of ['n0', 'n1', 'n2']) expect(names.filter((taken) => taken === name)).toHaveLength(100);
  expect(pick([], 0.5)).toBeUndefined();
});
