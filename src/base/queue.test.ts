import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BoundedQueue } from './queue.ts';

describe('a bounded queue', () => {
  test('takes as much as it holds and says when it is full', () => {
    const queue = new BoundedQueue<number>(2);
    expect([queue.push(1), queue.push(2), queue.push(3)]).toEqual([true, true, false]);
    expect(queue.size).toBe(2);
  });

  test('gives everything at once, in order, and then waits', async () => {
    const queue = new BoundedQueue<number>(10);
    queue.push(1);
    queue.push(2);
    expect(await queue.takeAll()).toEqual([1, 2]);
    const waiting = queue.takeAll();
    queue.push(3);
    expect(await waiting).toEqual([3]);
  });

  test('tells every waiting producer about room', async () => {
    const queue = new BoundedQueue<number>(1);
    queue.push(0);
    const producers = [1, 2].map(async (item) => {
      while (!queue.push(item)) await queue.whenRoom();
    });
    const received = [...(await queue.takeAll()), ...(await queue.takeAll()), ...(await queue.takeAll())];
    await Promise.all(producers);
    expect(received).toEqual([0, 1, 2]);
  });

  test('after a close delivers what it holds, takes nothing, and ends', async () => {
    const queue = new BoundedQueue<number>(10);
    queue.push(1);
    queue.close();
    expect(queue.push(2)).toBe(false);
    const items: number[] = [];
    for await (const item of queue) items.push(item);
    expect(items).toEqual([1]);
    expect(await queue.takeAll()).toEqual([]);
  });

  test('a close wakes a waiting consumer and waiting producers', async () => {
    const full = new BoundedQueue<number>(1);
    full.push(1);
    const producer = full.whenRoom();
    full.close();
    await producer;
    const empty = new BoundedQueue<number>(1);
    const consumer = empty.takeAll();
    empty.close();
    expect(await consumer).toEqual([]);
  });

  test('a consumer that stops in the middle loses nothing', async () => {
    const queue = new BoundedQueue<number>(10);
    for (let item = 1; item <= 5; item++) queue.push(item);
    for await (const item of queue) if (item === 2) break;
    queue.push(6);
    queue.close();
    const rest: number[] = [];
    for await (const item of queue) rest.push(item);
    expect(rest).toEqual([3, 4, 5, 6]);
  });

  test('whatever the timing, each item arrives once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 4 }), async (scheduler, capacity) => {
        const queue = new BoundedQueue<number>(capacity);
        const produce = async (): Promise<void> => {
          for (let item = 0; item < 20; item++) {
            await scheduler.schedule(Promise.resolve());
            while (!queue.push(item)) await queue.whenRoom();
            expect(queue.size).toBeLessThanOrEqual(capacity);
          }
          queue.close();
        };
        const received: number[] = [];
        const consume = async (): Promise<void> => {
          for await (const item of queue) {
            received.push(item);
            await scheduler.schedule(Promise.resolve());
          }
        };
        await Promise.all([produce(), consume(), scheduler.waitAll(), drainLate(scheduler)]);
        expect(received).toEqual(Array.from({ length: 20 }, (_, index) => index));
      }),
      { numRuns: 50 },
    );
  });
});

/** Tasks scheduled after the scheduler had nothing to do. */
async function drainLate(scheduler: fc.Scheduler): Promise<void> {
  for (let turn = 0; turn < 100; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    while (scheduler.count() > 0) await scheduler.waitOne();
  }
}
