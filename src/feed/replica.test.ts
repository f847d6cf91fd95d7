import { describe, expect, test, vi } from 'vitest';
import { NobleSuite, SeededPrng, SeededSecureRandom, utf8 } from '../base/index.ts';
import { MemoryStore, type Store } from '../store/index.ts';
import { createFeedKeys } from './feed-key.ts';
import { FeedLog } from './feed-log.ts';
import { judgeFork } from './fork-proof.ts';
import type { BlockClaim } from './proof.ts';
import type { Acceptance } from './replica.ts';

const suite = new NobleSuite();
const keys = createFeedKeys({ suite, random: new SeededSecureRandom(1) });
const prefix = utf8('f/');

async function openWriter(): Promise<{ store: Store; log: FeedLog }> {
  const store = new MemoryStore();
  return { store, log: await FeedLog.open({ suite, store }, { prefix, ...keys }) };
}

async function openReplica(store: Store = new MemoryStore()): Promise<{ store: Store; log: FeedLog }> {
  return { store, log: await FeedLog.open({ suite, store }, { prefix, publicKey: keys.publicKey, replica: true }) };
}

type Side = Awaited<ReturnType<typeof openWriter>>;

async function append(side: Side, count: number, text = 'block'): Promise<void> {
  const { length } = side.log;
  const blocks = Array.from({ length: count }, (_, i) => utf8(`${text} ${length + i}`));
  await side.store.transact((transaction) => side.log.append(transaction, blocks));
}

/** What `from` says about a block to somebody with this digest. */
async function claimOf(from: Side, index: number, digest = 0): Promise<BlockClaim> {
  const { nodes, signature } = await from.log.proof(from.store, index, { digest, withHash: false });
  return { index, block: await from.log.getBlock(from.store, index), nodes, signature };
}

async function copy(from: Side, to: Side, indexes: readonly number[]): Promise<readonly Acceptance[]> {
  const outcomes: Acceptance[] = [];
  for (const index of indexes) {
    const claim = await claimOf(from, index, to.log.digest(index));
    outcomes.push(...(await to.store.transact((transaction) => to.log.accept(transaction, [claim]))));
  }
  return outcomes;
}

async function problemsOf(side: Side): Promise<string[]> {
  const problems: string[] = [];
  for await (const { message } of side.log.verifyAll(side.store, {})) problems.push(message);
  return problems;
}

function shuffled(count: number, prng: SeededPrng): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = prng.below(i + 1);
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}

describe('a replica', () => {
  test('that is prepared for a block asks the disk for nothing more when it comes', async () => {
    const writer = await openWriter();
    await append(writer, 2_000);
    const before = await openReplica();
    await copy(writer, before, [3, 1_999]);
    const replica = await openReplica(before.store); // with nothing in memory
    const reads = async (index: number, isPrepared: boolean): Promise<number> => {
      if (isPrepared) await replica.store.transact((transaction) => replica.log.prepare(transaction, index));
      const claim = await claimOf(writer, index, replica.log.digest(index));
      return replica.store.transact(async (transaction) => {
        const asked = vi.spyOn(transaction, 'getMany');
        expect(await replica.log.accept(transaction, [claim])).toEqual([{ outcome: 'stored', index }]);
        return asked.mock.calls.length;
      });
    };
    expect(await reads(700, false)).toBeGreaterThan(0);
    expect(await reads(1_300, true)).toBe(0);
    expect(await problemsOf(replica)).toEqual([]);
  });

  test.each([1, 2, 3, 4])(
    'takes blocks in any order while the feed grows, and ends the same to the byte (seed %i)',
    async (seed) => {
      const prng = new SeededPrng(seed);
      const [writer, replica] = [await openWriter(), await openReplica()];
      for (let round = 0; round < 6; round++) {
        await append(writer, 1 + prng.below(40));
        const order = shuffled(writer.log.length, prng).filter(() => prng.below(3) > 0);
        const outcomes = await copy(writer, replica, order);
        expect(outcomes.every(({ outcome }) => outcome === 'stored' || outcome === 'known')).toBe(true);
        expect(replica.log.length).toBe(writer.log.length);
      }
      await copy(writer, replica, shuffled(writer.log.length, prng));
      expect(await problemsOf(replica)).toEqual([]);
      expect(await replica.log.rootHashAt(replica.store, replica.log.length)).toEqual(
        await writer.log.rootHashAt(writer.store, writer.log.length),
      );
      const everyNode = Array.from({ length: 2 * writer.log.length - 1 }, (_, i) => i);
      expect(await replica.log.getNodes(replica.store, everyNode)).toEqual(
        await writer.log.getNodes(writer.store, everyNode),
      );
    },
  );

  test('proves what it holds to others, also when it holds little and the feed has grown since', async () => {
    const prng = new SeededPrng(5);
    const [writer, replica] = [await openWriter(), await openReplica()];
    const held = new Set<number>();
    for (let round = 0; round < 12; round++) {
      await append(writer, 1 + prng.below(20));
      const index = prng.below(writer.log.length);
      await copy(writer, replica, [index]);
      held.add(index);
    }
    for (const index of held) {
      const other = await openReplica();
      expect(await copy(replica, other, [index])).toEqual([{ outcome: 'stored', index }]);
    }
    await expect(replica.log.proof(replica.store, writer.log.length)).rejects.toMatchObject({ code: 'out_of_range' });
    expect(await problemsOf(replica)).toEqual([]);
  });

  test('knows after it is opened again what came and what was cleared', async () => {
    const [writer, replica] = [await openWriter(), await openReplica()];
    await append(writer, 50);
    await copy(writer, replica, [3, 40, 7]);
    await replica.store.transact((transaction) => {
      replica.log.clear(transaction, 40);
      replica.log.clear(transaction, 12);
    });
    const again = await openReplica(replica.store);
    expect([3, 7, 12, 40, 41].filter((index) => again.log.has(index))).toEqual([3, 7]);
    expect([...again.log.cleared()]).toEqual([
      { from: 12, to: 13 },
      { from: 40, to: 41 },
    ]);
    expect(await problemsOf(again)).toEqual([]);
    expect(await copy(writer, again, [8])).toEqual([{ outcome: 'stored', index: 8 }]);
    await expect(FeedLog.open({ suite, store: replica.store }, { prefix, publicKey: keys.publicKey })).rejects.toThrow(
      /replica/,
    );
  });

  test('takes back what a failed transaction brought', async () => {
    const [writer, replica] = [await openWriter(), await openReplica()];
    await append(writer, 30);
    const claim = await claimOf(writer, 9);
    const failing = replica.store.transact(async (transaction) => {
      await replica.log.accept(transaction, [claim]);
      throw new Error('full');
    });
    await expect(failing).rejects.toThrow('full');
    expect(replica.log.length).toBe(0);
    expect(replica.log.has(9)).toBe(false);
    expect(await copy(writer, replica, [9, 10])).toMatchObject([{ outcome: 'stored' }, { outcome: 'stored' }]);
    expect(await problemsOf(replica)).toEqual([]);
  });

  test('stores nothing of a claim that is wrong, and the others of the batch', async () => {
    const [writer, replica] = [await openWriter(), await openReplica()];
    await append(writer, 20);
    const [right, wrong, after] = [await claimOf(writer, 1), await claimOf(writer, 2), await claimOf(writer, 3)];
    const claims = [right, { ...wrong, block: utf8('forged') }, { ...after, signature: new Uint8Array(64) }];
    const outcomes = await replica.store.transact((transaction) => replica.log.accept(transaction, claims));
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['stored', 'refused', 'stored']);
    expect(await replica.log.getBlock(replica.store, 2)).toBeUndefined();
    expect(await problemsOf(replica)).toEqual([]);
  });
});

describe('a fork', () => {
  test.each([
    [8, 8, 5],
    [8, 12, 5],
    [12, 8, 5],
    [8, 9, 8],
    [7, 5, 4],
  ])(
    'of %i and %i blocks that differ from block %i on is proven, kept and freezes the feed',
    async (first, second, from) => {
      const [honest, cheat, replica] = [await openWriter(), await openWriter(), await openReplica()];
      await append(honest, from);
      await append(honest, first - from);
      await append(cheat, from);
      await append(cheat, second - from, 'other');
      const all = Array.from({ length: first }, (_, i) => i);
      await copy(honest, replica, all);
      const claim = await claimOf(cheat, second - 1);
      const outcomes = await replica.store.transact((transaction) => replica.log.accept(transaction, [claim]));
      const isSeen = from < first;
      expect(outcomes[0]?.outcome).toBe(isSeen ? 'forked' : 'stored');
      if (!isSeen) return;
      const { fork } = replica.log;
      expect(fork?.lengths).toEqual([first, second]);
      expect(fork && judgeFork({ suite, publicKey: keys.publicKey }, fork.sides)).toEqual(fork);
      const reopened = await openReplica(replica.store);
      expect(reopened.log.fork).toEqual(fork);
      expect(await copy(honest, reopened, [0])).toEqual([{ outcome: 'refused', index: 0, reason: 'frozen' }]);
    },
  );

  test('is not proven by a claim that contradicts without a signature', async () => {
    const [honest, cheat, replica] = [await openWriter(), await openWriter(), await openReplica()];
    await append(honest, 8);
    await append(cheat, 8, 'other');
    await copy(honest, replica, [0, 1, 2, 3]);
    const claim = { ...(await claimOf(cheat, 1)), signature: new Uint8Array(64) };
    const outcomes = await replica.store.transact((transaction) => replica.log.accept(transaction, [claim]));
    expect(outcomes).toEqual([{ outcome: 'refused', index: 1, reason: 'mismatch' }]);
    expect(replica.log.fork).toBeUndefined();
  });

  test('that the writer is shown freezes its own log', async () => {
    const [honest, cheat] = [await openWriter(), await openWriter()];
    await append(honest, 8);
    await append(cheat, 6, 'other');
    const claim = await claimOf(cheat, 2);
    const outcomes = await honest.store.transact((transaction) => honest.log.accept(transaction, [claim]));
    expect(outcomes[0]?.outcome).toBe('forked');
    await expect(append(honest, 1)).rejects.toMatchObject({ code: 'forked' });
  });

  test('is told from a log that was restored: its key has signed more than it has', async () => {
    const [ahead, restored] = [await openWriter(), await openWriter()];
    await append(ahead, 9);
    await append(restored, 4);
    const claims = [await claimOf(ahead, 8), await claimOf(ahead, 2)];
    const outcomes = await restored.store.transact((transaction) => restored.log.accept(transaction, claims));
    expect(outcomes).toEqual([
      { outcome: 'beyond', index: 8, signedLength: 9 },
      { outcome: 'beyond', index: 2, signedLength: 9 },
    ]);
    expect(restored.log.length).toBe(4);
  });
});
