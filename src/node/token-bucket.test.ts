import { expect, test } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

test('a burst is taken at once, then one token comes an interval', () => {
  const bucket = new TokenBucket(10, 3, 0);
  expect([0, 0, 0].map((now) => bucket.take(now).taken)).toEqual([true, true, true]);
  expect(bucket.take(0)).toEqual({ taken: false, waitMs: 10 });
  expect(bucket.take(9)).toEqual({ taken: false, waitMs: 1 });
  expect(bucket.take(10)).toEqual({ taken: true });
  expect(bucket.take(10).taken).toBe(false);
});

test('a long rest saves no more than the burst', () => {
  const bucket = new TokenBucket(10, 2, 0);
  expect([1e9, 1e9, 1e9].map((now) => bucket.take(now).taken)).toEqual([true, true, false]);
});

test('reservations queue up behind each other, and beyond the bound there are none', () => {
  const bucket = new TokenBucket(10, 1, 0);
  expect([0, 1, 2, 3].map(() => bucket.reserve(0, 2))).toEqual([0, 10, 20, undefined]);
  expect(bucket.reserve(10, 2)).toBe(20);
});

test('looking takes nothing', () => {
  const bucket = new TokenBucket(10, 1, 0);
  expect([bucket.waitMs(0), bucket.waitMs(0), bucket.take(0).taken, bucket.waitMs(4)]).toEqual([0, 0, true, 6]);
});
