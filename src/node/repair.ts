/**
 * `repair`: what `verify` finds wrong is mended from what cannot be: nodes of a tree from its blocks and the feed's signature,
 * blocks from other nodes of the home, views from the feeds. Each step is a store transaction that leaves what is right as it
 * is, so a repair that is killed goes on when it is run again.
 */
import type { CryptoSuite } from '../base/index.ts';
import type { BlockClaim, FeedLog } from '../feed/index.ts';
import type { FeedId } from '../protocol/index.ts';
import type { DataFolder } from './data-folder.ts';
import type { Feeds } from './feeds.ts';
import type { Fleet } from './fleet/index.ts';
import type { Journal } from './journal.ts';
import { type NodeStore, storeProblems } from './node-store.ts';
import { leftByRepair, type Problem } from './problem.ts';
import { type CheckDeps, type CheckOptions, type CheckResult, checkEverything, rebuildViews } from './view-check.ts';

export interface RepairDeps extends CheckDeps {
  /** A block as other nodes of the home have it, of one after the other; nothing where none can be asked. */
  readonly blocksElsewhere: (feed: FeedId, index: number) => AsyncIterable<BlockClaim>;
  /** Folds what is there of a copy by now, and was behind a block that was lost. */
  readonly foldOn: (feed: FeedLog) => Promise<void>;
}

/** Of a node that is open. */
export function repairDepsOf(
  suite: CryptoSuite,
  parts: {
    readonly folder: DataFolder;
    readonly store: NodeStore;
    readonly feeds: Pick<Feeds, 'all'>;
    readonly fleet: Fleet;
    readonly journal: Pick<Journal, 'foldOn'>;
  },
): RepairDeps {
  const { folder, store, feeds, fleet, journal } = parts;
  return {
    suite,
    store,
    home: folder.config.home,
    feeds: feeds.all,
    checkStore: () => storeProblems(store),
    blocksElsewhere: (feed, index) => fleet.blocksElsewhere(feed, index),
    foldOn: (feed) => journal.foldOn(feed),
  };
}

export interface RepairResult extends CheckResult {
  /** What was wrong before, and is not any more. */
  readonly mended: readonly Problem[];
}

export async function repairEverything(deps: RepairDeps, options: CheckOptions): Promise<RepairResult> {
  const before = await checkEverything(deps, options);
  if (before.problems.some(({ code }) => code === 'store')) return { ...before, mended: [] };
  for (const feed of deps.feeds.values()) {
    if (!before.ok) await mendFeed(deps, feed, options);
    await deps.foldOn(feed);
  }
  if (before.ok) return { ...before, mended: [] };
  await rebuildViews(deps, options);
  const after = await checkEverything(deps, options);
  const left = new Set(after.problems.map(({ code, where }) => `${code} ${where}`));
  return {
    ...after,
    problems: after.problems.map(leftByRepair),
    mended: before.problems.filter(({ code, where }) => !left.has(`${code} ${where}`)),
  };
}

/** What is wrong with the rows of one feed. */
interface Damage {
  tree: boolean;
  /** Blocks that are not what their tree says, or whose nodes are lost with them. */
  readonly blocks: Set<number>;
  readonly uncleared: number[];
  /** Lengths. */
  readonly signatures: number[];
}

async function mendFeed(deps: RepairDeps, feed: FeedLog, options: CheckOptions): Promise<void> {
  const { store } = deps;
  let damage = await damageOf(deps, feed, options);
  if (damage.tree) {
    // The tree first: by it a changed block is told from a changed hash of it.
    const { nodes } = await feed.mender.settle(store);
    for (const part of feed.mender.partsOf(nodes))
      await store.transact((transaction) => feed.mender.putNodes(transaction, part));
    damage = await damageOf(deps, feed, options);
  }
  let done = 0;
  for (const index of damage.blocks) {
    options.signal?.throwIfAborted();
    await mendBlock(deps, feed, index);
    options.onProgress?.({ stage: 'mending', done: ++done, total: damage.blocks.size });
  }
  await store.transact(async (transaction) => {
    for (const index of damage.uncleared) feed.mender.unclear(transaction, index);
    // Over roots that are not proven nothing is signed.
    if (!damage.tree) for (const length of damage.signatures) await feed.mender.mendSignature(transaction, length);
  });
}

async function damageOf({ store }: RepairDeps, feed: FeedLog, { signal }: CheckOptions): Promise<Damage> {
  const damage: Damage = { tree: false, blocks: new Set(), uncleared: [], signatures: [] };
  for await (const { code, index } of feed.verifyAll(store, signal === undefined ? {} : { signal }))
    switch (code) {
      case 'missing_node':
      case 'node_hash':
        damage.tree = true;
        damage.blocks.add(index);
        break;
      case 'block_hash':
      case 'missing_block':
      case 'unreadable_block':
        damage.blocks.add(index);
        break;
      case 'uncleared_block':
        damage.uncleared.push(index);
        break;
      case 'signature':
        damage.signatures.push(index + 1);
        break;
    }
  return damage;
}

/** The first that another node gives and the tree proves. */
async function mendBlock({ blocksElsewhere, store }: RepairDeps, feed: FeedLog, index: number): Promise<void> {
  for await (const claim of blocksElsewhere(feed.id, index)) {
    const mending = await store.transact((transaction) => feed.mender.putBlock(transaction, claim));
    if (mending !== 'refused') return;
  }
}
