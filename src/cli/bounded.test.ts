import { describe, expect, test } from 'vitest';
import { forEachBounded } from './bounded.ts';

async function* numbers(count: number): AsyncGenerator<number> {
  for (let number = 1; number <= count; number++) yield number;
}

const NEVER = new AbortController().signal;
const BOUNDS = { itemsMax: 4, bytesMax: 20, sizeOf: (number: number) => number };

describe('bounded work', () => {
  test('does every item once, within its bounds, and a large one alone', async () => {
    const done: number[] = [];
    const underWay = new Set<number>();
    await forEachBounded(numbers(30), BOUNDS, NEVER, async (number) => {
      underWay.add(number);
      expect(underWay.size).toBeLessThanOrEqual(4);
      const bytes = [...underWay].reduce((sum, each) => sum + each, 0);
      expect(bytes <= 20 || underWay.size === 1).toBe(true);
      await new Promise((resolve) => setImmediate(resolve));
      underWay.delete(number);
      done.push(number);
    });
    expect(done.sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
  });

  test('stops at a failure, and waits for what is under way', async () => {
    let finished = 0;
    const run = forEachBounded(numbers(1_000), BOUNDS, NEVER, async (number) => {
      if (number === 5) throw new Error('five');
      await new Promise((resolve) => setImmediate(resolve));
      finished++;
    });
    await expect(run).rejects.toThrow('five');
    expect(finished).toBeLessThan(12);
  });

  test('stops when it is told to, with the reason', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    let started = 0;
    const run = forEachBounded(numbers(1_000), BOUNDS, controller.signal, async () => {
      if (++started === 7) controller.abort(reason);
    });
    await expect(run).rejects.toBe(reason);
    expect(started).toBeLessThan(12);
  });
});
