/** Sender and receiver together, through everything that a network, a disk and a power supply do. */
import { describe, expect, test } from 'vitest';
import { CALM, DAY, disorderOf, HOUR, STORM, type TestHome, texts, World } from './homes-world.contract.ts';
import { SENDS_MAX } from './limits.ts';
import type { Fate } from './mortal-store.contract.ts';

async function setup(seed: number) {
  const world = new World(seed);
  const a = await world.add('a');
  const b = await world.add('b');
  return { world, a, b, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

function expectSameBytes(home: TestHome): void {
  expect([...home.sent].filter(([, hashes]) => hashes.size > 1)).toEqual([]);
}

async function isDelivered(to: TestHome, count: number): Promise<boolean> {
  return (await to.deliveredCount()) >= count;
}

describe('over a link that loses, doubles and delays, with homes that die', () => {
  test.each(Array.from({ length: 12 }, (_, seed) => seed + 1))(
    'each mail arrives once and in order (seed %i)',
    async (seed) => {
      await using all = await setup(seed);
      const { a, b, world } = all;
      world.faults = STORM;
      const mails = { a: texts(400, 'from a'), b: texts(150, 'from b') };
      for (let round = 0; round < 10; round++) {
        await a.write(b, mails.a.slice(round * 40, round * 40 + 40));
        await b.write(a, mails.b.slice(round * 15, round * 15 + 15));
        await world.pass(world.prng.below(20_000));
        const victim = world.prng.below(2) === 0 ? a : b;
        const chance = world.prng.next();
        if (chance < 0.3) await victim.stop();
        if (chance > 0.5) for (const home of [a, b]) if (!home.isUp) await home.start();
        if (chance > 0.9) world.clock.jumpTo(world.clock.now() + (world.prng.next() - 0.5) * 20 * DAY);
      }
      for (const home of [a, b]) if (!home.isUp) await home.start();
      world.faults = CALM;
      const isDone = async (): Promise<boolean> => (await isDelivered(b, 400)) && (await isDelivered(a, 150));
      expect(await world.until(isDone, 2 * HOUR, 5_000)).toBe(true);
      expect(await b.delivered()).toEqual(mails.a);
      expect(await a.delivered()).toEqual(mails.b);
      expectSameBytes(a);
      expectSameBytes(b);
    },
  );
});

test('after an outage of thirty days thousands arrive once and in order, and little was in memory', async () => {
  await using all = await setup(7);
  const { a, b, world } = all;
  await b.stop();
  const mails = texts(4_000);
  let pagesMost = 0;
  let itemsMost = 0;
  for (let day = 0; day < 30; day++) {
    await a.write(b, mails.slice(Math.floor((day * 4_000) / 30), Math.floor(((day + 1) * 4_000) / 30)));
    await world.pass(DAY, HOUR);
    pagesMost = Math.max(pagesMost, a.layer?.pageCount ?? 0);
  }
  expect(pagesMost).toBe(0);
  await b.start();
  const isDone = async (): Promise<boolean> => {
    pagesMost = Math.max(pagesMost, a.layer?.pageCount ?? 0);
    itemsMost = Math.max(itemsMost, ...a.reads);
    return isDelivered(b, 4_000);
  };
  expect(await world.until(isDone, HOUR + 60_000, 1_000)).toBe(true);
  expect(await b.delivered()).toEqual(mails);
  expect(itemsMost).toBeLessThanOrEqual(50);
  expect(pagesMost).toBeLessThanOrEqual(SENDS_MAX);
  expectSameBytes(a);
});

/**
 * The Nth step of one home fails, or is its last, for N = 1, 2, 3 … until nothing fires: reading, the beginning and end of
 * each commit, what comes right after a commit, a request, an answer.
 */
describe.each(['fail', 'die'] as const)('if the Nth step of a home should %s', (ending) => {
  test.each(['a', 'b'] as const)(
    'of home %s, each mail still arrives once and in order',
    async (letter) => {
      const mails = ['1', '2', 'bad 3', '4', '5', ...texts(60, 'more')];
      const good = mails.filter((text) => text !== 'bad 3' && text !== '4');
      let at = 1;
      for (; ; at++) {
        await using all = await setup(at);
        const { a, b, world } = all;
        const victim = letter === 'a' ? a : b;
        b.laterFor.set('4', 1);
        let steps = 0;
        let hasFired = false;
        victim.fate = (): ReturnType<Fate> => {
          steps += 1;
          if (steps !== at) return 'go';
          hasFired = true;
          return ending;
        };
        await a.write(b, mails);
        const isDone = async (): Promise<boolean> => {
          for (const home of [a, b]) if (!home.isUp) await home.start();
          return (await isDelivered(b, good.length + 1)) && (await a.queuedTo(b)) === 0;
        };
        expect(`${at}: ${await world.until(isDone, 3 * HOUR, 10_000)}`).toBe(`${at}: true`);
        const delivered = await b.delivered();
        expect(delivered.filter((text) => text !== '4')).toEqual(good);
        expect(
          disorderOf(
            delivered.filter((text) => text !== '4'),
            mails,
          ),
        ).toBeUndefined();
        expect(delivered.length).toBe(good.length + 1);
        expectSameBytes(a);
        if (!hasFired) break;
      }
      expect(at).toBeGreaterThan(20);
    },
    60_000,
  );
});
