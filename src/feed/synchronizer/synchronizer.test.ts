import { describe, expect, test } from 'vitest';
import { FeedSite, feedKeys, type SiteOptions, siteSuite } from '../../../test/harness/feed-site.ts';
import { createMemorySocketPair, ManualClock, utf8 } from '../../base/index.ts';
import { type FeedId, feedIdOf } from '../../protocol/index.ts';
import { discoveryKeyOf } from '../feed-key.ts';
import type { FeedLog } from '../feed-log.ts';
import type { PeerHandle, PeerOptions } from './synchronizer.ts';

const KEYS = feedKeys(1);

function blocksOf(count: number, from = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => utf8(`block ${from + i}`));
}

/** A writer, and places that copy; none connected yet. */
async function setup(count: number, options: Partial<SiteOptions> = {}) {
  const clock = new ManualClock(0);
  const writer = new FeedSite(clock, { seed: 1, ...options });
  const log = await writer.write(KEYS);
  if (count > 0) await writer.append(log, blocksOf(count));
  const copies: FeedSite[] = [];
  return {
    clock,
    writer,
    log,
    copy(seed: number): FeedSite {
      const site = new FeedSite(clock, { seed, ...options });
      copies.push(site);
      return site;
    },
    async [Symbol.asyncDispose]() {
      for (const site of [...copies, writer]) await site[Symbol.asyncDispose]();
    },
  };
}

function connect(asking: FeedSite, answering: FeedSite, options: Partial<PeerOptions> = {}): readonly PeerHandle[] {
  const [near, far] = createMemorySocketPair();
  return [
    answering.sync.addPeer(far, { isInitiator: false, ...options }),
    asking.sync.addPeer(near, { isInitiator: true }),
  ];
}

/** Lets everything happen that needs no time, until it has. */
async function until(clock: ManualClock, isSo: () => boolean): Promise<void> {
  for (let turns = 0; !isSo(); turns++) {
    if (turns > 2_000) throw new Error('it does not come to be so');
    await clock.advance(0);
  }
}

async function contentOf(site: FeedSite, log: FeedLog): Promise<(Uint8Array | undefined)[]> {
  const indexes = Array.from({ length: log.length }, (_, i) => i);
  return [...(await log.getBlocks(site.store, indexes))];
}

describe('two synchronizers', () => {
  test('copy a feed whole, each block proven', async () => {
    await using world = await setup(700);
    const site = world.copy(2);
    const copy = await site.follow(KEYS);
    connect(site, world.writer);
    await until(world.clock, () => site.sync.isComplete(copy.id));
    expect(await contentOf(site, copy)).toEqual(blocksOf(700));
    expect(await site.problemsOf(copy)).toEqual([]);
    expect(site.notices.filter(({ kind }) => kind === 'complete')).toHaveLength(1);
  });

  test('go on as the feed grows', async () => {
    await using world = await setup(0);
    const site = world.copy(2);
    const copy = await site.follow(KEYS);
    connect(site, world.writer);
    for (const count of [1, 1, 30, 1, 200]) {
      const { length } = world.log;
      await world.writer.append(world.log, blocksOf(count, length));
      await until(world.clock, () => copy.length === length + count && site.sync.isComplete(copy.id));
    }
    expect(await contentOf(site, copy)).toEqual(blocksOf(233));
  });
});

describe('a connection that one end opens', () => {
  /** One end has two feeds, and has shared first the one that the other lacks. */
  async function twoFeeds() {
    const clock = new ManualClock(0);
    const [dialing, accepting] = [new FeedSite(clock, { seed: 1 }), new FeedSite(clock, { seed: 2 })];
    const [unshared, shared] = [await dialing.write(feedKeys(1)), await dialing.write(feedKeys(2))];
    await dialing.append(shared, blocksOf(5));
    const copy = await accepting.follow(feedKeys(2));
    const dial = (first: FeedId | undefined): readonly PeerHandle[] => {
      const [near, far] = createMemorySocketPair();
      return [
        accepting.sync.addPeer(far, { isInitiator: false, opensAll: true }),
        dialing.sync.addPeer(near, { isInitiator: true, opensAll: true, first }),
      ];
    };
    return {
      clock,
      unshared,
      shared,
      copy,
      dial,
      accepting,
      async [Symbol.asyncDispose]() {
        for (const site of [dialing, accepting]) await site[Symbol.asyncDispose]();
      },
    };
  }

  test('with a feed that the other has is kept, whichever was shared first, and copies it', async () => {
    await using world = await twoFeeds();
    world.dial(world.shared.id);
    await until(world.clock, () => world.copy.heldCount === 5);
    expect(world.accepting.dropped).toEqual([]);
  });

  test.each(['nothing named', 'a feed named that the other lacks', 'a feed named that is not here'])(
    'with %s ends at once, with its reason',
    async (named) => {
      await using world = await twoFeeds();
      const lacking = discoveryKeyOf(siteSuite, feedKeys(3).publicKey);
      const first =
        named === 'nothing named' ? undefined : named.endsWith('lacks') ? world.unshared.id : feedIdOf(lacking);
      const [accepted] = world.dial(first);
      let reason: string | undefined;
      void accepted?.ended.then((why) => {
        reason = why;
      });
      await until(world.clock, () => reason !== undefined);
      expect(reason).toBe('unknown_feed');
      expect(world.copy.heldCount).toBe(0);
    },
  );
});
