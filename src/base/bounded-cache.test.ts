import { expect, test } from 'vitest';
import { createBoundedCache } from './bounded-cache.ts';

test('a bounded cache keeps what was used last', () => {
  const cache = createBoundedCache<string, number>(2);
  cache.set('a', 0).set('b', 1);
  expect(cache.get('a')).toBe(0);
  cache.set('c', 2);
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([0, undefined, 2]);
});
