import { describe, expect, test } from 'vitest';
import { type Log, SeededPrng, utf8 } from '../../src/base/index.ts';
import { type BlockClaim, FeedLog, judgeFork } from '../../src/feed/index.ts';
import { Journal } from '../../src/node/journal.ts';
import { feedPrefix, VIEWS } from '../../src/node/view-keys.ts';
import type { FeedId } from '../../src/protocol/index.ts';
import { MemoryStore, type Row } from '../../src/store/index.ts';
import { verified, write } from '../harness/fleet-people.ts';
import { FleetWorld } from '../harness/fleet-world.ts';

const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Every block of a feed with its proof, in order. */
async function claimsOf(world: FleetWorld, name: string): Promise<{ log: FeedLog; claims: BlockClaim[] }> {
  const { feeds } = world.core(name);
  const store = world.storeOf(name);
  const log = feeds.current;
  const claims: BlockClaim[] = [];
  for (let index = 0; index < log.length; index++) {
    const block = await log.getBlock(store, index);
    const { nodes, signature } = await log.proof(store, index);
    if (block !== undefined) claims.push({ index, block, nodes, signature });
  }
  return { log, claims };
}

/** The views of a node that gets these blocks of these feeds in this order, some at a time. */
async function viewsOf(
  world: FleetWorld,
  feeds: readonly FeedLog[],
  order: readonly { readonly feed: FeedId; readonly claim: BlockClaim }[],
  batch: number,
): Promise<readonly Row[]> {
  await using store = new MemoryStore();
  const { suite, clock, home } = world;
  const copies = new Map<FeedId, FeedLog>();
  for (const { id, publicKey } of feeds)
    copies.set(id, await FeedLog.open({ suite, store }, { prefix: feedPrefix(id), publicKey, replica: true }));
  const feed = copies.get(feeds[0]?.id as FeedId) as FeedLog;
  const keyLog = { append: () => undefined };
  const journal = new Journal({ suite, clock, home, store, log: SILENT, feed, feeds: copies, keyLog });
  for (let i = 0; i < order.length; i += batch)
    for (const { feed: id, claim } of order.slice(i, i + batch)) {
      const [acceptance] = await journal.accept(copies.get(id) as FeedLog, [claim]);
      expect(['stored', 'known']).toContain(acceptance?.outcome);
    }
  return store.range({ ...VIEWS, limit: 100_000 });
}

describe('the views of a fleet', () => {
  test('are the same whatever the order in which the blocks of its feeds come, and what a rebuild makes', async () => {
    await using world = await FleetWorld.open(['a', 'b', 'c']);
    const alice = await world.person('alice');
    await world.person('bob', 'b');
    for (const name of ['a', 'b', 'c', 'b', 'a']) {
      const client = await world.signIn(alice, name);
      await write(world, client, alice, `by ${name}`);
      await world.settled();
      const feed = world.core('a').feeds.current.discoveryKey;
      if (name !== 'a')
        await client.ask((request) => ({
          oneofKind: 'erase',
          erase: { request, feed, numbers: [{ from: 1, to: 1 }], superseded: false },
        }));
    }
    await world.settled();
    await verified(world, 'a', 'b', 'c');
    const expected = await world.storeOf('a').range({ ...VIEWS, limit: 100_000 });
    for (const name of ['b', 'c'])
      expect(await world.storeOf(name).range({ ...VIEWS, limit: 100_000 })).toEqual(expected);
    const feeds = await Promise.all(['a', 'b', 'c'].map((name) => claimsOf(world, name)));
    const all = feeds.flatMap(({ log, claims }) => claims.map((claim) => ({ feed: log.id, claim })));
    for (const seed of [1, 2, 3, 4]) {
      const prng = new SeededPrng(seed);
      const shuffled = [...all];
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = prng.below(i + 1);
        [shuffled[i], shuffled[j]] = [shuffled[j] as never, shuffled[i] as never];
      }
      const logs = feeds.map(({ log }) => log);
      expect(await viewsOf(world, logs, shuffled, 1 + seed)).toEqual(expected);
    }
  });
});

describe('a feed with two histories', () => {
  test('is kept as it was, told with its proof, and holds up nobody else', async () => {
    await using world = await FleetWorld.open(['a', 'b', 'c']);
    const alice = await world.person('alice');
    const atB = await world.signIn(alice, 'b');
    const atC = await world.signIn(alice, 'c');
    await write(world, atC, alice, 'one history');
    await world.settled();
    const { current } = world.core('c').feeds;
    // The same key writes another first entry, as a node does whose disk was copied.
    const secretKey = await world.core('c').folder.feedSecretKey(current.id);
    if (secretKey === undefined) throw new Error('c writes its feed');
    await using elsewhere = new MemoryStore();
    const forged = await FeedLog.open(
      { suite: world.suite, store: elsewhere },
      { prefix: utf8('f'), publicKey: current.publicKey, secretKey },
    );
    const blocks = Array.from({ length: current.length }, (_, i) => utf8(`another history ${i}`));
    await elsewhere.transact((transaction) => forged.append(transaction, blocks));
    const { nodes, signature } = await forged.proof(elsewhere, 0);
    const copy = world.core('a').feeds.all.get(current.id) as FeedLog;
    const before = copy.length;
    const claim: BlockClaim = { index: 0, block: blocks[0], nodes, signature };
    const [acceptance] = await world.core('a').journal.accept(copy, [claim]);
    expect(acceptance?.outcome).toBe('forked');
    const status = await world.core('a').operator.fleetStatus();
    const shown = status.feeds.find(({ feed }) => feed === current.id);
    expect(shown?.fork).not.toBeNull();
    expect(copy.fork && judgeFork({ suite: world.suite, publicKey: current.publicKey }, copy.fork.sides)).toBeDefined();
    await write(world, atC, alice, 'after the fork');
    const id = await write(world, atB, alice, 'others go on');
    await world.until(() => world.core('a').fleet.copies.here(world.core('b').feeds.current.id) > 0, id);
    expect(copy.length).toBe(before);
    await verified(world, 'a', 'b');
  });
});
