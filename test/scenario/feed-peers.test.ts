/** Copies of feeds over lines that are slow, lossy and cut: sharing the work, going on, and what is told. */
import { describe, expect, test } from 'vitest';
import { createMemorySocketPair, type FrameSocket, ManualClock, SeededPrng, toHex } from '../../src/base/index.ts';
import type { FeedLog, TransportDialer } from '../../src/feed/index.ts';
import { WINDOW_BLOCKS } from '../../src/feed/synchronizer/limits.ts';
import { createSimulatedLink, type LinkOptions } from '../../src/sim/simulated-link.ts';
import { FeedSite, feedKeys } from '../harness/feed-site.ts';
import { ScriptedPeer } from '../harness/scripted-peer.ts';
import { until } from '../harness/until.ts';
import { openWsPair } from '../harness/ws-pair.ts';

const KEYS = feedKeys(1);
const LINE: LinkOptions = { latencyMs: 20, bytesPerSecond: 100_000, loss: 0, cutAfterBytes: Number.POSITIVE_INFINITY };

function blocksOf(count: number, seed = 1, size = 1_024): Uint8Array[] {
  const prng = new SeededPrng(seed);
  return Array.from({ length: count }, () => Uint8Array.from({ length: size }, () => prng.below(256)));
}

/** Several places with the same whole feed. */
async function sources(clock: ManualClock, count: number, blocks: readonly Uint8Array[]): Promise<FeedSite[]> {
  const sites: FeedSite[] = [];
  for (let i = 0; i < count; i++) {
    const site = new FeedSite(clock, { seed: 10 + i });
    await site.append(await site.write(KEYS), blocks);
    sites.push(site);
  }
  return sites;
}

/** Moves time in small steps until it is so; returns how much went by. */
async function timeUntil(clock: ManualClock, isSo: () => boolean, withinMs = 600_000): Promise<number> {
  const startedAt = clock.monotonic();
  while (!isSo()) {
    if (clock.monotonic() - startedAt > withinMs) throw new Error('it takes too long');
    await clock.advance(10);
  }
  return clock.monotonic() - startedAt;
}

async function copyTime(lines: readonly LinkOptions[], blocks: readonly Uint8Array[]): Promise<number> {
  const clock = new ManualClock(0);
  const prng = new SeededPrng(3);
  const sites = await sources(clock, lines.length, blocks);
  await using reader = new FeedSite(clock, { seed: 2 });
  const copy = await reader.follow(KEYS);
  sites.forEach((site, i) => {
    const [near, far] = createSimulatedLink({ clock, prng }, lines[i] as LinkOptions);
    site.sync.addPeer(far, { isInitiator: false });
    reader.sync.addPeer(near, { isInitiator: true });
  });
  const took = await timeUntil(clock, () => copy.heldCount === blocks.length);
  expect(await reader.problemsOf(copy)).toEqual([]);
  for (const site of sites) await site[Symbol.asyncDispose]();
  return took;
}

describe('many sources', () => {
  test('three bring a feed in less than half the time of one, when lines are the limit', async () => {
    const blocks = blocksOf(800);
    const [one, three] = [await copyTime([LINE], blocks), await copyTime([LINE, LINE, LINE], blocks)];
    console.log(`800 blocks of 1 KB over lines of 100 KB/s: one source ${one} ms, three ${three} ms`);
    expect(one).toBeGreaterThan(7_000);
    expect(three).toBeLessThan(one / 2);
  });

  test('one that is a hundred times slower holds up nothing', async () => {
    const blocks = blocksOf(400);
    const alone = await copyTime([LINE], blocks);
    const together = await copyTime([LINE, { ...LINE, bytesPerSecond: 1_000 }], blocks);
    expect(together).toBeLessThan(alone + 12_000);
  });

  test('lost pieces only cost time', async () => {
    expect(
      await copyTime(
        [
          { ...LINE, loss: 0.2 },
          { ...LINE, loss: 0.05 },
        ],
        blocksOf(200),
      ),
    ).toBeGreaterThan(1_000);
  });
});

describe('a line that is thin for the size of the blocks', () => {
  const SIZE = 1024 * 1024;

  test.each([
    ['a block takes a minute', 20_000, 3],
    ['many blocks that were asked for at first take minutes', 150_000, 20],
  ])('on which %s brings each once, over one connection', async (_what, bytesPerSecond, count) => {
    const clock = new ManualClock(0);
    const blocks = blocksOf(count, 1, SIZE);
    const [writer] = await sources(clock, 1, blocks);
    await using _ = writer;
    await using reader = new FeedSite(clock, { seed: 2 });
    const copy = await reader.follow(KEYS);
    const [near, far] = createSimulatedLink({ clock, prng: new SeededPrng(3) }, { ...LINE, bytesPerSecond });
    writer?.sync.addPeer(far, { isInitiator: false });
    reader.sync.addPeer(near, { isInitiator: true });
    const took = await timeUntil(clock, () => copy.heldCount === count || reader.dropped.length > 0);
    expect(reader.dropped).toEqual([]);
    expect(took).toBeLessThan((1.1 * 1000 * count * SIZE) / bytesPerSecond);
  });
});

describe('a copy over lines that are cut', () => {
  test.each([1, 2, 3])(
    'goes on after every cut, dials again with patience, and fetches no block twice (seed %i)',
    async (seed) => {
      const clock = new ManualClock(0);
      const prng = new SeededPrng(seed);
      const blocks = blocksOf(300);
      const [source] = (await sources(clock, 1, blocks)) as [FeedSite];
      let dials = 0;
      const dialer: TransportDialer = {
        dial: async () => {
          dials += 1;
          if (prng.below(4) === 0) throw new Error('nobody answers');
          const [near, far] = createSimulatedLink(
            { clock, prng },
            { ...LINE, cutAfterBytes: 20_000 + prng.below(100_000) },
          );
          source.sync.addPeer(far, { isInitiator: false });
          return near;
        },
      };
      await using reader = new FeedSite(clock, { seed: 2, dialer });
      const copy = await reader.follow(KEYS);
      reader.sync.addAddresses(['a source']);
      await timeUntil(clock, () => copy.heldCount === blocks.length, 3_600_000);
      expect(dials).toBeGreaterThan(3);
      const stored = reader.notices.flatMap((notice) => (notice.kind === 'stored' ? notice.indexes : []));
      expect(stored).toHaveLength(blocks.length);
      await source[Symbol.asyncDispose]();
    },
  );

  test('resumes from its disk when the program was gone', async () => {
    const clock = new ManualClock(0);
    const blocks = blocksOf(300);
    const [source] = (await sources(clock, 1, blocks)) as [FeedSite];
    const connect = (reader: FeedSite): void => {
      const [near, far] = createSimulatedLink({ clock, prng: new SeededPrng(1) }, LINE);
      source.sync.addPeer(far, { isInitiator: false });
      reader.sync.addPeer(near, { isInitiator: true });
    };
    const first = new FeedSite(clock, { seed: 2 });
    const begun = await first.follow(KEYS);
    connect(first);
    await timeUntil(clock, () => begun.heldCount > 100);
    await first.sync[Symbol.asyncDispose]();
    const held = begun.heldCount;
    await using second = new FeedSite(clock, { seed: 3, store: first.store });
    const copy = await second.follow(KEYS);
    expect(copy.heldCount).toBe(held);
    connect(second);
    await timeUntil(clock, () => copy.heldCount === blocks.length);
    const stored = second.notices.flatMap((notice) => (notice.kind === 'stored' ? notice.indexes : []));
    expect(stored).toHaveLength(blocks.length - held);
    await source[Symbol.asyncDispose]();
  });
});

describe('peers of peers', () => {
  function join(asking: FeedSite, answering: FeedSite, sockets: readonly [FrameSocket, FrameSocket]): void {
    answering.sync.addPeer(sockets[0], { isInitiator: false, opensAll: true });
    asking.sync.addPeer(sockets[1], { isInitiator: true });
  }

  test('copies of copies, sparse ones and live tails come through, and who asked hears what is on disk', async () => {
    const clock = new ManualClock(0);
    await using writer = new FeedSite(clock, { seed: 1, ack: true });
    await using middle = new FeedSite(clock, { seed: 2, ack: true });
    await using end = new FeedSite(clock, { seed: 3 });
    const log = await writer.write(KEYS);
    const [copy, sparse] = [await middle.follow(KEYS), await end.follow(KEYS, { sparse: true })];
    end.sync.want(sparse.id, 3, 6);
    const told = new Set<number>();
    writer.sync.events.on('remoteHas', ({ from, to }) => {
      for (let index = from; index < to; index++) told.add(index);
    });
    join(middle, writer, createMemorySocketPair());
    join(end, middle, createMemorySocketPair());
    for (let round = 0; round < 5; round++) await writer.append(log, blocksOf(2, round));
    await timeUntil(clock, () => copy.heldCount === 10 && sparse.heldCount === 3);
    await timeUntil(clock, () => told.size === 10);
    expect([2, 3, 5, 6].map((index) => sparse.has(index))).toEqual([false, true, true, false]);
    const hash = async (site: FeedSite, of: FeedLog) => toHex(await of.rootHashAt(site.store, of.length));
    expect(await hash(middle, copy)).toBe(await hash(writer, log));
  });

  test('feeds that are added later are found on connections that are there, whoever adds them first', async () => {
    const clock = new ManualClock(0);
    await using a = new FeedSite(clock, { seed: 1 });
    await using b = new FeedSite(clock, { seed: 2 });
    await a.append(await a.write(KEYS), blocksOf(3));
    await b.follow(KEYS);
    join(b, a, createMemorySocketPair());
    const logs: FeedLog[] = [];
    for (const [seed, writer, reader, isWriterFirst] of [
      [20, a, b, true],
      [21, a, b, false],
      [22, b, a, true],
      [23, b, a, false],
    ] as const) {
      const keys = feedKeys(seed);
      if (!isWriterFirst) logs.push(await reader.follow(keys));
      await clock.advance(100);
      await writer.append(await writer.write(keys), blocksOf(4));
      await clock.advance(100);
      if (isWriterFirst) logs.push(await reader.follow(keys));
    }
    await timeUntil(clock, () => logs.every((log) => log.heldCount === 4));
  });

  test('a peer sees the feeds it may see, and no others', async () => {
    const clock = new ManualClock(0);
    const secret = feedKeys(30);
    await using a = new FeedSite(clock, { seed: 1 });
    await using b = new FeedSite(clock, { seed: 2 });
    const open = await a.write(KEYS);
    await a.append(open, blocksOf(3));
    await a.append(await a.write(secret), blocksOf(3));
    const [copy, hidden] = [await b.follow(KEYS), await b.follow(secret)];
    const [near, far] = createMemorySocketPair();
    a.sync.addPeer(far, { isInitiator: false, feeds: new Set([open.id]), opensAll: true });
    b.sync.addPeer(near, { isInitiator: true });
    await timeUntil(clock, () => copy.heldCount === 3);
    await clock.advance(10_000);
    expect(hidden.length).toBe(0);
  });

  test('an erased block is not fetched, and told to be gone', async () => {
    const clock = new ManualClock(0);
    await using a = new FeedSite(clock, { seed: 1 });
    await using b = new FeedSite(clock, { seed: 2 });
    const log = await a.write(KEYS);
    await a.append(log, blocksOf(40));
    await a.store.transact((transaction) => log.clear(transaction, 20));
    a.sync.announceCleared(log.id, 20);
    const copy = await b.follow(KEYS);
    join(b, a, createMemorySocketPair());
    await timeUntil(clock, () => copy.heldCount === 39);
    await clock.advance(30_000);
    expect([copy.has(20), b.sync.isComplete(copy.id), b.dropped]).toEqual([false, false, []]);
    await b.store.transact((transaction) => copy.clear(transaction, 20));
    b.sync.announceCleared(copy.id, 20);
    await timeUntil(clock, () => b.sync.isComplete(copy.id));
  });

  test('a block is asked for wherever in a feed it is, though nothing is known of how far that goes', async () => {
    const clock = new ManualClock(0);
    await using site = new FeedSite(clock, { seed: 1 });
    const copy = await site.follow(KEYS, { sparse: true });
    const far = 3 * WINDOW_BLOCKS + 5;
    const giveUp = new AbortController();
    const fetched = site.sync.fetch(copy.id, far, giveUp.signal);
    const peer = ScriptedPeer.connect(site.sync);
    await peer.open(KEYS);
    const hears = (type: string): Promise<number> =>
      timeUntil(clock, () => peer.heard.some((message) => message.type === type));
    await hears('want');
    expect(peer.heard.filter(({ type }) => type === 'want')).toMatchObject([{ start: 3 * WINDOW_BLOCKS }]);
    peer.say({ type: 'have', start: 0, length: far + 1, bitfield: undefined, ack: false });
    await peer.flush();
    await hears('request');
    expect(peer.heard.find(({ type }) => type === 'request')).toMatchObject({ index: far });
    giveUp.abort();
    await expect(fetched).rejects.toBe(giveUp.signal.reason);
    await peer.end();
  });

  test('a block that is fetched comes from a peer once, then from here, and waiting for it can be given up', async () => {
    const clock = new ManualClock(0);
    await using a = new FeedSite(clock, { seed: 1 });
    await using b = new FeedSite(clock, { seed: 2 });
    const log = await a.write(KEYS);
    const blocks = blocksOf(50);
    await a.append(log, blocks);
    const copy = await b.follow(KEYS, { sparse: true });
    join(b, a, createMemorySocketPair());
    const { signal } = new AbortController();
    const first = b.sync.fetch(copy.id, 33, signal);
    // Proven, and not yet on disk.
    const second = first.then(() => b.sync.fetch(copy.id, 33, signal));
    const twice = Promise.all([first, second]);
    await timeUntil(clock, () => copy.heldCount === 1);
    expect(await twice).toEqual([blocks[33], blocks[33]]);
    expect(await b.sync.fetch(copy.id, 33, signal)).toEqual(blocks[33]);
    const patience = new AbortController();
    const never = b.sync.fetch(copy.id, 5_000, patience.signal);
    await clock.advance(1_000);
    patience.abort(new Error('enough'));
    await expect(never).rejects.toThrow('enough');
  });

  test('a WebSocket is a transport like any other', async () => {
    const clock = new ManualClock(0);
    await using pair = await openWsPair();
    await using a = new FeedSite(clock, { seed: 1 });
    await using b = new FeedSite(clock, { seed: 2 });
    await a.append(await a.write(KEYS), blocksOf(500));
    const copy = await b.follow(KEYS);
    join(b, a, [pair.a, pair.b]);
    await until(() => copy.heldCount === 500);
  });

  test('a disk that refuses is tried again later, and loses nothing', async () => {
    const clock = new ManualClock(0);
    await using a = new FeedSite(clock, { seed: 1 });
    await a.append(await a.write(KEYS), blocksOf(300));
    await using b = new FeedSite(clock, { seed: 2 });
    const copy = await b.follow(KEYS);
    let refusals = 3;
    const { transact } = b.store;
    b.store.transact = (work) =>
      refusals-- > 0 ? Promise.reject(new Error('full')) : (transact.call(b.store, work) as never);
    join(b, a, createMemorySocketPair());
    await timeUntil(clock, () => copy.heldCount === 300);
    expect(refusals).toBeLessThan(0);
    expect(b.dropped).toEqual([]);
  });
});
