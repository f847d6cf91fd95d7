import { describe, expect, test } from 'vitest';
import { SeededPrng, SeededSecureRandom } from './random.ts';

describe('a seeded generator', () => {
  test('is mulberry32: the published first numbers of seed 0', () => {
    const prng = new SeededPrng(0);
    expect([prng.next(), prng.next(), prng.next()]).toEqual([
      0.26642920868471265, 0.0003297457005828619, 0.2232720274478197,
    ]);
  });

  test('repeats itself for a seed and differs for another', () => {
    const draw = (seed: number) => {
      const prng = new SeededPrng(seed);
      return Array.from({ length: 20 }, () => prng.below(1_000_000));
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  test('is even over its range and stays within it', () => {
    const prng = new SeededPrng(1);
    const counts = new Array<number>(10).fill(0);
    for (let draw = 0; draw < 100_000; draw++) {
      const value = prng.below(10);
      counts[value] = (counts[value] ?? Number.NaN) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    expect(prng.below(1)).toBe(0);
  });

  test('as simulated key material has the size asked for and repeats', () => {
    expect(new SeededSecureRandom(1).bytes(33).length).toBe(33);
    expect(new SeededSecureRandom(1).bytes(32)).toEqual(new SeededSecureRandom(1).bytes(32));
  });
});
