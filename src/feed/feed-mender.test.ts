import { describe, expect, test } from 'vitest';
import { fromHex, utf8 } from '../base/index.ts';
import { SodiumSuite } from '../base/system/index.ts';
import { MemoryStore, type Row, under } from '../store/index.ts';
import { FeedLog } from './feed-log.ts';
import { FeedKeys, NODE_BYTES } from './feed-rows.ts';
import vectors from './vectors.json' with { type: 'json' };

const suite = new SodiumSuite();
const prefix = utf8('feed/');
const keys = new FeedKeys(prefix);
const publicKey = fromHex(vectors.keys.publicKey);
const BLOCKS = 70;

/** 70 blocks in batches of ten, block 12 cleared; and a copy of all of it. */
async function setup() {
  const store = new MemoryStore();
  const options = { prefix, publicKey, secretKey: fromHex(vectors.keys.secretKey) };
  const log = await FeedLog.open({ suite, store }, options);
  for (let batch = 0; batch < BLOCKS / 10; batch++)
    await store.transact((transaction) =>
      log.append(
        transaction,
        Array.from({ length: 10 }, (_, i) => utf8(`block ${10 * batch + i}`)),
      ),
    );
  const claims = await Promise.all(Array.from({ length: BLOCKS }, (_, index) => claimOf(log, store, index)));
  await store.transact((transaction) => log.clear(transaction, 12));
  const rows = async (): Promise<readonly Row[]> => store.range({ ...under(prefix), limit: 10_000 });
  return { store, log, claims, rows, whole: await rows(), [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

async function claimOf(log: FeedLog, store: MemoryStore, index: number) {
  const { nodes, signature } = await log.proof(store, index);
  return { index, block: await log.getBlock(store, index), nodes, signature };
}

type World = Awaited<ReturnType<typeof setup>>;

async function damage({ store }: World, key: Uint8Array, edit?: (value: Uint8Array) => void): Promise<void> {
  await store.transact(async (transaction) => {
    const value = (await transaction.get(key))?.slice();
    if (edit === undefined || value === undefined) transaction.delete(key);
    else {
      edit(value);
      transaction.put(key, value);
    }
  });
}

async function mendTree({ log, store }: World): Promise<number> {
  const { isSettled, nodes } = await log.mender.settle(store);
  expect(isSettled).toBe(true);
  for (const part of log.mender.partsOf(nodes))
    await store.transact((transaction) => log.mender.putNodes(transaction, part));
  return nodes.length;
}

async function codes({ log, store }: World): Promise<string[]> {
  const found: string[] = [];
  for await (const { code, index } of log.verifyAll(store, {})) found.push(`${code} ${index}`);
  return found;
}

const flip =
  (at: number) =>
  (value: Uint8Array): void => {
    value[at] = (value[at] as number) ^ 1;
  };

describe('mending the tree of a feed', () => {
  test('a whole one is left as it is', async () => {
    await using world = await setup();
    expect(await mendTree(world)).toBe(0);
    expect(await world.rows()).toEqual(world.whole);
  });

  // The nodes of a group's row: leaf 0, leaf 1, their parent, leaf 2 …; the last row is unfinished, and in memory too.
  test.each([
    ['a leaf', 1, 0],
    ['a parent', 1, 2],
    ['a leaf of the last row', 4, 0],
  ])('%s that was changed is told from a changed block, and mended', async (_, group, node) => {
    await using world = await setup();
    await damage(world, keys.key('tree', group), flip(node * NODE_BYTES + 3));
    expect(await codes(world)).not.toEqual([]);
    expect(await mendTree(world)).toBe(1);
    expect(await world.rows()).toEqual(world.whole);
  });

  test('lost rows are made again from the blocks, two neighbours and the last one too, and the log goes on', async () => {
    await using world = await setup();
    for (const group of [1, 2, 4]) await damage(world, keys.key('tree', group));
    await mendTree(world);
    expect(await world.rows()).toEqual(world.whole);
    await world.store.transact((transaction) => world.log.append(transaction, [utf8('one more')]));
    expect(await codes(world)).toEqual([]);
  });

  test('a changed block changes no node: it is the block that is wrong', async () => {
    await using world = await setup();
    await damage(world, keys.key('block', 33), flip(2));
    expect(await mendTree(world)).toBe(0);
    expect(await codes(world)).toEqual(['block_hash 33']);
  });

  test('where both a block and its leaf are gone, nothing is made up', async () => {
    await using world = await setup();
    await damage(world, keys.key('tree', 0));
    // Block 12 is cleared: its hash was in the lost row alone.
    expect((await world.log.mender.settle(world.store)).nodes.map(({ index }) => index)).not.toContain(24);
    expect(await world.rows()).toHaveLength(world.whole.length - 1);
  });
});

describe('mending a block', () => {
  test('takes what its tree proves, and the nodes that are lost with it', async () => {
    await using world = await setup();
    await damage(world, keys.key('block', 33), flip(2));
    await damage(world, keys.key('block', 34));
    await damage(world, keys.key('tree', 2));
    for (const index of [33, 34]) {
      const claim = world.claims[index];
      if (claim === undefined) throw new Error('every block has a proof');
      expect(await world.store.transact((transaction) => world.log.mender.putBlock(transaction, claim))).toBe('mended');
    }
    await mendTree(world);
    expect(await world.rows()).toEqual(world.whole);
  });

  test('refuses another block, and leaves cleared what is cleared', async () => {
    await using world = await setup();
    const [claim, cleared] = [world.claims[33], world.claims[12]];
    if (claim === undefined || cleared === undefined) throw new Error('every block has a proof');
    const put = (changed: typeof claim) =>
      world.store.transact((transaction) => world.log.mender.putBlock(transaction, changed));
    expect(await put({ ...claim, block: utf8('another') })).toBe('refused');
    expect(await put({ ...claim, index: BLOCKS })).toBe('refused');
    expect(await put(cleared)).toBe('cleared');
    expect(await world.rows()).toEqual(world.whole);
    // Where the leaf is lost with it, its word alone proves nothing.
    await damage(world, keys.key('tree', 2));
    const damaged = await world.rows();
    expect(await put({ ...claim, nodes: [] })).toBe('refused');
    expect(await world.rows()).toEqual(damaged);
  });
});

describe('a wrong signature in between', () => {
  test('is made again by the writer, the same', async () => {
    await using world = await setup();
    await damage(world, keys.key('signature', 30), flip(9));
    expect(await codes(world)).toEqual(['signature 29']);
    await world.store.transact((transaction) => world.log.mender.mendSignature(transaction, 30));
    expect(await world.rows()).toEqual(world.whole);
  });
});
