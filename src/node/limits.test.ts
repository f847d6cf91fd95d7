import { expect, test } from 'vitest';
import { DEFAULT_LIMITS, parseLimits } from './limits.ts';

test('an operator sets the limits that there are, to numbers that can be', () => {
  expect(parseLimits({})).toEqual({});
  expect(parseLimits({ acceptBurst: 500, acceptIntervalMs: 0.5 })).toEqual({ acceptBurst: 500, acceptIntervalMs: 0.5 });
  for (const wrong of [{ accept: 1 }, { toString: 1 }, { acceptBurst: 0 }, { acceptBurst: Number.NaN }])
    expect(() => parseLimits(wrong)).toThrow(expect.objectContaining({ code: 'bad_value', fix: expect.any(String) }));
});

test('every default is a limit that could be set', () => {
  expect(parseLimits({ ...DEFAULT_LIMITS })).toEqual(DEFAULT_LIMITS);
});
