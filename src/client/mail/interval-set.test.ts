import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addInterval,
  addNumbers,
  countNumbers,
  decodeIntervals,
  encodeIntervals,
  gapsIn,
  hasNumber,
  type IntervalSet,
  NO_NUMBERS,
  removeInterval,
} from './interval-set.ts';

const LAST = 40;
const step = fc.record({
  adds: fc.boolean(),
  from: fc.integer({ min: 1, max: LAST }),
  size: fc.integer({ min: 0, max: 9 }),
});

function numbersOf(set: IntervalSet): number[] {
  return Array.from({ length: LAST + 12 }, (_, number) => number).filter((number) => hasNumber(set, number));
}

describe('an interval set', () => {
  test('holds what a set of numbers holds, in as few intervals as there can be', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const model = new Set<number>();
        let set = NO_NUMBERS;
        for (const { adds, from, size } of steps) {
          const interval = { from, to: from + size };
          set = adds ? addInterval(set, interval) : removeInterval(set, interval);
          for (let number = from; number <= from + size; number++) adds ? model.add(number) : model.delete(number);
        }
        const numbers = [...model].sort((a, b) => a - b);
        expect(numbersOf(set)).toEqual(numbers);
        expect(countNumbers(set)).toBe(numbers.length);
        expect(set.every(({ from }, i) => i === 0 || from > (set[i - 1]?.to ?? 0) + 1)).toBe(true);
        expect(decodeIntervals(encodeIntervals(set))).toEqual(set);
        expect(addNumbers(NO_NUMBERS, numbers.reverse())).toEqual(set);
        const missing = gapsIn(set, LAST).flatMap(({ from, to }) =>
          Array.from({ length: to - from + 1 }, (_, i) => from + i),
        );
        expect(missing).toEqual(Array.from({ length: LAST }, (_, i) => i + 1).filter((number) => !model.has(number)));
      }),
    );
  });

  test('refuses bytes that are not one', () => {
    for (const bytes of [[1], new Array(16).fill(0), [...new Array(15).fill(0), 0]])
      expect(() => decodeIntervals(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'corrupt_store' }));
  });
});
