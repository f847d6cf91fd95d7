import { describe, expect, test } from 'vitest';
import { compareBytes, concatBytes } from '../base/index.ts';
import { under } from './key-span.ts';

describe('the keys under a prefix', () => {
  test.each([
    ['a plain one', [0x44]],
    ['one that ends with 255', [0x44, 0xff, 0xff]],
    ['one of zeros', [0, 0]],
  ])('%s: those that begin with it, and no other', (_, bytes) => {
    const prefix = Uint8Array.from(bytes);
    const { from, to } = under(prefix);
    const holds = (key: Uint8Array): boolean => compareBytes(from, key) <= 0 && compareBytes(key, to) < 0;
    expect(holds(prefix)).toBe(true);
    expect(holds(concatBytes(prefix, new Uint8Array(100).fill(0xff)))).toBe(true);
    expect(holds(to)).toBe(false);
    expect(holds(prefix.subarray(0, -1))).toBe(false);
  });
});
