/** What a bad disk does to a node of a fleet: `verify` names it, `repair` mends it with the other node, and readers notice nothing else. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { concatBytes, SILENT_LOG, uint64Bytes, utf8 } from '../../src/base/index.ts';
import type { FeedLog } from '../../src/feed/index.ts';
import { salvageFolder } from '../../src/node/index.ts';
import { copyPrefix, feedPrefix } from '../../src/node/view-keys.ts';
import { BodyState, ReceiptStatus } from '../../src/protocol/index.ts';
import { changeRows, damageFile, FILE_DAMAGES, flipped, leavesOf, rowsOf, tearPage } from '../harness/damage.ts';
import { FleetWorld } from '../harness/fleet-world.ts';
import { type Person, writePdu } from '../harness/person.ts';

const LARGE = 100_000;

/** Alice has small and large mail in the feeds of both nodes, which have copied each other. */
async function setup() {
  const world = await FleetWorld.open(['a', 'b']);
  const alice = await world.person('alice');
  await world.settled();
  const bodies: Uint8Array[] = [];
  for (const at of ['a', 'b']) {
    const client = await world.signIn(alice, at);
    for (let i = 0; i < 6; i++) {
      const body = i % 2 === 0 ? utf8(`small ${i} at ${at}`) : world.random.bytes(LARGE);
      bodies.push(body);
      const receipt = await world.moving(client.submit(writePdu(world.random, alice, [alice.address], body), body));
      expect(receipt.status).toBe(ReceiptStatus.OK);
    }
    client.close();
  }
  await world.settled();
  const large = (at: 'a' | 'b'): Uint8Array => bodies[at === 'a' ? 1 : 7] as Uint8Array;
  return {
    world,
    alice,
    large,
    storeFolder: (name: string) => join(world.pathOf(world.node(name).folder), 'store'),
    /** The keys of rows of a feed's, as node `at` has it. */
    keyOf: (at: string, feed: FeedLog, kind: string, number: number) =>
      concatBytes(
        feed.id === feedsOf(world, at).current ? feedPrefix(feed.id) : copyPrefix(feed.id),
        utf8(kind),
        uint64Bytes(number),
      ),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

const feedsOf = (world: FleetWorld, at: string) => ({ current: world.core(at).feeds.current.id });

type World = Awaited<ReturnType<typeof setup>>;

async function codes({ world }: World, at: string): Promise<string[]> {
  const { ok, problems } = await world.core(at).operator.verify();
  expect(ok).toBe(problems.length === 0);
  for (const { fix, where } of problems) expect(`${where}: ${fix}`).toMatch(/restante/);
  return problems.map(({ code }) => code);
}

async function whileStopped({ world }: World, at: string, damage: () => Promise<void> | void): Promise<void> {
  await world.stop(at);
  await damage();
  await world.start(at);
  await world.settled();
}

async function bodiesAt(world: FleetWorld, person: Person, at: string): Promise<readonly string[]> {
  const client = await world.signIn(person, at);
  const complete = await world.moving(client.follow());
  if (complete.oneofKind !== 'complete') throw new Error('not complete');
  const states: string[] = [];
  for (const { feed, number } of complete.complete.heads)
    for (let at = 1; at <= number; at++) {
      const answer = await world.moving(
        client.ask((request) => ({ oneofKind: 'fetch', fetch: { request, feed, number: at } })),
      );
      states.push(answer.oneofKind === 'body' ? BodyState[answer.body.state] : answer.oneofKind);
    }
  client.close();
  return states;
}

/** The block whose bytes these are. */
async function indexOf(world: FleetWorld, at: string, feed: FeedLog, body: Uint8Array): Promise<number> {
  for (let index = 0; index < feed.length; index++) {
    const block = await feed.getBlock(world.storeOf(at), index);
    if (block !== undefined && Buffer.compare(block, body) === 0) return index;
  }
  throw new Error('no block is that body');
}

describe('a body file', () => {
  for (const damage of FILE_DAMAGES)
    for (const of of ['a', 'b'] as const)
      test(`that is ${damage}, of ${of === 'a' ? 'the node’s own feed' : 'another node’s'}, is named, and mended from the other node`, async () => {
        await using setting = await setup();
        const { world, alice, large, storeFolder } = setting;
        await whileStopped(setting, 'a', () => damageFile(storeFolder('a'), large(of), damage));
        const before = await world.core('a').operator.verify();
        const code = damage === 'flipped' ? 'block_hash' : 'unreadable_block';
        const feed = world.core(of).feeds.current;
        const index = await indexOf(world, 'b', world.core('b').feeds.all.get(feed.id) as FeedLog, large(of));
        expect(before.problems).toEqual([
          {
            code,
            where: `feed ${feed.id.slice(0, 16)}, block ${index}`,
            message: expect.any(String),
            fix: expect.any(String),
          },
        ]);
        // Who reads the others, or this one, is served.
        expect((await bodiesAt(world, alice, 'a')).filter((state) => state === 'INLINE').length).toBeGreaterThanOrEqual(
          11,
        );
        const repaired = await world.moving(world.core('a').operator.repair());
        expect(repaired).toMatchObject({ ok: true, problems: [], mended: [{ code }] });
        expect(await codes(setting, 'a')).toEqual([]);
        expect(await bodiesAt(world, alice, 'a')).toEqual(new Array(12).fill('INLINE'));
      });

  test('that no node has any more is said, with the next step, and repair mends it when one is back', async () => {
    await using setting = await setup();
    const { world, large, storeFolder } = setting;
    await world.stop('b');
    await world.stop('a');
    damageFile(storeFolder('a'), large('a'), 'missing');
    await world.start('a');
    const repaired = await world.moving(world.core('a').operator.repair());
    expect(repaired).toMatchObject({ ok: false, mended: [], problems: [{ code: 'unreadable_block' }] });
    expect(repaired.problems[0]?.fix).toContain('restante restore');
    await world.start('b');
    await world.settled();
    expect(await world.moving(world.core('a').operator.repair())).toMatchObject({ ok: true });
  });

  test('that no other node has yet keeps none of what comes after it from them', async () => {
    await using setting = await setup();
    const { world, alice, storeFolder } = setting;
    await world.stop('b');
    const client = await world.signIn(alice, 'a');
    const bodies = [world.random.bytes(LARGE), utf8('behind it'), world.random.bytes(LARGE), utf8('and more')];
    for (const body of bodies) {
      const receipt = await world.moving(client.submit(writePdu(world.random, alice, [alice.address], body), body));
      expect(receipt.status).toBe(ReceiptStatus.OK);
    }
    client.close();
    await whileStopped(setting, 'a', () => damageFile(storeFolder('a'), bodies[0] as Uint8Array, 'missing'));
    await world.start('b');
    const feed = world.core('a').feeds.current;
    const held = () => world.core('b').feeds.all.get(feed.id)?.heldCount;
    await world.until(() => held() === feed.heldCount - 1, 'all but the one that cannot be read');
    expect((await bodiesAt(world, alice, 'b')).filter((state) => state === 'INLINE')).toHaveLength(15);
  });
});

describe('rows of a feed', () => {
  test.each([
    ['a block', 'b', 3, 5, 'block_hash'],
    ['a leaf of the tree', 't', 0, 3, 'node_hash'],
  ] as const)('%s that was changed, in the own feed and in a copy, is mended', async (_, kind, number, at, code) => {
    await using setting = await setup();
    const { world, keyOf, storeFolder } = setting;
    const feeds = [...world.core('a').feeds.all.values()].filter((feed) => feed.length > 4);
    const keys = feeds.map((feed) => keyOf('a', feed, kind, number));
    expect(keys).toHaveLength(2);
    await world.stop('a');
    const whole = await rowsOf(storeFolder('a'));
    await changeRows(storeFolder('a'), async (transaction) => {
      for (const key of keys) {
        const value = await transaction.get(key);
        if (value === undefined) throw new Error('the row is there');
        transaction.put(key, flipped(value, at));
      }
    });
    await world.start('a');
    await world.settled();
    expect(await codes(setting, 'a')).toContain(code);
    expect(await world.moving(world.core('a').operator.repair())).toMatchObject({ ok: true, problems: [] });
    await world.stop('a');
    const rows = new Map(
      (await rowsOf(storeFolder('a'))).map(({ key, value }) => [Buffer.from(key).toString('hex'), value]),
    );
    for (const { key, value } of whole)
      if (keys.some((damaged) => Buffer.compare(damaged, key) === 0))
        expect(rows.get(Buffer.from(key).toString('hex'))).toEqual(value);
  });

  test('a header block that is damaged keeps its views from being judged, until another node gives it', async () => {
    await using setting = await setup();
    const { world, keyOf, storeFolder } = setting;
    const feed = world.core('b').feeds.current;
    const key = keyOf('a', feed, 'b', 0);
    await whileStopped(setting, 'a', () =>
      changeRows(storeFolder('a'), async (transaction) => transaction.put(key, utf8('\xff nonsense'))),
    );
    expect(await codes(setting, 'a')).toEqual(['entry', 'block_hash']);
    expect(await world.moving(world.core('a').operator.repair())).toMatchObject({ ok: true });
  });
});

describe('a torn page of the database', () => {
  /** Torn, salvaged, started; undefined: where the node is to join anew. */
  async function tear(setting: World, page: number): Promise<number | undefined> {
    const { world, alice, storeFolder } = setting;
    tearPage(storeFolder('a'), page);
    const deps = { suite: world.suite, random: world.random, log: SILENT_LOG };
    try {
      const [mended] = await salvageFolder(deps, world.pathOf(world.node('a').folder));
      expect(mended).toMatchObject({ code: 'store', message: expect.stringContaining('written anew') });
    } catch (error) {
      expect(error).toMatchObject({ code: 'damaged', fix: expect.stringContaining('restante fleet join') });
      return undefined;
    }
    await world.start('a');
    await world.settled();
    const { ok, problems } = await world.moving(world.core('a').operator.repair());
    expect({ page, ok, problems }).toEqual({ page, ok: true, problems: [] });
    // What the node's ended feed lacks comes from the other one.
    const wholeAt = async (): Promise<number> =>
      (await bodiesAt(world, alice, 'a')).filter((state) => state === 'INLINE').length;
    await world.until(async () => (await wholeAt()) === 12, `every mail after page ${page} was torn`);
    const client = await world.signIn(alice, 'a');
    const body = utf8(`after page ${page}`);
    const receipt = await world.moving(client.submit(writePdu(world.random, alice, [alice.address], body), body));
    expect(receipt.status).toBe(ReceiptStatus.OK);
    client.close();
    await world.settled();
    expect(
      world
        .core('b')
        .fleet.status()
        .feeds.filter(({ fork }) => fork !== null),
    ).toEqual([]);
    return 12;
  }

  test('of the index loses nothing', async () => {
    await using setting = await setup();
    await setting.world.stop('a');
    const [page = 0] = leavesOf(setting.storeFolder('a'), 'keys');
    expect(await tear(setting, page)).toBe(12);
  });

  test.each(['first', 'last'] as const)('of the %s rows loses nothing that the other node has', async (which) => {
    await using setting = await setup();
    await setting.world.stop('a');
    const pages = leavesOf(setting.storeFolder('a'), 'rows');
    // Either all of it is there again, or the node says that it is to join anew; never something in between.
    expect([12, undefined]).toContain(await tear(setting, (which === 'first' ? pages[0] : pages.at(-1)) ?? 0));
  });
});
