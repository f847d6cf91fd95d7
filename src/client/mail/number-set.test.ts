import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeNumbers, encodeNumbers, runsOf, setOf } from './number-set.ts';

describe('a set of numbers', () => {
  test('comes back from its bytes, and is the same in whatever order it was said', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 })), (numbers) => {
        const set = setOf(numbers);
        expect(decodeNumbers(encodeNumbers(set))).toEqual(set);
        expect(set.count).toBe(new Set(numbers).size);
        expect(runsOf(numbers.reverse())).toEqual(set.intervals);
      }),
    );
  });

  test('is refused where the bytes are none', () => {
    for (const bytes of [
      [1],
      new Array<number>(16).fill(0),
      [...new Array<number>(7).fill(0), 2, ...new Array<number>(7).fill(0), 1],
    ])
      expect(() => decodeNumbers(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'corrupt_store' }));
  });
});
