import { expect, test } from 'vitest';
import { uidSetOf, uidsIn } from './uid-set.ts';

test('a set is runs, and what it stands for is read again', () => {
  const uids = [7, 1, 2, 3, 9, 8, 20];
  expect(uidSetOf(uids)).toBe('1:3,7:9,20');
  expect([...(uidsIn('1:3,9:7,20', 7) ?? [])]).toEqual([1, 2, 3, 7, 8, 9, 20]);
});

test.each(['', '0', '1:', 'a', '1:*', '1,,2', '1:8', '1:3,4:6,7,8', '1:4294967295', '99999999999'])(
  'what is no set, or too large, is not read: %j',
  (set) => {
    expect(uidsIn(set, 7)).toBeUndefined();
  },
);
