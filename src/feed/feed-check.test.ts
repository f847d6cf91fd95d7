import { describe, expect, test } from 'vitest';
import { fromHex, utf8 } from '../base/index.ts';
import { SodiumSuite } from '../base/system/index.ts';
import { MemoryStore, type Store } from '../store/index.ts';
import type { CheckOptions, CheckProblem } from './feed-check.ts';
import { FeedLog } from './feed-log.ts';
import { FeedKeys, NODE_BYTES } from './feed-rows.ts';
import vectors from './vectors.json' with { type: 'json' };

const suite = new SodiumSuite();
const keys = new FeedKeys(utf8('feed/'));

/** 40 blocks in batches of ten, block 12 cleared. */
async function setup() {
  const store = new MemoryStore();
  const log = await FeedLog.open(
    { suite, store },
    {
      prefix: utf8('feed/'),
      publicKey: fromHex(vectors.keys.publicKey),
      secretKey: fromHex(vectors.keys.secretKey),
    },
  );
  for (let batch = 0; batch < 4; batch++)
    await store.transact((transaction) =>
      log.append(
        transaction,
        Array.from({ length: 10 }, (_, i) => utf8(`block ${10 * batch + i}`)),
      ),
    );
  await store.transact((transaction) => log.clear(transaction, 12));
  return {
    store,
    log,
    async check(options: CheckOptions = {}): Promise<CheckProblem[]> {
      const problems: CheckProblem[] = [];
      for await (const problem of log.verifyAll(store, options)) problems.push(problem);
      return problems;
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

async function change(
  store: Store,
  key: Uint8Array,
  edit: (value: Uint8Array) => Uint8Array | undefined,
): Promise<void> {
  await store.transact(async (transaction) => {
    const value = edit((await transaction.get(key)) ?? new Uint8Array(0));
    if (value === undefined) transaction.delete(key);
    else transaction.put(key, value);
  });
}

function flip(at: number): (value: Uint8Array) => Uint8Array {
  return (value) => {
    const flipped = value.slice();
    flipped[at] = (flipped[at] as number) ^ 1;
    return flipped;
  };
}

const spell = (problems: readonly CheckProblem[]) => problems.map(({ code, index }) => `${code} ${index}`);

describe('checking a whole feed', () => {
  test('finds nothing in a whole one, and says how far it is', async () => {
    await using feed = await setup();
    const progress: (readonly [number, number])[] = [];
    expect(await feed.check({ onProgress: (done, total) => progress.push([done, total]) })).toEqual([]);
    expect(progress).toEqual([[40, 40]]);
  });

  test('finds a changed block', async () => {
    await using feed = await setup();
    await change(feed.store, keys.key('block', 17), flip(2));
    expect(spell(await feed.check())).toEqual(['block_hash 17']);
  });

  test('finds a lost block, and one that came back from being cleared', async () => {
    await using feed = await setup();
    await change(feed.store, keys.key('block', 39), () => undefined);
    await change(feed.store, keys.key('block', 12), () => utf8('block 12'));
    expect(spell(await feed.check())).toEqual(['uncleared_block 12', 'missing_block 39']);
  });

  test('finds a changed leaf by its block and its parent, a changed parent by itself and its own parent', async () => {
    await using feed = await setup();
    // Entries of a group: leaf 0, leaf 2, node 1, leaf 4, leaf 6, node 5, node 3.
    await change(feed.store, keys.key('tree', 0), flip(0));
    expect(spell(await feed.check())).toEqual(['block_hash 0', 'node_hash 1']);
    await change(feed.store, keys.key('tree', 0), flip(0));
    await change(feed.store, keys.key('tree', 0), flip(5 * NODE_BYTES + 39));
    expect(spell(await feed.check())).toEqual(['node_hash 3', 'node_hash 3']);
  });

  test('finds a root that is not the one signed', async () => {
    await using feed = await setup();
    // Node 71 of blocks 32 to 39 is completed by the last block and signed with it.
    const row = await feed.store.get(keys.key('tree', 2));
    await change(feed.store, keys.key('tree', 2), flip((row as Uint8Array).length - NODE_BYTES));
    expect(spell(await feed.check())).toEqual(['node_hash 39', 'signature 39']);
  });

  test('finds missing nodes, each once', async () => {
    await using feed = await setup();
    await change(feed.store, keys.key('tree', 1), (value) => value.slice(0, -2 * NODE_BYTES));
    expect(spell(await feed.check())).toEqual(['missing_node 31', 'missing_node 31']);
    await change(feed.store, keys.key('tree', 1), () => undefined);
    const problems = spell(await feed.check());
    expect(problems).toHaveLength(32);
    expect(new Set(problems.map((problem) => problem.split(' ')[0]))).toEqual(new Set(['missing_node']));
  });

  test('finds a wrong signature in the middle', async () => {
    await using feed = await setup();
    await change(feed.store, keys.key('signature', 20), flip(63));
    expect(spell(await feed.check())).toEqual(['signature 19']);
  });

  test('finds any one flipped bit in any row', async () => {
    await using feed = await setup();
    for (const kind of ['block', 'tree', 'signature'] as const) {
      const rows = await feed.store.range({ ...keys.range(kind, 0, 1_000), limit: 1_000 });
      for (const { key, value } of rows) {
        for (const at of [0, value.length >> 1, value.length - 1]) {
          await change(feed.store, key, flip(at));
          expect(await feed.check()).not.toEqual([]);
          await change(feed.store, key, flip(at));
        }
      }
    }
    expect(await feed.check()).toEqual([]);
  });

  test('stops when told to', async () => {
    await using feed = await setup();
    const reason = new Error('enough');
    await expect(feed.check({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('of large blocks goes page by page', async () => {
    await using feed = await setup();
    const large = new Uint8Array(1024 * 1024);
    await feed.store.transact((transaction) => feed.log.append(transaction, new Array(11).fill(large)));
    await change(feed.store, keys.key('block', 49), flip(1_000));
    const progress: number[] = [];
    expect(spell(await feed.check({ onProgress: (done) => progress.push(done) }))).toEqual(['block_hash 49']);
    expect(progress.length).toBeGreaterThan(2);
    expect(progress.at(-1)).toBe(51);
  });

  test('is not disturbed by appends and clears that happen meanwhile', async () => {
    await using feed = await setup();
    let written = 0;
    const writing = (async () => {
      for (; written < 300; written++)
        await feed.store.transact((transaction) => {
          feed.log.append(transaction, [utf8(`more ${written}`)]);
          feed.log.clear(transaction, written);
        });
    })();
    let checks = 0;
    for (; written < 300; checks++) expect(await feed.check()).toEqual([]);
    await writing;
    expect(checks).toBeGreaterThan(3);
    expect(feed.log.length).toBe(340);
  });
});
