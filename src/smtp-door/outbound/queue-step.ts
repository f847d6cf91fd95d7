/**
 * The letters for one destination as a pure function: what happened, and what to try now. A destination that cannot be reached
 * is asked by one letter at a time, after a wait that doubles; those behind it are looked at then, so that their authors hear
 * in time that they wait, or do so no more. Nothing is held but numbers and times.
 */
import { unreachable } from '../../base/index.ts';
import { isDelayed, isExpired, retryWait } from './judging.ts';
import { PER_DESTINATION_MAX } from './limits.ts';

export interface Waiting {
  readonly number: number;
  readonly nextAt: number;
  readonly acceptedAt: number;
  readonly isDelayTold: boolean;
}

export interface DestinationQueue {
  readonly waiting: readonly Waiting[];
  readonly underWay: readonly number[];
  /** In a row. */
  readonly failures: number;
  /** Not before, whatever is due. */
  readonly waitUntil: number;
}

export type QueueEvent =
  | { readonly kind: 'added'; readonly letters: readonly Waiting[] }
  | { readonly kind: 'time' }
  /** An operator asks: nothing waits any longer. */
  | { readonly kind: 'retry' }
  /** What was under way is over. `left`: some of it waits on. `reached`: whether the destination could be asked at all. */
  | {
      readonly kind: 'ended';
      readonly number: number;
      readonly left: Waiting | undefined;
      readonly reached: 'yes' | 'no' | 'untried';
      readonly jitter: number;
    };

export type Effect =
  | { readonly kind: 'attempt'; readonly number: number; readonly isProbe: boolean }
  /** It waits too long by now, and is not tried: its author is to be told. */
  | { readonly kind: 'tell'; readonly number: number }
  /** The one timer of this destination, in place of the one before. */
  | { readonly kind: 'wake'; readonly at: number };

export interface Step {
  readonly queue: DestinationQueue;
  readonly effects: readonly Effect[];
}

export const EMPTY_QUEUE: DestinationQueue = Object.freeze({ waiting: [], underWay: [], failures: 0, waitUntil: 0 });

export function step(queue: DestinationQueue, event: QueueEvent, now: number): Step {
  switch (event.kind) {
    case 'added':
      return goOn({ ...queue, waiting: [...queue.waiting, ...event.letters] }, now);
    case 'time':
      return goOn(queue, now);
    case 'retry':
      return goOn(
        { ...queue, waitUntil: 0, waiting: queue.waiting.map((letter) => ({ ...letter, nextAt: now })) },
        now,
      );
    case 'ended':
      return ended(queue, event, now);
    default:
      return unreachable(event);
  }
}

function ended(
  queue: DestinationQueue,
  { jitter, left, number, reached }: Extract<QueueEvent, { kind: 'ended' }>,
  now: number,
): Step {
  const underWay = queue.underWay.filter((other) => other !== number);
  const waiting = left === undefined ? queue.waiting : [...queue.waiting, left];
  const after = { ...queue, underWay, waiting };
  if (reached === 'untried') return goOn(after, now);
  if (reached === 'yes') return goOn({ ...after, failures: 0, waitUntil: 0 }, now);
  const failures = queue.failures + 1;
  return tellOverdue({ ...after, failures, waitUntil: now + retryWait(failures, jitter) }, now);
}

/** Those that are not asked for, and wait too long for nobody to hear of it. */
function tellOverdue(queue: DestinationQueue, now: number): Step {
  const isOverdue = (letter: Waiting): boolean =>
    isExpired(letter, now) || (isDelayed(letter, now) && !letter.isDelayTold);
  const overdue = queue.waiting.filter(isOverdue).map(({ number }) => number);
  const rest = goOn(
    {
      ...queue,
      waiting: queue.waiting.filter((letter) => !isOverdue(letter)),
      underWay: [...queue.underWay, ...overdue],
    },
    now,
  );
  return { ...rest, effects: [...overdue.map((number) => ({ kind: 'tell', number }) as const), ...rest.effects] };
}

/** Tries what is due, as much at once as the destination bears. */
function goOn(queue: DestinationQueue, now: number): Step {
  const isProbe = queue.failures > 0;
  const room = (isProbe ? 1 : PER_DESTINATION_MAX) - queue.underWay.length;
  const byTime = [...queue.waiting].sort((a, b) => a.nextAt - b.nextAt || a.number - b.number);
  const due = queue.waitUntil > now ? [] : byTime.filter(({ nextAt }) => nextAt <= now).slice(0, Math.max(0, room));
  const numbers = due.map(({ number }) => number);
  const waiting = byTime.filter(({ number }) => !numbers.includes(number));
  const effects: Effect[] = numbers.map((number) => ({ kind: 'attempt', number, isProbe }));
  const [next] = waiting;
  const at = Math.max(next?.nextAt ?? 0, queue.waitUntil);
  // What is due already waits for room, which the end of something under way brings.
  if (next !== undefined && at > now) effects.push({ kind: 'wake', at });
  return { queue: { ...queue, waiting, underWay: [...queue.underWay, ...numbers] }, effects };
}
