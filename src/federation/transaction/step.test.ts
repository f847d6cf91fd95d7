import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, invariant, SeededPrng } from '../../base/index.ts';
import { type Answer, ItemStatus, parseHomeName } from '../../protocol/index.ts';
import type { OutboxItem } from '../ports.ts';
import type { Moment } from './back-off.ts';
import { withOldFlight } from './flight.ts';
import { feedOf } from './homes-world.contract.ts';
import { type Kept, lineOf, NOTHING_KEPT } from './kept.ts';
import { createQueue, type Effect, type Queue, type QueueEvent, queuedCount, step } from './step.ts';

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

  test('sends a batch that is full by count at once, since it is known by where it begins', () => {
    const { queue: sending, effects } = run(queue, sent(50));
    expect(effects).toEqual([]); // nothing is stored, so that `stored` is not waited for
    expect(sending.activity).toMatchObject({ kind: 'sending', batch: { range: { first: 1, last: 50 } } });
  });

  const answeredOnce: readonly (readonly [QueueEvent, number])[] = [
    ...sent(50),
    [{ kind: 'answered', answer: answer(OK(50), 50), jitter: 0 }, 5],
  ];

  test('stores what an answer changes while the next full batch is under way', () => {
    const { queue: next, effects } = run(queue, [...answeredOnce, [{ kind: 'read', last: 100 }, 5]]);
    expect(effects).toMatchObject([
      {
        kind: 'send',
        batch: { range: { first: 51, last: 100 } },
        meanwhile: { before: { lines: [] }, after: { lines: [{ acknowledged: 50, flight: undefined }] } },
      },
    ]);
    expect(next.kept.lines).toEqual([]);
    const { effects: last } = run(next, [
      [{ kind: 'answered', answer: answer(OK(50), 100), jitter: 0 }, 6],
      [{ kind: 'read', last: 120 }, 6],
    ]);
    expect(last).toMatchObject([
      {
        kind: 'store',
        before: { lines: [{ acknowledged: 50 }] },
        after: { lines: [{ acknowledged: 100, flight: { first: 101, last: 120 } }] },
      },
    ]);
  });

  test('keeps what an answer changes together with a next range that is not full', () => {
    const { queue: next, effects } = run(queue, [...answeredOnce, [{ kind: 'read', last: 70 }, 5]]);
    expect(effects).toMatchObject([
      { kind: 'store', after: { lines: [{ acknowledged: 50, flight: { first: 51, last: 70 } }] } },
    ]);
    expect(next.kept.lines).toEqual([]);
  });

  test('has heard neither answer when what the first changes could not be stored', () => {
    const problem = { code: 'disk_full', message: '', waitMs: 0 };
    const { queue: next, effects } = run(queue, [
      ...answeredOnce,
      [{ kind: 'read', last: 100 }, 5],
      [{ kind: 'failed', problem, jitter: 0, isStored: false }, 6],
    ]);
    expect(next.kept).toMatchObject({ lines: [], record: { failures: 1, lastError: { code: 'disk_full' } } });
    expect(effects).toEqual([{ kind: 'wake', at: 1_006 }]);
    expect(run(next, [[{ kind: 'time' }, 1_006]]).effects).toMatchObject([{ kind: 'read', first: 1, last: 50 }]);
  });

  test('a full batch whose answer does not come is written down, so that no pull goes past it', () => {
    const problem = { code: 'timeout', message: '', waitMs: 0 };
    const { queue: next } = run(queue, [
      ...answeredOnce,
      [{ kind: 'read', last: 100 }, 5],
      [{ kind: 'failed', problem, jitter: 0, isStored: true }, 6],
      [{ kind: 'stored' }, 6],
      [{ kind: 'pulled', feed: FEED, after: 110, isServed: true }, 7],
      [{ kind: 'stored' }, 7],
    ]);
    expect(next.kept.lines).toMatchObject([{ acknowledged: 110, flight: { first: 51, last: 100 } }]);
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

/**
 * Everything that may happen to a queue, in any order, with a receiver that takes numbers as ours does. Whatever comes, each
 * number gets a final answer, in order but for those that were answered later, and the queue ends empty.
 */
describe('whatever the order of failures, answers and crashes', () => {
  const REACH = 190;
  /** Its items end a batch, as large ones do. */
  const LARGE = [17, 90];
  const happening = fc.constantFrom(
    'fine',
    'fine',
    'fine',
    'grow',
    'lost',
    'answerLost',
    'storeFails',
    'crash',
    'crashAfterStore',
    'crashAfterSend',
    'contact',
    'retry',
    'pull',
  );

  test('each number is delivered and none is forgotten', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { maxLength: 60 }), fc.nat(), async (happenings, seed) => {
        const world = await StepWorld.open(seed);
        for (const what of happenings) await world.let(what);
        while (world.reach < REACH) await world.let('grow');
        for (let turn = 0; turn < 2_000 && !world.isDone; turn++) await world.let('fine');
        expect(queuedCount(world.queue)).toBe(0);
        expect([...world.final].sort((a, b) => a - b)).toEqual(Array.from({ length: REACH }, (_, index) => index + 1));
        expect(world.queue.kept).toEqual(world.disk);
        expect(world.disk.deferred).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  class StepWorld {
    queue = createQueue(NOTHING_KEPT, [], false);
    disk: Kept = NOTHING_KEPT;
    reach = 60;
    readonly final = new Set<number>();
    readonly #prng: SeededPrng;
    readonly #answers = new Map<string, Answer>();
    /** Which range was first sent from each number. */
    readonly #sent = new Map<number, number>();
    #held = 0;
    #now = 0;
    #effects: readonly Effect[] = [];

    private constructor(seed: number) {
      this.#prng = new SeededPrng(seed);
    }

    static async open(seed: number): Promise<StepWorld> {
      const world = new StepWorld(seed);
      await world.#open();
      return world;
    }

    get isDone(): boolean {
      return queuedCount(this.queue) === 0 && this.queue.activity.kind === 'idle';
    }

    /** Performs the next effect, in one way or another; when there is none, time passes. */
    async let(what: string): Promise<void> {
      if (what === 'crash') await this.#open();
      if (what === 'contact' || what === 'retry') this.#tell({ kind: what });
      if (what === 'pull') this.#tell({ kind: 'pulled', feed: FEED, after: this.#held, isServed: false });
      if (what === 'grow') {
        this.reach = Math.min(REACH, this.reach + 20);
        this.#tell({ kind: 'reach', reach: [{ feed: FEED, number: this.reach }], inherited: NOTHING_KEPT });
      }
      const [effect, ...rest] = this.#effects;
      this.#effects = rest;
      if (effect === undefined) {
        this.#now += 1_000;
        this.#tell({ kind: 'time' });
        return;
      }
      if (effect.kind === 'wake') this.#now = Math.max(this.#now, effect.at);
      if (effect.kind === 'wake') this.#tell({ kind: 'time' });
      if (effect.kind === 'read') this.#tell({ kind: 'read', last: endOf(effect.first, effect.last) });
      if (effect.kind === 'store') await this.#store(effect, what);
      if (effect.kind === 'send') await this.#send(effect, what);
    }

    async #open(): Promise<void> {
      const reach = [{ feed: FEED, number: this.reach }];
      const read = async (_home: unknown, _feed: unknown, first: number, last: number): Promise<OutboxItem[]> =>
        Array.from({ length: endOf(first, last) - first + 1 }, (_, i) => ({ ...ITEM, number: first + i }));
      const kept = await withOldFlight({ read }, parseHomeName('b.example'), this.disk, reach);
      const first = step(createQueue(kept, reach, false), { kind: 'time' }, moment(this.#now));
      this.queue = first.queue;
      this.#effects = first.effects;
    }

    #tell(event: QueueEvent): void {
      const { queue, effects } = step(this.queue, event, moment(this.#now));
      this.queue = queue;
      this.#effects = [...this.#effects, ...effects];
    }

    async #store({ after }: Extract<Effect, { kind: 'store' }>, what: string): Promise<void> {
      if (what !== 'storeFails') this.disk = after;
      if (what === 'storeFails') this.#fail();
      else if (what === 'crashAfterStore') await this.#open();
      else this.#tell({ kind: 'stored' });
    }

    async #send({ batch: { range }, meanwhile }: Extract<Effect, { kind: 'send' }>, what: string): Promise<void> {
      const { attempt, first, last } = range;
      if (attempt === 0) expect(this.#sent.get(first) ?? last).toBe(last);
      else
        expect(this.queue.kept.deferred.map((one) => `${one.number}.${one.attempt}`)).toContain(`${first}.${attempt}`);
      if (what !== 'storeFails' && what !== 'crashAfterSend') this.disk = meanwhile?.after ?? this.disk;
      if (what === 'crashAfterStore') return this.#open();
      if (what === 'lost') return this.#fail();
      if (attempt === 0) this.#sent.set(first, last);
      const name = `${first}.${last}.${attempt}`;
      const given = this.#answers.get(name) ?? this.#take(first, last);
      if (given.results.length > 0) this.#answers.set(name, given);
      if (what === 'crashAfterSend') return this.#open();
      if (what === 'storeFails' && meanwhile !== undefined) return this.#fail(false);
      if (what === 'answerLost') return this.#fail();
      this.#tell({ kind: 'answered', answer: given, jitter: this.#prng.next() });
    }

    #take(first: number, last: number): Answer {
      if (first > this.#held + 1) return answer([], this.#held);
      const results: ItemStatus[] = [];
      for (let number = first; number <= last; number++) {
        const isLater = !this.final.has(number) && this.#prng.next() < 0.1;
        if (isLater) results.push(ItemStatus.LATER);
        else results.push(this.final.has(number) ? ItemStatus.DUPLICATE : ItemStatus.OK);
        if (!isLater) this.final.add(number);
      }
      this.#held = Math.max(this.#held, last);
      return answer(results, this.#held);
    }

    #fail(isStored = true): void {
      const problem = { code: 'unreachable', message: '', waitMs: 0 };
      this.#tell({ kind: 'failed', problem, jitter: this.#prng.next(), isStored });
    }
  }

  const ITEM: Omit<OutboxItem, 'number'> = { queuedAt: 0, pdu: new Uint8Array(1), body: undefined, isOwed: false };

  /** A batch ends with a large item, whoever reads it and whenever. */
  function endOf(first: number, last: number): number {
    return Math.min(last, ...LARGE.filter((number) => number >= first));
  }
});
