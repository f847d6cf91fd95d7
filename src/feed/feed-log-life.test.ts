/** A log over its life: reopened, changed at random beside a model, on a disk that fails. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allRows, append, clear, feedCodeOf, problemsOf, someBlocks } from '../../test/harness/feed-log.ts';
import { fromHex, toHex, utf8 } from '../base/index.ts';
import { SodiumSuite } from '../base/system/index.ts';
import { FaultyStore, MemoryStore, type Row, type StoreReader } from '../store/index.ts';
import { FeedLog } from './feed-log.ts';
import { growTree, leafNode, rootHash } from './merkle.ts';
import vectors from './vectors.json' with { type: 'json' };

const suite = new SodiumSuite();
const publicKey = fromHex(vectors.keys.publicKey);
const secretKey = fromHex(vectors.keys.secretKey);
const PREFIX = utf8('feed/');

function openLog(store: StoreReader): Promise<FeedLog> {
  return FeedLog.open({ suite, store }, { prefix: PREFIX, publicKey, secretKey });
}

describe('opening a feed', () => {
  test('finds what was there, and only under its own prefix', async () => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    await append(store, log, someBlocks(17));
    const twin = await FeedLog.open({ suite, store }, { prefix: utf8('feed0'), publicKey, secretKey });
    expect(twin.length).toBe(0);
    await append(store, twin, someBlocks(2, 100));
    const reopened = await openLog(store);
    expect([reopened.length, reopened.id]).toEqual([17, log.id]);
    expect(await append(store, reopened, someBlocks(1, 17))).toEqual({ firstIndex: 17, length: 18 });
    expect(await reopened.rootHashAt(store, 18)).toEqual(rootHash(suite, growTree(suite, [], someBlocks(18)).roots));
  });

  test('refuses keys that are not of this feed', async () => {
    await using store = new MemoryStore();
    const other = suite.keyPair(new Uint8Array(32));
    const open = (keys: { readonly publicKey: Uint8Array; readonly secretKey?: Uint8Array }) => () =>
      FeedLog.open({ suite, store }, { prefix: PREFIX, ...keys });
    expect(await feedCodeOf(open({ publicKey, secretKey: other.secretKey }))).toBe('wrong_key');
    expect(await feedCodeOf(open({ publicKey, secretKey: secretKey.subarray(0, 32) }))).toBe('wrong_key');
    expect(await feedCodeOf(open({ publicKey: publicKey.subarray(1) }))).toBe('wrong_key');
    await append(store, await openLog(store), someBlocks(1));
    expect(await feedCodeOf(open(other))).toBe('corrupt');
  });

  test.each(['b', 't', 's', 'f'])('refuses rows of kind %s that contradict each other', async (kind) => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    await append(store, log, someBlocks(20));
    await clear(store, log, 3);
    const last = (await allRows(store)).filter(({ key }) => key[PREFIX.length] === utf8(kind)[0]).at(-1) as Row;
    await store.transact((transaction) => {
      if (kind === 'b') transaction.put(Uint8Array.of(...last.key.subarray(0, -1), 20), utf8('beyond'));
      else transaction.put(last.key, last.value.slice(1));
    });
    expect(await feedCodeOf(() => openLog(store))).toBe('corrupt');
  });

  test('a log of format 1 is opened for ever', async () => {
    await using store = new MemoryStore();
    // Blocks 'a', 'b', 'c' in batches of two and one, 'b' cleared: see docs of the rows in feed-rows.ts.
    const node = (index: number) => {
      const entry = vectors.tree.nodes.find((each) => each.index === index);
      return `${entry?.hash}${(entry?.size ?? 0).toString(16).padStart(16, '0')}`;
    };
    const signatures = vectors.signatures.file.slice(64);
    const rows: readonly (readonly [string, string])[] = [
      ['62 0000000000000000', '61'],
      ['62 0000000000000002', '63'],
      ['66 0000000000000000', '40'.padEnd(2048, '0')],
      ['73 0000000000000002', signatures.slice(128, 256)],
      ['73 0000000000000003', signatures.slice(256)],
      ['74 0000000000000000', [0, 2, 1, 4].map(node).join('')],
    ];
    const keyOf = (text: string) => fromHex(toHex(PREFIX) + text.replace(' ', ''));
    await store.transact((transaction) => {
      for (const [key, value] of rows) transaction.put(keyOf(key), fromHex(value));
    });
    const log = await openLog(store);
    expect(await log.getBlocks(store, [0, 1, 2])).toEqual([utf8('a'), undefined, utf8('c')]);
    expect(await problemsOf(store, log)).toEqual([]);
    // And it is what is written today.
    await using fresh = new MemoryStore();
    const written = await openLog(fresh);
    await append(fresh, written, [utf8('a'), utf8('b')]);
    await append(fresh, written, [utf8('c')]);
    await clear(fresh, written, 1);
    expect(await allRows(fresh)).toEqual(await allRows(store));
  });
});

describe('a log and an array of blocks', () => {
  test('stay the same through any sequence of appends, clears, failures and reopenings', async () => {
    const size = fc.oneof(fc.nat(4), fc.integer({ min: 14, max: 34 }));
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant('append' as const), sizes: fc.array(size, { maxLength: 3 }) }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('clear' as const), at: fc.array(fc.nat(200), { maxLength: 5 }) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('fail' as const), sizes: fc.array(size, { maxLength: 2 }) }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        await using store = new MemoryStore();
        let log = await openLog(store);
        const model: (Uint8Array | undefined)[] = [];
        const all: Uint8Array[] = [];
        for (const each of steps) {
          if (each.kind === 'append') {
            const batches = each.sizes.map((count) => {
              const blocks = someBlocks(count, all.length);
              all.push(...blocks);
              model.push(...blocks);
              return blocks;
            });
            await Promise.all(batches.map((blocks) => append(store, log, blocks)));
          } else if (each.kind === 'clear') {
            const at = each.at.filter((index) => index < model.length);
            for (const index of at) model[index] = undefined;
            await clear(store, log, ...at);
          } else if (each.kind === 'fail') {
            const work = store.transact((transaction) => {
              for (const count of each.sizes) log.append(transaction, someBlocks(count, 1_000));
              if (model.length > 0) log.clear(transaction, model.length - 1);
              throw new Error('made to fail');
            });
            await expect(work).rejects.toThrow('made to fail');
          } else log = await openLog(store);
          expect(log.length).toBe(model.length);
        }
        expect(model.map((_, index) => log.has(index))).toEqual(model.map((block) => block !== undefined));
        expect(await log.getBlocks(store, [...model.keys()])).toEqual(model);
        expect(await log.rootHashAt(store, all.length)).toEqual(rootHash(suite, growTree(suite, [], all).roots));
        const leaves = await log.getNodes(
          store,
          all.map((_, index) => 2 * index),
        );
        expect(leaves).toEqual(all.map((block, index) => leafNode(suite, index, block)));
        expect(await problemsOf(store, log)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a disk that fails', () => {
  test.each([false, true])(
    'at any commit leaves a whole prefix, and the log goes on (for good: %s)',
    async (isLasting) => {
      for (let at = 1; ; at++) {
        await using disk = new MemoryStore();
        const store = new FaultyStore(disk, { operation: 'commit', at, isLasting, code: 'failed' });
        const log = await openLog(store);
        const model: (Uint8Array | undefined)[] = [];
        // Several transactions are in flight at once; each that resolves counts, in order.
        for (let round = 0; round < 4; round++) {
          const works = [3, 1, 17].map((count, i) => async () => {
            const blocks = Array.from({ length: count }, (_, k) => utf8(`${round} ${i} ${k}`));
            const { firstIndex } = await append(store, log, blocks);
            for (const [k, block] of blocks.entries()) model[firstIndex + k] = block;
          });
          const outcomes = await Promise.allSettled([
            ...works.map((work) => work()),
            model.length > round ? clear(store, log, round).then(() => void (model[round] = undefined)) : undefined,
          ]);
          if (!store.hasFired) expect(outcomes.every(({ status }) => status === 'fulfilled')).toBe(true);
        }
        const reopened = await openLog(disk);
        expect(reopened.length).toBe(model.length);
        expect(log.length).toBe(model.length);
        for (const each of [log, reopened]) {
          expect(await each.getBlocks(disk, [...model.keys()])).toEqual([...model]);
          expect(model.map((_, index) => each.has(index))).toEqual(model.map((block) => block !== undefined));
          expect(await problemsOf(disk, each)).toEqual([]);
        }
        if (!store.hasFired) {
          expect(at).toBeGreaterThan(10);
          return;
        }
      }
    },
  );
});
