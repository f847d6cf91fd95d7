import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChangeSet } from './change-set.ts';

const NUMBERS = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 40 });

function setOf(numbers: readonly number[]): ChangeSet {
  const set = new ChangeSet();
  for (const number of numbers) set.add(number);
  return set;
}

test('a set of changes behaves as a set of numbers', () => {
  fc.assert(
    fc.property(NUMBERS, NUMBERS, fc.integer({ min: 0, max: 300 }), (some, others, one) => {
      const [a, b] = [setOf(some), setOf(others)];
      const both = new Set([...some, ...others]);
      expect([...a]).toEqual([...new Set(some)].sort((x, y) => x - y));
      expect([...a.union(b)]).toEqual([...both].sort((x, y) => x - y));
      expect([...a.with(one)]).toEqual([...new Set([...some, one])].sort((x, y) => x - y));
      expect(a.includes(b)).toBe(others.every((number) => some.includes(number)));
      expect(a.has(one)).toBe(some.includes(one));
    }),
  );
});

test('what is made of a set leaves it as it was, and a union that one holds is that one', () => {
  const a = setOf([1, 40, 300]);
  const b = setOf([40]);
  a.with(7);
  expect([...a]).toEqual([1, 40, 300]);
  expect(a.union(b)).toBe(a);
  expect(b.union(a)).toBe(a);
  expect(a.union(setOf([2]))).not.toBe(a);
  expect([...a]).toEqual([1, 40, 300]);
});
