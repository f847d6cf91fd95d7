/**
 * Everything that may happen to a queue, in any order, with a receiver that takes numbers as ours does. Whatever comes, each
 * number gets a final answer, in order but for those that were answered later, and the queue ends empty.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, SeededPrng } from '../../base/index.ts';
import { type Answer, ItemStatus } from '../../protocol/index.ts';
import type { Moment } from './back-off.ts';
import type { Range } from './batch.ts';
import { feedOf } from './homes-world.contract.ts';
import { type Kept, NOTHING_KEPT } from './kept.ts';
import { createQueue, type Effect, type QueueEvent, queuedCount, step } from './step.ts';

const FEED = feedOf('a');

function moment(monotonic: number): Moment {
  return { wall: 1_000_000 + monotonic, monotonic };
}

function answer(results: readonly ItemStatus[], heldTo: number): Answer {
  return {
    results: results.map((status) => ({ status, code: '', detail: '' })),
    feed: fromHex(FEED),
    heldTo,
    reach: [],
  };
}

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

  test('each number is delivered and none is forgotten', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), fc.nat(), (happenings, seed) => {
        const world = StepWorld.open(seed);
        for (const what of happenings) world.let(what);
        while (world.reach < REACH) world.let('grow');
        for (let turn = 0; turn < 2_000 && !world.isDone; turn++) world.let('fine');
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

    static open(seed: number): StepWorld {
      const world = new StepWorld(seed);
      world.#open();
      return world;
    }

    get isDone(): boolean {
      return queuedCount(this.queue) === 0 && this.queue.activity.kind === 'idle';
    }

    /** Performs the next effect, in one way or another; when there is none, time passes. */
    let(what: string): void {
      if (what === 'crash') this.#open();
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
      if (effect.kind === 'store') this.#store(effect, what);
      if (effect.kind === 'send') this.#send(effect, what);
    }

    #open(): void {
      const reach = [{ feed: FEED, number: this.reach }];
      const first = step(createQueue(this.disk, reach, false), { kind: 'time' }, moment(this.#now));
      this.queue = first.queue;
      this.#effects = first.effects;
    }

    #tell(event: QueueEvent): void {
      const { queue, effects } = step(this.queue, event, moment(this.#now));
      this.queue = queue;
      this.#effects = [...this.#effects, ...effects];
    }

    #store({ after }: Extract<Effect, { kind: 'store' }>, what: string): void {
      if (what !== 'storeFails') this.disk = after;
      if (what === 'storeFails') this.#fail();
      else if (what === 'crashAfterStore') this.#open();
      else this.#tell({ kind: 'stored' });
    }

    #send({ batch: { range }, meanwhile }: Extract<Effect, { kind: 'send' }>, what: string): void {
      const { attempt, first, last } = range;
      if (attempt === 0) expect(this.#sent.get(first) ?? last).toBe(last);
      else
        expect(this.queue.kept.deferred.map((one) => `${one.number}.${one.attempt}`)).toContain(`${first}.${attempt}`);
      const isStored = what !== 'storeFails' && what !== 'crashAfterSend';
      if (isStored) this.disk = meanwhile?.after ?? this.disk;
      const given = what === 'lost' || what === 'crashAfterStore' ? undefined : this.#arrive(range);
      if (what === 'crashAfterStore' || what === 'crashAfterSend') this.#open();
      else if (!isStored && meanwhile !== undefined) this.#fail(false);
      else if (given === undefined || what === 'answerLost') this.#fail();
      else this.#tell({ kind: 'answered', answer: given, jitter: this.#prng.next() });
    }

    #arrive({ attempt, first, last }: Range): Answer {
      if (attempt === 0) this.#sent.set(first, last);
      const name = `${first}.${last}.${attempt}`;
      const given = this.#answers.get(name) ?? this.#take(first, last);
      if (given.results.length > 0) this.#answers.set(name, given);
      return given;
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

  /** A batch ends with a large item, whoever reads it and whenever. */
  function endOf(first: number, last: number): number {
    return Math.min(last, ...LARGE.filter((number) => number >= first));
  }
});
