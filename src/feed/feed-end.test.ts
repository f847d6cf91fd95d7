import { describe, expect, test } from 'vitest';
import { fromHex, utf8 } from '../base/index.ts';
import { SodiumSuite } from '../base/system/index.ts';
import { MemoryStore, type Row, type Store, under } from '../store/index.ts';
import { mendEnd } from './feed-end.ts';
import { FeedLog, type FeedLogOptions } from './feed-log.ts';
import { FeedKeys } from './feed-rows.ts';
import vectors from './vectors.json' with { type: 'json' };

const suite = new SodiumSuite();
const publicKey = fromHex(vectors.keys.publicKey);
const own: FeedLogOptions = { prefix: utf8('own/'), publicKey, secretKey: fromHex(vectors.keys.secretKey) };
const copy: FeedLogOptions = { prefix: utf8('copy/'), publicKey, replica: true };

/** 70 blocks in batches of ten, and a copy of them; both closed. */
async function setup() {
  const store = new MemoryStore();
  const log = await FeedLog.open({ suite, store }, own);
  const replica = await FeedLog.open({ suite, store }, copy);
  for (let batch = 0; batch < 7; batch++) {
    const blocks = Array.from({ length: 10 }, (_, i) => utf8(`block ${10 * batch + i}`));
    await store.transact((transaction) => log.append(transaction, blocks));
    const claims = await Promise.all(
      blocks.map(async (block, i) => ({ index: 10 * batch + i, block, ...(await log.proof(store, 10 * batch + i)) })),
    );
    await store.transact((transaction) => replica.accept(transaction, claims));
  }
  return { store, whole: await rowsOf(store), [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

async function rowsOf(store: Store): Promise<readonly Row[]> {
  return store.range({ ...under(utf8('')), limit: 10_000 });
}

async function change(store: Store, key: Uint8Array, edit?: (value: Uint8Array) => Uint8Array): Promise<void> {
  await store.transact(async (transaction) => {
    const value = await transaction.get(key);
    if (value === undefined) throw new Error('what is damaged is there');
    if (edit === undefined) transaction.delete(key);
    else transaction.put(key, edit(value.slice()));
  });
}

const flip = (value: Uint8Array): Uint8Array => value.with(3, (value[3] as number) ^ 1);

describe('mending the end of a feed', () => {
  test('one that opens is left as it is', async () => {
    await using world = await setup();
    for (const options of [own, copy])
      expect(await mendEnd({ suite, ...world }, options)).toMatchObject({ kind: 'whole' });
    expect(await rowsOf(world.store)).toEqual(world.whole);
  });

  test('a damaged last signature is made again by the writer, the same', async () => {
    await using world = await setup();
    await change(world.store, new FeedKeys(own.prefix).key('signature', 70), flip);
    await expect(FeedLog.open({ suite, ...world }, own)).rejects.toMatchObject({ code: 'corrupt' });
    expect(await mendEnd({ suite, ...world }, own)).toEqual({ kind: 'signed', length: 70 });
    expect(await rowsOf(world.store)).toEqual(world.whole);
  });

  test('where the tree below it is damaged too, nothing is signed: the feed is cut where its key has signed it', async () => {
    await using world = await setup();
    const keys = new FeedKeys(own.prefix);
    await change(world.store, keys.key('signature', 70), flip);
    await change(world.store, keys.key('tree', 4), flip);
    expect(await mendEnd({ suite, ...world }, own)).toEqual({ kind: 'cut', length: 60, lengthBefore: 70 });
    const log = await FeedLog.open({ suite, ...world }, own);
    const problems: unknown[] = [];
    for await (const problem of log.verifyAll(world.store, {})) problems.push(problem);
    expect(problems).toEqual([]);
    expect(log.length).toBe(60);
  });

  test.each([
    ['its last signature', 'signature', 70],
    ['its last roots', 'tree', 4],
    ['what says which blocks came', 'held', 0],
  ] as const)('a copy that lacks %s is cut, and takes the rest again', async (_, kind, number) => {
    await using world = await setup();
    await change(world.store, new FeedKeys(copy.prefix).key(kind, number));
    expect(await mendEnd({ suite, ...world }, copy)).toMatchObject({ kind: 'cut' });
    const [log, replica] = [
      await FeedLog.open({ suite, ...world }, own),
      await FeedLog.open({ suite, ...world }, copy),
    ];
    for (let index = 0; index < 70; index++) {
      if (replica.has(index)) continue;
      const claim = { index, block: await log.getBlock(world.store, index), ...(await log.proof(world.store, index)) };
      const [acceptance] = await world.store.transact((transaction) => replica.accept(transaction, [claim]));
      expect(acceptance).toMatchObject({ outcome: 'stored' });
    }
    expect(replica.heldCount).toBe(70);
    const problems: unknown[] = [];
    for await (const problem of replica.verifyAll(world.store, {})) problems.push(problem);
    expect(problems).toEqual([]);
  });
});
