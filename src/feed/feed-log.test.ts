import { describe, expect, test } from 'vitest';
import { allRows, append, clear, feedCodeOf, problemsOf, someBlocks } from '../../test/harness/feed-log.ts';
import { fromHex, SeededPrng, toHex, utf8 } from '../base/index.ts';
import { SodiumSuite } from '../base/system/index.ts';
import { MemoryStore, type Store, type StoreReader, type StoreTransaction } from '../store/index.ts';
import { FeedLog } from './feed-log.ts';
import { BLOCK_BYTES_MAX } from './limits.ts';
import { growTree, rootHash } from './merkle.ts';
import { verifyProof } from './proof.ts';
import { digestOf, TreeIndex } from './tree-index.ts';
import vectors from './vectors.json' with { type: 'json' };

const suite = new SodiumSuite();
const publicKey = fromHex(vectors.keys.publicKey);
const secretKey = fromHex(vectors.keys.secretKey);
const PREFIX = utf8('feed/');

function openLog(store: StoreReader): Promise<FeedLog> {
  return FeedLog.open({ suite, store }, { prefix: PREFIX, publicKey, secretKey });
}

/** A transaction whose commit is under way: what it wrote reaches no store. */
class Flight {
  readonly rollbackTasks: (() => void)[] = [];
  readonly transaction: StoreTransaction = {
    get: async () => undefined,
    getMany: async (keys) => keys.map(() => undefined),
    range: async () => [],
    put: () => undefined,
    delete: () => undefined,
    deleteRange: () => undefined,
    onCommit: () => undefined,
    onRollback: (task) => void this.rollbackTasks.push(task),
  };
}

describe('appending to a feed', () => {
  test('numbers blocks without gaps and makes the roots of the whole', async () => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    expect(await append(store, log, someBlocks(3))).toEqual({ firstIndex: 0, length: 3 });
    expect(await append(store, log, someBlocks(4, 3))).toEqual({ firstIndex: 3, length: 7 });
    expect(log.length).toBe(7);
    const { roots } = growTree(suite, [], someBlocks(7));
    expect(await log.rootsAt(store, 7)).toEqual(roots);
    expect(log.byteLength).toBe(someBlocks(7).reduce((sum, block) => sum + block.length, 0));
  });

  test('signs each batch as hypercore does', async () => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    for (const block of vectors.signatures.blocks) await append(store, log, [utf8(block)]);
    const file = fromHex(vectors.signatures.file);
    for (const length of [1, 2, 3])
      expect(await log.signature(store, length)).toEqual(file.slice(32 + 64 * (length - 1), 32 + 64 * length));
  });

  test('of no blocks changes nothing', async () => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    await append(store, log, someBlocks(2));
    const rows = await allRows(store);
    expect(await append(store, log, [])).toEqual({ firstIndex: 2, length: 2 });
    expect(await allRows(store)).toEqual(rows);
  });

  test('in any batches, within a transaction or in several, writes the same rows but for signatures', async () => {
    const blocks = someBlocks(70);
    const rowsOf = async (work: (store: Store, log: FeedLog) => Promise<unknown>): Promise<string[]> => {
      await using store = new MemoryStore();
      const log = await openLog(store);
      await work(store, log);
      const last = await log.signature(store, 70);
      expect(suite.verify(last as Uint8Array, await log.rootHashAt(store, 70), publicKey)).toBe(true);
      const signatureKind = utf8('s')[0];
      const rows = (await allRows(store)).filter(({ key }) => key[PREFIX.length] !== signatureKind);
      return rows.map(({ key, value }) => `${toHex(key)} ${toHex(value)}`);
    };
    const parts = [
      blocks.slice(0, 1),
      blocks.slice(1, 31),
      blocks.slice(31, 32),
      blocks.slice(32, 33),
      blocks.slice(33),
    ];
    const atOnce = await rowsOf((store, log) => append(store, log, blocks));
    const inOne = await rowsOf((store, log) =>
      store.transact((transaction) => {
        for (const part of parts) log.append(transaction, part);
      }),
    );
    const inSeveral = await rowsOf((store, log) => Promise.all(parts.map((part) => append(store, log, part))));
    const oneByOne = await rowsOf((store, log) => Promise.all(blocks.map((block) => append(store, log, [block]))));
    expect(inOne).toEqual(atOnce);
    expect(inSeveral).toEqual(atOnce);
    expect(oneByOne).toEqual(atOnce);
  });

  test('costs few rows: one for each block, one for 16 blocks of tree, one signature', async () => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    await append(store, log, someBlocks(1_600));
    expect(await allRows(store)).toHaveLength(1_600 + 100 + 1);
  });

  test('says nothing of the new length, its roots or signature until it is on disk', async () => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    await append(store, log, someBlocks(2));
    await store.transact(async (transaction) => {
      expect(log.append(transaction, someBlocks(1, 2))).toEqual({ firstIndex: 2, length: 3 });
      expect(log.append(transaction, someBlocks(1, 3))).toEqual({ firstIndex: 3, length: 4 });
      expect(log.length).toBe(2);
      expect(log.has(2)).toBe(false);
      expect(await log.getBlock(transaction, 2)).toEqual(utf8('block 2'));
      expect(await log.getBlock(store, 2)).toBeUndefined();
      for (const run of [
        () => log.signature(transaction, 3),
        () => log.rootsAt(transaction, 3),
        () => log.rootHashAt(transaction, 4),
        () => log.proof(transaction, 2),
      ])
        expect(await feedCodeOf(run)).toBe('out_of_range');
      expect((await log.proof(transaction, 1)).signedLength).toBe(2);
    });
    expect(log.length).toBe(4);
    expect((await log.proof(store, 1)).signedLength).toBe(4);
  });

  test('after a transaction that failed goes on where the durable log ends', async () => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    await append(store, log, someBlocks(5));
    const failure = new Error('the callback failed');
    const outcomes = await Promise.allSettled([
      append(store, log, someBlocks(1, 5)),
      store.transact((transaction) => {
        log.append(transaction, [utf8('lost')]);
        log.append(transaction, [utf8('lost too')]);
        throw failure;
      }),
      append(store, log, someBlocks(1, 6)),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(log.length).toBe(7);
    expect(await log.getBlocks(store, [0, 1, 2, 3, 4, 5, 6])).toEqual(someBlocks(7));
    expect(await problemsOf(store, log)).toEqual([]);
  });

  test('after a commit that several transactions shared and that failed goes on where the durable log ends', async () => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    await append(store, log, someBlocks(17));
    const [first, second] = [new Flight(), new Flight()];
    expect(log.append(first.transaction, [utf8('lost')]).firstIndex).toBe(17);
    log.clear(first.transaction, 3);
    expect(log.append(second.transaction, [utf8('lost too')]).firstIndex).toBe(18);
    log.clear(second.transaction, 4);
    log.clear(second.transaction, 18);
    for (const task of [...first.rollbackTasks, ...second.rollbackTasks].reverse()) task();
    expect(await append(store, log, someBlocks(3, 17))).toEqual({ firstIndex: 17, length: 20 });
    await clear(store, log, 5);
    expect([3, 4, 5, 18].map((index) => log.has(index))).toEqual([true, true, false, true]);
    expect((await openLog(store)).length).toBe(20);
    expect(await problemsOf(store, log)).toEqual([]);
  });

  test('without the secret key is refused, and reading goes on', async () => {
    await using store = new MemoryStore();
    await append(store, await openLog(store), someBlocks(2));
    const log = await FeedLog.open({ suite, store }, { prefix: PREFIX, publicKey });
    expect(log.isWritable).toBe(false);
    expect(await feedCodeOf(() => append(store, log, someBlocks(1)))).toBe('read_only');
    expect(await log.getBlock(store, 1)).toEqual(utf8('block 1'));
  });

  test('refuses what is too large before it writes anything', async () => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    const tooLarge = [utf8('small'), new Uint8Array(BLOCK_BYTES_MAX + 1)];
    await store.transact(async (transaction) => {
      expect(await feedCodeOf(() => log.append(transaction, tooLarge))).toBe('too_large');
      const empty = new Uint8Array(0);
      expect(await feedCodeOf(() => log.append(transaction, new Array<Uint8Array>(65_537).fill(empty)))).toBe(
        'too_large',
      );
      log.append(transaction, [empty, new Uint8Array(BLOCK_BYTES_MAX)]);
    });
    expect((await log.getBlocks(store, [0, 1])).map((block) => block?.length)).toEqual([0, BLOCK_BYTES_MAX]);
    expect(await problemsOf(store, log)).toEqual([]);
  });
});

describe('clearing a block', () => {
  test('drops its bytes and keeps its hash, its proof and the signature of the whole', async () => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    await append(store, log, someBlocks(20));
    const before = await log.proof(store, 7);
    await clear(store, log, 7, 7);
    await clear(store, log, 7, 19);
    expect([log.has(6), log.has(7), log.has(19), log.has(20)]).toEqual([true, false, false, false]);
    expect(await log.getBlock(store, 7)).toBeUndefined();
    expect([...log.cleared()].map(({ from }) => from)).toEqual([7, 19]);
    expect(await log.proof(store, 7)).toEqual(before);
    expect(await problemsOf(store, log)).toEqual([]);
    await append(store, log, someBlocks(5, 20));
    expect([log.has(7), log.has(19), log.has(20)]).toEqual([false, false, true]);
  });

  test('is forgotten with the transaction that failed', async () => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    await append(store, log, someBlocks(4));
    await clear(store, log, 0);
    await expect(
      store.transact((transaction) => {
        log.clear(transaction, 1);
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await clear(store, log, 2);
    const reopened = await openLog(store);
    for (const each of [log, reopened])
      expect([0, 1, 2, 3].map((i) => each.has(i))).toEqual([false, true, false, true]);
  });

  test('works on a block of the same transaction, and is refused beyond the end', async () => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    await store.transact(async (transaction) => {
      log.append(transaction, someBlocks(3));
      log.clear(transaction, 1);
      for (const index of [3, -1, Number.NaN])
        expect(await feedCodeOf(() => log.clear(transaction, index))).toBe('out_of_range');
    });
    expect(await log.getBlocks(store, [0, 1, 2])).toEqual([utf8('block 0'), undefined, utf8('block 2')]);
    expect(await problemsOf(store, log)).toEqual([]);
  });
});

describe('reading a feed', () => {
  test('gives blocks in the order asked for, near ones and far ones, cleared and missing ones', async () => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    await append(store, log, someBlocks(100));
    await clear(store, log, 11, 50);
    const expected = (index: number) =>
      index >= 100 || index === 11 || index === 50 ? undefined : utf8(`block ${index}`);
    for (const indexes of [
      [],
      [5],
      [0, 1, 2, 3],
      [13, 12, 11, 10, 13],
      [10, 12, 14, 16],
      [0, 99, 50],
      [98, 99, 100, 101],
      [200],
      [0, 0, 99],
    ])
      expect(await log.getBlocks(store, indexes)).toEqual(indexes.map(expected));
  });

  test('proofs convince a receiver, whatever it holds', async () => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    await append(store, log, someBlocks(50));
    const trusted = new Map<number, { index: number; hash: Uint8Array; size: number }>();
    const held = new TreeIndex();
    const prng = new SeededPrng(4);
    for (let step = 0; step < 60; step++) {
      const index = prng.below(50);
      const { nodes, signature } = await log.proof(store, index, {
        digest: digestOf(held, 2 * index),
        withHash: false,
      });
      const block = await log.getBlock(store, index);
      const verdict = verifyProof(
        { suite, publicKey, trusted: (node) => trusted.get(node) },
        { index, block, nodes, signature },
      );
      if (verdict.verdict === 'refused') throw new Error(verdict.reason);
      for (const node of verdict.nodes) {
        trusted.set(node.index, node);
        held.add(node.index);
      }
    }
  });

  test('roots of every earlier length are at hand, and of none beyond', async () => {
    await using store = new MemoryStore();
    const log = await openLog(store);
    await append(store, log, someBlocks(37));
    const last = await log.signature(store, 37);
    for (let length = 0; length <= 37; length++) {
      const { roots } = growTree(suite, [], someBlocks(length));
      expect(await log.rootHashAt(store, length)).toEqual(rootHash(suite, roots));
      expect(await log.signature(store, length)).toEqual(length === 37 ? last : undefined);
    }
    for (const length of [38, -1, 1.5]) expect(await feedCodeOf(() => log.rootsAt(store, length))).toBe('out_of_range');
    for (const index of [37, -1, 0.5]) expect(await feedCodeOf(() => log.proof(store, index))).toBe('out_of_range');
  });
});

describe('a log whose secret key is elsewhere', () => {
  const openReader = (store: StoreReader): Promise<FeedLog> =>
    FeedLog.open({ suite, store }, { prefix: PREFIX, publicKey });

  test('takes what its key signed at its end, and has the same rows then', async () => {
    await using written = new MemoryStore();
    await using read = new MemoryStore();
    const [writer, reader] = [await openLog(written), await openReader(read)];
    for (const [from, count] of [
      [0, 3],
      [3, 1],
      [4, 20],
    ] as const) {
      const blocks = someBlocks(count, from);
      await append(written, writer, blocks);
      const signature = (await writer.signature(written, from + count)) as Uint8Array;
      await read.transact((transaction) => reader.adopt(transaction, blocks, signature));
    }
    expect(await allRows(read)).toEqual(await allRows(written));
    expect((await openReader(read)).length).toBe(24);
    expect(await reader.signedLength(read, 4, 24)).toBe(24);
    expect(await reader.signedLength(read, 3, 23)).toBe(4);
    expect(await reader.signedLength(read, 4, 23)).toBeUndefined();
  });

  test('takes nothing else: other blocks, another place, another signature', async () => {
    await using written = new MemoryStore();
    await using read = new MemoryStore();
    const [writer, reader] = [await openLog(written), await openReader(read)];
    await append(written, writer, someBlocks(2));
    const signature = (await writer.signature(written, 2)) as Uint8Array;
    const adopt = (blocks: readonly Uint8Array[], by = signature): Promise<string> =>
      feedCodeOf(() => read.transact((transaction) => reader.adopt(transaction, blocks, by)));
    expect(await adopt(someBlocks(2, 1))).toBe('bad_signature');
    expect(await adopt(someBlocks(1))).toBe('bad_signature');
    expect(await adopt(someBlocks(2), new Uint8Array(64))).toBe('bad_signature');
    expect(await allRows(read)).toEqual([]);
    expect(await adopt(someBlocks(2))).toBe('accepted');
    expect(await adopt(someBlocks(2))).toBe('bad_signature');
    expect(reader.length).toBe(2);
  });
});
