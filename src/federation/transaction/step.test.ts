import { describe, expect, test } from 'vitest';
import { fromHex, invariant } from '../../base/index.ts';
import { type Answer, ItemStatus } from '../../protocol/index.ts';
import type { Moment } from './back-off.ts';
import { feedOf } from './homes-world.contract.ts';
import { lineOf, NOTHING_KEPT } from './kept.ts';
import { createQueue, type Effect, type Queue, type QueueEvent, step } from './step.ts';

const FEED = feedOf('a');
const OLD = feedOf('a', 1);

function moment(monotonic: number): Moment {
  return { wall: 1_000_000 + monotonic, monotonic };
}

function answer(results: readonly ItemStatus[], heldTo: number, feed = FEED): Answer {
  return {
    results: results.map((status) => ({ status, code: '', detail: '' })),
    feed: fromHex(feed),
    heldTo,
    reach: [],
  };
}

const OK = (count: number): ItemStatus[] => Array.from({ length: count }, () => ItemStatus.OK);

/** Runs events one after the other and gives the effects of the last. */
function run(queue: Queue, events: readonly (readonly [QueueEvent, number])[]) {
  let effects: readonly Effect[] = [];
  let now = queue;
  for (const [event, at] of events) ({ queue: now, effects } = step(now, event, moment(at)));
  return { queue: now, effects };
}

const sent = (last: number): (readonly [QueueEvent, number])[] => [
  [{ kind: 'time' }, 0],
  [{ kind: 'read', last }, 0],
  [{ kind: 'stored' }, 0],
];

describe('a queue', () => {
  const queue = createQueue(NOTHING_KEPT, [{ feed: FEED, number: 120 }], false);

  test('reads a batch, keeps its range, then sends it', () => {
    const reading = run(queue, sent(0).slice(0, 1));
    expect(reading.effects).toEqual([{ kind: 'read', feed: FEED, first: 1, last: 50 }]);
    const storing = run(reading.queue, [[{ kind: 'read', last: 30 }, 0]]);
    expect(storing.effects).toMatchObject([
      {
        kind: 'store',
        after: { lines: [{ feed: FEED, acknowledged: 0, flight: { first: 1, last: 30, attempt: 0 } }] },
      },
    ]);
    expect(run(storing.queue, [[{ kind: 'stored' }, 0]]).effects).toEqual([
      { kind: 'send', batch: { feed: FEED, range: { first: 1, last: 30, attempt: 0 } } },
    ]);
  });

  const answeredOnce: readonly (readonly [QueueEvent, number])[] = [
    ...sent(50),
    [{ kind: 'answered', answer: answer(OK(50), 50), jitter: 0 }, 5],
  ];
  const FIRST = { acknowledged: 0, flight: { first: 1, last: 50 } };

  test('stores what an answer changes, and the next range, while that is under way when it is full', () => {
    const { queue: next, effects } = run(queue, [...answeredOnce, [{ kind: 'read', last: 100 }, 5]]);
    const after = { lines: [{ acknowledged: 50, flight: { first: 51, last: 100 } }] };
    expect(effects).toMatchObject([
      { kind: 'send', batch: { range: { first: 51, last: 100 } }, meanwhile: { before: { lines: [FIRST] }, after } },
    ]);
    expect(next.kept.lines).toMatchObject([FIRST]);
    const { effects: last } = run(next, [
      [{ kind: 'answered', answer: answer(OK(50), 100), jitter: 0 }, 6],
      [{ kind: 'read', last: 120 }, 6],
    ]);
    expect(last).toMatchObject([
      { kind: 'store', before: after, after: { lines: [{ acknowledged: 100, flight: { first: 101, last: 120 } }] } },
    ]);
  });

  test('stores both before it sends a range that is not full', () => {
    const { queue: next, effects } = run(queue, [...answeredOnce, [{ kind: 'read', last: 70 }, 5]]);
    expect(effects).toMatchObject([
      { kind: 'store', after: { lines: [{ acknowledged: 50, flight: { first: 51, last: 70 } }] } },
    ]);
    expect(next.kept.lines).toMatchObject([FIRST]);
  });

  test('stores a full range before it sends it when none is on disk right before it', () => {
    expect(run(queue, sent(50).slice(0, 2)).effects).toMatchObject([{ kind: 'store', after: { lines: [FIRST] } }]);
  });

  test('has heard neither answer when what the first changes could not be stored', () => {
    const problem = { code: 'disk_full', message: '', waitMs: 0 };
    const { queue: next, effects } = run(queue, [
      ...answeredOnce,
      [{ kind: 'read', last: 100 }, 5],
      [{ kind: 'failed', problem, jitter: 0, isStored: false }, 6],
    ]);
    expect(next.kept).toMatchObject({ lines: [FIRST], record: { failures: 1, lastError: { code: 'disk_full' } } });
    expect(effects).toEqual([{ kind: 'wake', at: 1_006 }]);
    // Both go out again, whatever the other home says it holds: what it put off is in their answers. Then that counts.
    const { queue: again } = run(next, [
      [{ kind: 'pulled', feed: FEED, after: 110, isServed: false }, 7],
      [{ kind: 'time' }, 1_006],
    ]);
    expect(again.activity).toMatchObject({ kind: 'sending', batch: { range: { first: 1, last: 50 } } });
    const { queue: second } = run(again, [
      [{ kind: 'answered', answer: answer(OK(50), 50), jitter: 0 }, 1_007],
      [{ kind: 'read', last: 100 }, 1_007],
    ]);
    expect(second.activity).toMatchObject({ kind: 'sending', batch: { range: { first: 51, last: 100 } } });
    const { queue: third } = run(second, [[{ kind: 'answered', answer: answer(OK(50), 100), jitter: 0 }, 1_008]]);
    expect(third.activity).toMatchObject({ kind: 'reading', first: 111 });
  });

  test('the answer of an item alone does not go past the main line', () => {
    const lines = [{ feed: FEED, acknowledged: 50, flight: undefined }];
    const deferred = [{ feed: FEED, number: 7, attempt: 1, dueAt: 0 }];
    const { queue: next } = run(
      createQueue({ ...NOTHING_KEPT, lines, deferred }, [{ feed: FEED, number: 120 }], false),
      [
        [{ kind: 'time' }, 0],
        [{ kind: 'answered', answer: answer(OK(1), 100), jitter: 0 }, 1],
      ],
    );
    expect(next.activity).toMatchObject({ kind: 'reading', first: 51 });
  });

  test('an operator who hurries is heard also by what is being stored', () => {
    const later = [...OK(49), ItemStatus.LATER];
    const { queue: next } = run(queue, [
      ...sent(50),
      [{ kind: 'answered', answer: answer(later, 50), jitter: 0 }, 5],
      [{ kind: 'read', last: 100 }, 5],
      [{ kind: 'retry' }, 6],
      [{ kind: 'answered', answer: answer(OK(50), 100), jitter: 0 }, 7],
      [{ kind: 'stored' }, 7],
    ]);
    expect(next.activity).toMatchObject({ kind: 'sending', batch: { range: { first: 50, attempt: 1 } } });
  });

  test('does one thing at a time, whatever is asked meanwhile', () => {
    const { queue: busy } = run(queue, sent(50));
    for (const kind of ['time', 'contact', 'retry', 'hinted', 'stored'] as const)
      expect(step(busy, { kind }, moment(1)).effects).toEqual([]);
  });

  test('drains the oldest feed first', () => {
    const two = createQueue(
      NOTHING_KEPT,
      [
        { feed: OLD, number: 3 },
        { feed: FEED, number: 5 },
      ],
      false,
    );
    expect(run(two, [[{ kind: 'time' }, 0]]).effects).toMatchObject([{ kind: 'read', feed: OLD, first: 1, last: 3 }]);
  });

  test('waits ever longer after failures, up to an hour, and is awake at once after a contact', () => {
    let { queue: failing } = run(queue, sent(50));
    const waits: number[] = [];
    let at = 0;
    for (let time = 0; time < 16; time++) {
      const problem = { code: 'unreachable', message: '', waitMs: 0 };
      const { queue: waiting, effects } = run(failing, [
        [{ kind: 'failed', problem, jitter: 0, isStored: true }, at],
        [{ kind: 'stored' }, at],
      ]);
      const [wake] = effects;
      invariant(wake?.kind === 'wake', 'a failure is waited for');
      waits.push(wake.at - at);
      at = wake.at;
      failing = run(waiting, [[{ kind: 'time' }, at]]).queue;
      expect(failing.activity.kind).toBe('sending');
    }
    expect(waits.slice(0, 5)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
    expect(waits.at(-1)).toBe(3_600_000);
    const { queue: waiting } = run(failing, [
      [{ kind: 'failed', problem: { code: 'unreachable', message: '', waitMs: 0 }, jitter: 0, isStored: true }, at],
      [{ kind: 'stored' }, at],
    ]);
    expect(step(waiting, { kind: 'contact' }, moment(at + 10_000)).effects).toEqual([
      { kind: 'wake', at: at + 10_250 },
    ]);
  });

  test('a contact during a request that then fails counts', () => {
    const { effects } = run(queue, [
      ...sent(50),
      [{ kind: 'contact' }, 20_000],
      [{ kind: 'failed', problem: { code: 'timeout', message: '', waitMs: 0 }, jitter: 0, isStored: true }, 60_000],
      [{ kind: 'stored' }, 60_000],
    ]);
    expect(effects).toMatchObject([{ kind: 'send' }]);
  });

  test('waits as long as the other home wants', () => {
    const { effects } = run(queue, [
      ...sent(50),
      [
        { kind: 'failed', problem: { code: 'rate_limited', message: '', waitMs: 90_000 }, jitter: 0, isStored: true },
        0,
      ],
      [{ kind: 'stored' }, 0],
    ]);
    expect(effects).toEqual([{ kind: 'wake', at: 90_000 }]);
  });

  test('rests while the destination pulls, and goes on from where it asked', () => {
    const { queue: resting, effects } = run(queue, [
      [{ kind: 'pulled', feed: FEED, after: 70, isServed: true }, 0],
      [{ kind: 'stored' }, 0],
    ]);
    expect(effects).toEqual([{ kind: 'wake', at: 10_000 }]);
    expect(run(resting, [[{ kind: 'time' }, 10_000]]).effects).toMatchObject([{ kind: 'read', first: 71 }]);
    expect(run(resting, [[{ kind: 'pulled', feed: FEED, after: 120, isServed: false }, 50]]).effects).toMatchObject([
      { kind: 'store', after: { lines: [{ acknowledged: 120 }] } },
    ]);
  });

  test('counts what it was answered for, however much the other says it holds', () => {
    const { effects } = run(queue, [
      ...sent(50),
      [{ kind: 'answered', answer: answer(OK(50), 1_000_000), jitter: 0 }, 0],
    ]);
    expect(effects).toEqual([{ kind: 'read', feed: FEED, first: 51, last: 100 }]);
  });

  test('goes on with an inherited feed where its node stopped, what was put off included, whatever is under way', () => {
    const lines = [{ feed: OLD, acknowledged: 7, flight: undefined }];
    const deferred = [{ feed: OLD, number: 5, attempt: 1, dueAt: 0 }];
    const reach = [
      { feed: OLD, number: 9 },
      { feed: FEED, number: 120 },
    ];
    const { queue: later, effects } = run(queue, [
      [{ kind: 'time' }, 0],
      [{ kind: 'read', last: 50 }, 0],
      [{ kind: 'reach', reach, inherited: { lines, deferred } }, 0],
      [{ kind: 'stored' }, 0],
      [{ kind: 'answered', answer: answer(OK(50), 50), jitter: 0 }, 1],
      [{ kind: 'stored' }, 1],
    ]);
    expect(effects).toEqual([{ kind: 'send', batch: { feed: OLD, range: { first: 5, last: 5, attempt: 1 } } }]);
    expect(lineOf(later.kept, OLD).acknowledged).toBe(7);
    const { effects: next } = run(later, [[{ kind: 'answered', answer: answer(OK(1), 7, OLD), jitter: 0 }, 2]]);
    expect(next).toEqual([{ kind: 'read', feed: OLD, first: 8, last: 9 }]);
  });

  test.each([
    ['of another feed', answer(OK(50), 50, OLD)],
    ['of too few results', answer(OK(49), 50)],
    ['of no results without a gap', answer([], 50)],
  ])('an answer %s changes nothing but the back-off', (_, wrong) => {
    const { queue: after } = run(queue, [
      ...sent(50),
      [{ kind: 'answered', answer: wrong, jitter: 0 }, 0],
      [{ kind: 'stored' }, 0],
    ]);
    expect(after.kept).toMatchObject({
      lines: [{ acknowledged: 0, flight: { first: 1, last: 50 } }],
      record: { failures: 1, lastError: { code: 'bad_answer' } },
    });
  });

  test('a home that never holds what it answers is asked ever more rarely', () => {
    let now = run(queue, sent(50)).queue;
    let at = 0;
    for (let time = 1; time < 6; time++) {
      const { queue: waiting, effects } = run(now, [
        [{ kind: 'answered', answer: answer(OK(50), 0), jitter: 0 }, at],
        [{ kind: 'stored' }, at],
      ]);
      at += 1_000 * 2 ** (time - 1);
      expect(effects).toEqual([{ kind: 'wake', at }]);
      now = run(waiting, [
        [{ kind: 'time' }, at],
        [{ kind: 'read', last: 50 }, at],
        [{ kind: 'stored' }, at],
      ]).queue;
    }
  });
});
