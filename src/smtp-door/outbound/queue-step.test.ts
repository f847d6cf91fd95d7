import { describe, expect, test } from 'vitest';
import { DELAY_TOLD_MS, PER_DESTINATION_MAX, RETRY_FIRST_MS, TELLS_MAX } from './limits.ts';
import { type DestinationQueue, EMPTY_QUEUE, type QueueEvent, step, type Waiting } from './queue-step.ts';

const NOW = 10 * DELAY_TOLD_MS;

function letters(count: number, changes: Partial<Waiting> = {}): readonly Waiting[] {
  return Array.from({ length: count }, (_, index) => ({
    ...{ number: index + 1, nextAt: NOW, acceptedAt: NOW, isDelayTold: false },
    ...changes,
  }));
}

/** What is to be done after these, and the queue as it is then. */
function whenAll(...events: readonly QueueEvent[]) {
  let queue: DestinationQueue = EMPTY_QUEUE;
  let effects: readonly string[] = [];
  for (const event of events) {
    const next = step(queue, event, NOW);
    queue = next.queue;
    effects = next.effects.map((effect) => ('number' in effect ? `${effect.kind} ${effect.number}` : effect.kind));
  }
  return { queue, effects };
}

const away = (number: number, left: Waiting | undefined): QueueEvent => ({
  ...{ kind: 'ended', number, left, reached: 'no', jitter: 0 },
});

describe('a destination', () => {
  test('gets a few at once, in the order in which they are due, and the next when one is over', () => {
    const [late, ...rest] = letters(6);
    const first = { ...(late as Waiting), nextAt: NOW + 1 };
    const { effects, queue } = whenAll({ kind: 'added', letters: [first, ...rest] });
    expect(effects).toEqual(['attempt 2', 'attempt 3', 'attempt 4']);
    expect(queue.underWay).toHaveLength(PER_DESTINATION_MAX);
    const done = { kind: 'ended', number: 3, left: undefined, reached: 'yes', jitter: 0 } as const;
    const then = whenAll({ kind: 'added', letters: [first, ...rest] }, done);
    expect(then.effects).toEqual(['attempt 5']);
    expect(then.queue.waiting.map(({ number }) => number)).toEqual([6, 1]);
  });

  test('that is away is left alone for a while, whatever is due, and then asked by one', () => {
    const [one] = letters(1);
    const { effects, queue } = whenAll(
      { kind: 'added', letters: letters(10) },
      away(1, one),
      away(2, one),
      away(3, one),
    );
    expect(effects).toEqual(['wake']);
    expect(queue).toMatchObject({ failures: 3, waitUntil: NOW + 4 * RETRY_FIRST_MS, underWay: [] });
    const later = step(queue, { kind: 'time' }, NOW + 4 * RETRY_FIRST_MS);
    expect(later.effects).toMatchObject([{ kind: 'attempt', isProbe: true }]);
    const asked = step(queue, { kind: 'retry' }, NOW);
    expect(asked.effects).toMatchObject([{ kind: 'attempt', number: 1, isProbe: true }]);
  });

  test('that is away for hours has the authors of all that wait told, some at a time', () => {
    const old = letters(3 * TELLS_MAX, { acceptedAt: NOW - DELAY_TOLD_MS });
    let { queue } = whenAll({ kind: 'added', letters: old });
    const told: number[] = [];
    let events: QueueEvent[] = queue.underWay.map((number) => away(number, undefined));
    while (events.length > 0) {
      const [event, ...others] = events as [QueueEvent, ...QueueEvent[]];
      const next = step(queue, event, NOW);
      queue = next.queue;
      const numbers = next.effects.flatMap((effect) => (effect.kind === 'tell' ? [effect.number] : []));
      told.push(...numbers);
      expect(queue.underWay.length).toBeLessThanOrEqual(TELLS_MAX);
      const heard = numbers.map((number): QueueEvent => {
        const left = { ...(old[number - 1] as Waiting), isDelayTold: true };
        return { kind: 'ended', number, left, reached: 'untried', jitter: 0 };
      });
      events = [...others, ...heard];
    }
    expect(told.sort((a, b) => a - b)).toEqual(old.slice(PER_DESTINATION_MAX).map(({ number }) => number));
    expect(queue.waiting).toHaveLength(3 * TELLS_MAX - PER_DESTINATION_MAX);
  });
});
