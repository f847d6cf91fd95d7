/**
 * The letters for one destination as a pure function: what happened, and what to try now. A destination that cannot be reached
 * is asked by one letter at a time, after a wait that doubles; those behind it are looked at then, so that their authors hear
 * in time that they wait, or do so no more. Nothing is held but numbers and times.
 */
import { unreachable } from '../../base/index.ts';
import { isDelayed, isExpired, retryWait } from './judging.ts';
import { PER_DESTINATION_MAX, TELLS_MAX } from './limits.ts';

export interface Waiting {
  readonly number: number;
  readonly nextAt: number;
  readonly acceptedAt: number;
  readonly isDelayTold: boolean;
}

export interface DestinationQueue {
  /** By when they are due, then by number. */
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
      return goOn({ ...queue, waiting: inserted(queue.waiting, event.letters) }, now);
    case 'time':
      return goOn(queue, now);
    case 'retry':
      return goOn({ ...queue, waitUntil: 0, waiting: allDue(queue.waiting, now) }, now);
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
  const waiting = left === undefined ? queue.waiting : inserted(queue.waiting, [left]);
  const after = { ...queue, underWay, waiting };
  if (reached === 'untried') return tellOverdue(after, now);
  if (reached === 'yes') return goOn({ ...after, failures: 0, waitUntil: 0 }, now);
  const failures = queue.failures + 1;
  return tellOverdue({ ...after, failures, waitUntil: now + retryWait(failures, jitter) }, now);
}

/** Those that are not asked for, and wait too long for nobody to hear of it: some at a time, the others when these are told. */
function tellOverdue(queue: DestinationQueue, now: number): Step {
  const room = queue.failures === 0 ? 0 : Math.max(0, TELLS_MAX - queue.underWay.length);
  const isOverdue = (letter: Waiting): boolean =>
    isExpired(letter, now) || (isDelayed(letter, now) && !letter.isDelayTold);
  const overdue = queue.waiting.filter(isOverdue).slice(0, room);
  if (overdue.length === 0) return goOn(queue, now);
  const going = new Set(overdue);
  const numbers = overdue.map(({ number }) => number);
  const waiting = queue.waiting.filter((letter) => !going.has(letter));
  const rest = goOn({ ...queue, waiting, underWay: [...queue.underWay, ...numbers] }, now);
  return { ...rest, effects: [...numbers.map((number) => ({ kind: 'tell', number }) as const), ...rest.effects] };
}

/** Tries what is due, as much at once as the destination bears. */
function goOn(queue: DestinationQueue, now: number): Step {
  const isProbe = queue.failures > 0;
  const room = Math.max(0, (isProbe ? 1 : PER_DESTINATION_MAX) - queue.underWay.length);
  const first = queue.waitUntil > now ? [] : queue.waiting.slice(0, room);
  const numbers = first.filter(({ nextAt }) => nextAt <= now).map(({ number }) => number);
  const waiting = queue.waiting.slice(numbers.length);
  const effects: Effect[] = numbers.map((number) => ({ kind: 'attempt', number, isProbe }));
  const [next] = waiting;
  const at = Math.max(next?.nextAt ?? 0, queue.waitUntil);
  // What is due already waits for room, which the end of something under way brings.
  if (next !== undefined && at > now) effects.push({ kind: 'wake', at });
  return { queue: { ...queue, waiting, underWay: [...queue.underWay, ...numbers] }, effects };
}

function byTime(a: Waiting, b: Waiting): number {
  return a.nextAt - b.nextAt || a.number - b.number;
}

/** Both in order; many are added at a start, one at a time afterwards. */
function inserted(waiting: readonly Waiting[], more: readonly Waiting[]): readonly Waiting[] {
  const [only] = more;
  if (only === undefined) return waiting;
  if (more.length > 1) return [...waiting, ...more].sort(byTime);
  let [low, high] = [0, waiting.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (byTime(waiting[middle] as Waiting, only) <= 0) low = middle + 1;
    else high = middle;
  }
  return [...waiting.slice(0, low), only, ...waiting.slice(low)];
}

/** In order of their numbers: who has waited longest is first. */
function allDue(waiting: readonly Waiting[], now: number): readonly Waiting[] {
  return waiting.map((letter) => ({ ...letter, nextAt: now })).sort(byTime);
}
