/**
 * A destination's queue as a pure function: what happened, and what to do now. One request is in flight at a time.
 *
 * A range is sent again as it was, also by a later process: it is on disk before it is first sent. But for one that is full
 * by count and follows the range that is on disk: it is known by where it begins, so that it is stored while it is under way,
 * with what the answer before it changes. An answer counts when what was stored meanwhile is on disk; if that failed, neither
 * was heard: both ranges are sent again, and answered again.
 *
 * Nothing is held but numbers: items are read by whoever performs the effects.
 */
import { unreachable } from '../../base/index.ts';
import { type Answer, type FeedId, TRANSACTION_ITEMS_MAX as ITEMS_MAX } from '../../protocol/index.ts';
import { failureWait, type Moment } from './back-off.ts';
import type { BatchName } from './batch.ts';
import { type FeedReach, isKnownByBeginning } from './flight.ts';
import { type DestinationRecord, type Kept, lineOf, withLine } from './kept.ts';
import { BACKOFF_FIRST_MS, CONTACT_PAUSE_MS, DEFERRED_MAX, DETAIL_CHARACTERS_MAX, PULL_PATIENCE_MS } from './limits.ts';
import { acknowledge, settle } from './settle.ts';

export interface Queue {
  /** As on disk, but for a back-off that a contact has cleared. */
  readonly kept: Kept;
  /** How far our feeds go for this destination, oldest feed first. */
  readonly reach: readonly FeedReach[];
  readonly owesHints: boolean;
  /** Monotonic, as the three below. */
  readonly attemptedAt: number;
  readonly contactedAt: number;
  /** Until then the destination is thought to pull, and the main line rests. */
  readonly pulledUntil: number;
  /** Answers of ranges to be heard before `said` counts: those of ranges that may have been sent and are not on disk. */
  readonly unheard: number;
  /** What the destination said it holds, when that does not count yet. */
  readonly said: { readonly feed: FeedId; readonly heldTo: number } | undefined;
  readonly activity: Activity;
}

export type Activity =
  | { readonly kind: 'idle' }
  /** Finding out how many items the next batch has; `after` is stored with it. */
  | { readonly kind: 'reading'; readonly feed: FeedId; readonly first: number; readonly after: Kept }
  | { readonly kind: 'storing'; readonly after: Kept; readonly next: BatchName | undefined }
  /** `after` is being stored meanwhile; the same as `kept` when there was nothing to store. */
  | { readonly kind: 'sending'; readonly batch: BatchName; readonly after: Kept }
  | { readonly kind: 'hinting' };

export interface Problem {
  readonly code: string;
  readonly message: string;
  /** How long the other home wants us to wait; 0 when it did not say. */
  readonly waitMs: number;
}

export type QueueEvent =
  /** `inherited`: of feeds that were another node's until now, how far it had come. */
  | {
      readonly kind: 'reach';
      readonly reach: readonly FeedReach[];
      readonly inherited: Pick<Kept, 'lines' | 'deferred'>;
    }
  | { readonly kind: 'hinted' }
  | { readonly kind: 'time' }
  | { readonly kind: 'contact' }
  | { readonly kind: 'retry' }
  /** It asked for what comes after that number, and was given something or not. */
  | { readonly kind: 'pulled'; readonly feed: FeedId; readonly after: number; readonly isServed: boolean }
  | { readonly kind: 'read'; readonly last: number }
  | { readonly kind: 'stored' }
  | { readonly kind: 'answered'; readonly answer: Answer; readonly jitter: number }
  /** `isSaid`: there was something to say. `more`: hints are owed beyond those. */
  | { readonly kind: 'hintsSent'; readonly isSaid: boolean; readonly more: boolean }
  /** Whatever was under way did not succeed. `isStored`: but what a request was to store meanwhile is on disk. */
  | { readonly kind: 'failed'; readonly problem: Problem; readonly jitter: number; readonly isStored: boolean };

export type Effect =
  | { readonly kind: 'read'; readonly feed: FeedId; readonly first: number; readonly last: number }
  | ({ readonly kind: 'store' } & Change)
  /** `meanwhile` is stored at the same time; what comes of the request is told when that is on disk. */
  | { readonly kind: 'send'; readonly batch: BatchName; readonly meanwhile: Change | undefined }
  | { readonly kind: 'sendHints' }
  /** The one timer of this destination, in place of the one before. */
  | { readonly kind: 'wake'; readonly at: number };

export interface Change {
  readonly before: Kept;
  readonly after: Kept;
}

export interface Step {
  readonly queue: Queue;
  readonly effects: readonly Effect[];
}

export function createQueue(kept: Kept, reach: readonly FeedReach[], owesHints: boolean): Queue {
  const never = Number.NEGATIVE_INFINITY;
  return {
    kept,
    reach,
    owesHints,
    attemptedAt: never,
    contactedAt: never,
    pulledUntil: never,
    unheard: kept.lines.some(({ flight }) => flight !== undefined) ? UNHEARD_MOST : 0,
    said: undefined,
    activity: { kind: 'idle' },
  };
}

/** The range in flight as it is on disk, and the full one that may have been sent right behind it. */
const UNHEARD_MOST = 2;

export function step(queue: Queue, event: QueueEvent, now: Moment): Step {
  switch (event.kind) {
    case 'reach':
      return goOn({ ...inherit(queue, event.inherited), reach: event.reach }, now);
    case 'hinted':
      return goOn({ ...queue, owesHints: true }, now);
    case 'time':
      return goOn(queue, now);
    case 'contact':
      return goOn(contacted(queue, now), now);
    case 'retry':
      return goOn(retried(queue, now), now);
    case 'pulled':
      return pulled(queue, event, now);
    case 'read':
      return read(queue, event.last, now);
    case 'stored':
      return stored(queue, now);
    case 'answered':
      return answered(queue, event.answer, event.jitter, now);
    case 'hintsSent':
      return hintsSent(queue, event, now);
    case 'failed':
      return failed(queue, event, now);
    default:
      return unreachable(event);
  }
}

/** On disk it is already, so it belongs to what is being stored too. */
function inherit(queue: Queue, { lines, deferred }: Pick<Kept, 'lines' | 'deferred'>): Queue {
  if (lines.length === 0 && deferred.length === 0) return queue;
  const join = (kept: Kept): Kept => ({
    ...lines.reduce(withLine, kept),
    deferred: deferred.length === 0 ? kept.deferred : [...kept.deferred, ...deferred],
  });
  const { activity, kept } = queue;
  return {
    ...queue,
    kept: join(kept),
    activity: 'after' in activity ? { ...activity, after: join(activity.after) } : activity,
  };
}

/** Numbers that are not acknowledged, of all feeds, and those that come again. */
export function queuedCount({ kept, reach }: Queue): number {
  let count = kept.deferred.length;
  for (const { feed, number } of reach) count += Math.max(0, number - lineOf(kept, feed).acknowledged);
  return count;
}

/** What to do next, if nothing is under way. */
function goOn(queue: Queue, now: Moment): Step {
  if (queue.activity.kind !== 'idle') return { queue, effects: [] };
  const { waitUntil } = queue.kept.record;
  if (waitUntil > now.monotonic) return { queue, effects: [{ kind: 'wake', at: waitUntil }] };
  const next = nextOf(queue, queue.kept, now);
  switch (next.kind) {
    case 'send':
      return send(queue, next.batch, queue.kept, now);
    case 'read':
      return readNext(queue, next, queue.kept);
    case 'hints':
      return {
        queue: { ...queue, owesHints: false, attemptedAt: now.monotonic, activity: { kind: 'hinting' } },
        effects: [{ kind: 'sendHints' }],
      };
    case 'wait':
      return { queue, effects: Number.isFinite(next.until) ? [{ kind: 'wake', at: next.until }] : [] };
    default:
      return unreachable(next);
  }
}

type Next =
  | { readonly kind: 'send'; readonly batch: BatchName }
  | { readonly kind: 'read'; readonly feed: FeedId; readonly first: number; readonly last: number }
  | { readonly kind: 'hints' }
  | { readonly kind: 'wait'; readonly until: number };

/** The range that was begun, then what is due again, then new items of the oldest feed, then hints. */
function nextOf({ reach, owesHints, pulledUntil }: Queue, kept: Kept, now: Moment): Next {
  const isPulling = pulledUntil > now.monotonic;
  let until = Number.POSITIVE_INFINITY;
  for (const line of kept.lines) {
    if (line.flight === undefined) continue;
    if (!isPulling) return { kind: 'send', batch: { feed: line.feed, range: line.flight } };
    until = pulledUntil;
  }
  for (const { feed, number, attempt, dueAt } of kept.deferred) {
    if (dueAt <= now.monotonic)
      return { kind: 'send', batch: { feed, range: { first: number, last: number, attempt } } };
    until = Math.min(until, dueAt);
  }
  const hasRoom = kept.deferred.length + ITEMS_MAX <= DEFERRED_MAX;
  for (const { feed, number } of hasRoom ? reach : []) {
    const first = lineOf(kept, feed).acknowledged + 1;
    if (first > number) continue;
    if (!isPulling) return { kind: 'read', feed, first, last: Math.min(number, first + ITEMS_MAX - 1) };
    until = Math.min(until, pulledUntil);
    break;
  }
  return owesHints ? { kind: 'hints' } : { kind: 'wait', until };
}

function send(queue: Queue, batch: BatchName, after: Kept, now: Moment): Step {
  const meanwhile = after === queue.kept ? undefined : { before: queue.kept, after };
  return {
    queue: { ...queue, attemptedAt: now.monotonic, activity: { kind: 'sending', batch, after } },
    effects: [{ kind: 'send', batch, meanwhile }],
  };
}

function readNext(queue: Queue, { feed, first, last }: Extract<Next, { kind: 'read' }>, after: Kept): Step {
  return {
    queue: { ...queue, activity: { kind: 'reading', feed, first, after } },
    effects: [{ kind: 'read', feed, first, last }],
  };
}

function store(queue: Queue, after: Kept, next?: BatchName): Step {
  return {
    queue: { ...queue, activity: { kind: 'storing', after, next } },
    effects: [{ kind: 'store', before: queue.kept, after }],
  };
}

function read(queue: Queue, last: number, now: Moment): Step {
  const { activity } = queue;
  if (activity.kind !== 'reading') return { queue, effects: [] };
  const { feed, first, after } = activity;
  const batch = { feed, range: { first, last, attempt: 0 } };
  const next = withLine(after, { ...lineOf(after, feed), flight: batch.range });
  return isKnownByBeginning(batch, queue.kept) ? send(queue, batch, next, now) : store(queue, next, batch);
}

function stored(queue: Queue, now: Moment): Step {
  const { activity } = queue;
  if (activity.kind !== 'storing') return { queue, effects: [] };
  const { after, next } = activity;
  const kept = queue.contactedAt > queue.attemptedAt ? withoutWait(after, queue, now) : after;
  const idle: Queue = { ...queue, kept, activity: { kind: 'idle' } };
  return next === undefined ? goOn(idle, now) : send(idle, next, kept, now);
}

function answered(queue: Queue, answer: Answer, jitter: number, now: Moment): Step {
  const { activity } = queue;
  if (activity.kind !== 'sending') return { queue, effects: [] };
  const { batch } = activity;
  const isMain = batch.range.attempt === 0;
  const sent: Queue = { ...queue, kept: activity.after, unheard: Math.max(0, queue.unheard - (isMain ? 1 : 0)) };
  const reach = queue.reach.find(({ feed }) => feed === batch.feed)?.number ?? batch.range.last;
  const { kept, problem } = settle(sent.kept, batch, reach, answer, now, jitter);
  if (problem !== undefined) {
    // Whoever was restored holds less than it said before.
    return store({ ...sent, said: undefined }, afterFailure(kept, { ...problem, waitMs: 0 }, jitter, now));
  }
  const { counts, queue: settled } = heard(sent);
  const after = succeeded(counts(kept), now);
  const next = nextOf(settled, after, now);
  return next.kind === 'read' ? readNext(settled, next, after) : store(settled, after);
}

function hintsSent(queue: Queue, event: Extract<QueueEvent, { kind: 'hintsSent' }>, now: Moment): Step {
  if (queue.activity.kind !== 'hinting') return { queue, effects: [] };
  const next = { ...queue, owesHints: queue.owesHints || event.more };
  return event.isSaid ? store(next, succeeded(queue.kept, now)) : goOn({ ...next, activity: { kind: 'idle' } }, now);
}

function failed(queue: Queue, event: Extract<QueueEvent, { kind: 'failed' }>, now: Moment): Step {
  const { isStored, jitter, problem } = event;
  const { activity } = queue;
  const kept = afterFailure(queue.kept, problem, jitter, now);
  switch (activity.kind) {
    case 'idle':
      return { queue, effects: [] };
    case 'sending':
      if (!isStored) return goOn({ ...queue, kept, unheard: UNHEARD_MOST, activity: { kind: 'idle' } }, now);
      return store({ ...queue, kept: activity.after }, afterFailure(activity.after, problem, jitter, now));
    case 'hinting':
      return store({ ...queue, owesHints: true }, kept);
    case 'reading':
    case 'storing':
      // Our own disk: what is on it still stands, and whatever was sent is sent again.
      return goOn({ ...queue, kept, activity: { kind: 'idle' } }, now);
    default:
      return unreachable(activity);
  }
}

function pulled(queue: Queue, event: Extract<QueueEvent, { kind: 'pulled' }>, now: Moment): Step {
  const pulledUntil = event.isServed ? now.monotonic + PULL_PATIENCE_MS : Number.NEGATIVE_INFINITY;
  const said = { feed: event.feed, heldTo: event.after };
  if (queue.activity.kind !== 'idle')
    return { queue: { ...queue, pulledUntil, said: queue.unheard > 0 ? said : queue.said }, effects: [] };
  const { counts, queue: next } = heard({ ...queue, pulledUntil, said });
  const after = counts(queue.kept);
  return after === queue.kept ? goOn(next, now) : store(next, after);
}

/** What the destination said it holds counts, once, when nothing is unheard that it might pass over. */
function heard(queue: Queue): { readonly queue: Queue; readonly counts: (kept: Kept) => Kept } {
  const { reach, said, unheard } = queue;
  if (said === undefined || unheard > 0) return { queue, counts: (kept) => kept };
  const ours = reach.find(({ feed }) => feed === said.feed)?.number ?? 0;
  return {
    queue: { ...queue, said: undefined },
    counts: (kept) => acknowledge(kept, said.feed, ours, said.heldTo),
  };
}

/** The home is there: its wait is over, but for a moment, and no more than one try a second. */
function contacted(queue: Queue, now: Moment): Queue {
  const next = { ...queue, contactedAt: now.monotonic };
  return { ...next, kept: withoutWait(queue.kept, next, now) };
}

function withoutWait(kept: Kept, { attemptedAt, contactedAt }: Queue, now: Moment): Kept {
  const { record } = kept;
  if (record.failures === 0) return kept;
  const soon = Math.max(now.monotonic, contactedAt + CONTACT_PAUSE_MS, attemptedAt + BACKOFF_FIRST_MS);
  return { ...kept, record: { ...record, failures: 0, waitUntil: Math.min(record.waitUntil, soon) } };
}

/** The operator wants it tried now, also what is deferred. */
function retried(queue: Queue, now: Moment): Queue {
  const { activity } = queue;
  return {
    ...queue,
    pulledUntil: Number.NEGATIVE_INFINITY,
    kept: hurried(queue.kept, now),
    activity: activity.kind === 'sending' ? { ...activity, after: hurried(activity.after, now) } : activity,
  };
}

function hurried(kept: Kept, now: Moment): Kept {
  return {
    ...kept,
    record: { ...kept.record, failures: 0, waitUntil: now.monotonic },
    deferred: kept.deferred.map((item) => ({ ...item, dueAt: Math.min(item.dueAt, now.monotonic) })),
  };
}

function succeeded(kept: Kept, now: Moment): Kept {
  const record: DestinationRecord = {
    ...kept.record,
    failures: 0,
    waitUntil: now.monotonic,
    lastSuccessAt: now.wall,
  };
  return { ...kept, record };
}

function afterFailure(kept: Kept, problem: Problem, jitter: number, now: Moment): Kept {
  const failures = kept.record.failures + 1;
  return {
    ...kept,
    record: {
      ...kept.record,
      failures,
      waitUntil: now.monotonic + Math.max(problem.waitMs, failureWait(failures, jitter)),
      lastError: { code: problem.code, message: problem.message.slice(0, DETAIL_CHARACTERS_MAX), at: now.wall },
    },
  };
}
