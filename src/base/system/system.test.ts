import { describe, expect, test } from 'vitest';
import { clockContract } from '../clock.contract.ts';
import { SystemClock, SystemRandom } from './system.ts';

clockContract('the system clock', () => {
  const clock = new SystemClock();
  return { clock, pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms + 1)) };
});

describe('the system clock', () => {
  test('agrees with the wall clock and tells microseconds', () => {
    const clock = new SystemClock();
    const readings = Array.from({ length: 50 }, () => clock.now());
    for (const reading of readings) expect(Math.abs(reading - Date.now())).toBeLessThan(1_000);
    expect(readings.some((reading) => !Number.isInteger(reading))).toBe(true);
  });
});

describe('the system randomness', () => {
  test('gives as many bytes as asked, never the same', () => {
    const random = new SystemRandom();
    expect(random.bytes(0).length).toBe(0);
    expect(random.bytes(1_000).length).toBe(1_000);
    expect(random.bytes(32)).not.toEqual(random.bytes(32));
    expect(random.bytes(32).constructor).toBe(Uint8Array);
  });
});
