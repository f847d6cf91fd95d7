import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Interval, IntervalSet } from './interval-set.ts';

const END = 60;
const interval = fc
  .tuple(fc.integer({ min: 1, max: END }), fc.integer({ min: 0, max: 12 }))
  .map(([from, size]): Interval => [from, Math.min(END, from + size)]);
const intervals = fc.array(interval, { maxLength: 12 });

function modelOf(given: readonly Interval[]): Set<number> {
  const model = new Set<number>();
  for (const [from, to] of given) for (let number = from; number <= to; number++) model.add(number);
  return model;
}

function numbersOf(set: IntervalSet): number[] {
  return [...modelOf(set.intervals)].sort((a, b) => a - b);
}

function sorted(model: Iterable<number>): number[] {
  return [...model].sort((a, b) => a - b);
}

/** The one form: sorted, disjoint, not adjacent. */
function expectCompact(set: IntervalSet): void {
  for (const [i, [from, to]] of set.intervals.entries()) {
    expect(from).toBeLessThanOrEqual(to);
    if (i > 0) expect(from).toBeGreaterThan((set.intervals[i - 1] as Interval)[1] + 1);
  }
}

describe('a set of intervals', () => {
  test('joins what touches and keeps what does not', () => {
    expect(IntervalSet.of([5, 6], [1, 2], [3, 3], [8, 9]).intervals).toEqual([
      [1, 3],
      [5, 6],
      [8, 9],
    ]);
    expect(IntervalSet.of([1, 2], [5, 6]).add(3, 4).intervals).toEqual([[1, 6]]);
    expect(IntervalSet.of([1, 9]).subtract(4, 5).intervals).toEqual([
      [1, 3],
      [6, 9],
    ]);
  });

  test('is the same object when nothing is added', () => {
    const set = IntervalSet.of([1, 10], [20, 30]);
    expect(set.add(3, 7)).toBe(set);
    expect(set.add(20, 30)).toBe(set);
  });

  test('does what a set of numbers does', () => {
    fc.assert(
      fc.property(intervals, intervals, interval, (a, b, [from, to]) => {
        const [left, right] = [IntervalSet.of(...a), IntervalSet.of(...b)];
        const [inA, inB] = [modelOf(a), modelOf(b)];
        const cases: readonly (readonly [IntervalSet, Iterable<number>])[] = [
          [left, inA],
          [left.add(from, to), [...inA, ...modelOf([[from, to]])]],
          [left.subtract(from, to), [...inA].filter((number) => number < from || number > to)],
          [left.union(right), [...inA, ...inB]],
          [left.difference(right), [...inA].filter((number) => !inB.has(number))],
          [left.intersection(right), [...inA].filter((number) => inB.has(number))],
          [left.complement(END), complementOf(inA)],
        ];
        for (const [set, model] of cases) {
          expectCompact(set);
          expect(numbersOf(set)).toEqual(sorted(new Set(model)));
          expect(set.count).toBe(new Set(model).size);
        }
        for (let number = 1; number <= END; number++) expect(left.has(number)).toBe(inA.has(number));
        let prefix = 0;
        while (inA.has(prefix + 1)) prefix++;
        expect(left.prefixEnd).toBe(prefix);
      }),
      { numRuns: 500 },
    );
  });

  test('has one form, whatever the order of what was added', () => {
    fc.assert(
      fc.property(intervals, (given) => {
        const added = given.reduce((set, [from, to]) => set.add(from, to), IntervalSet.EMPTY);
        expect(added.intervals).toEqual(IntervalSet.of(...[...given].reverse()).intervals);
      }),
    );
  });

  test('reaches to the largest number without counting', () => {
    const all = IntervalSet.EMPTY.complement(Number.MAX_SAFE_INTEGER);
    expect(all.intervals).toEqual([[1, Number.MAX_SAFE_INTEGER]]);
    expect(all.subtract(7, 7).count).toBe(Number.MAX_SAFE_INTEGER - 1);
    expect(IntervalSet.EMPTY.complement(0).isEmpty).toBe(true);
  });

  test.each([
    [0, 1],
    [2, 1],
    [1.5, 2],
    [1, Number.MAX_SAFE_INTEGER + 1],
  ])('is never asked for the interval from %d to %d', (from, to) => {
    expect(() => IntervalSet.EMPTY.add(from, to)).toThrow('invariant broken');
  });
});

function complementOf(model: ReadonlySet<number>): number[] {
  return Array.from({ length: END }, (_, i) => i + 1).filter((number) => !model.has(number));
}
