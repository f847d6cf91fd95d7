/** Reads a feed's end, its bitmaps and its fork proof at opening. Throws FeedError `corrupt` where the rows contradict each other. */
import type { CryptoSuite } from '../base/index.ts';
import type { StoreReader } from '../store/index.ts';
import { PAGE_BITS, PAGE_BYTES } from './bitfield.ts';
import { FeedError } from './feed-error.ts';
import { type FeedKeys, GROUP_BLOCKS, groupEntries, NODE_BYTES, numberOfKey } from './feed-rows.ts';
import { fullRoots } from './flat-tree.ts';
import { decodeForkProof, type ForkProof } from './fork-proof.ts';
import { BITFIELD_PAGES_PER_READ, FEED_LENGTH_MAX } from './limits.ts';
import { readTree } from './log-proof.ts';
import { rootHash, type TreeNode } from './merkle.ts';

/** The end of the log. A new one is made for each batch, so that older ones can be returned to. */
export interface Head {
  readonly roots: readonly TreeNode[];
  readonly length: number;
  /** The row of the group that the next block belongs to, as far as it goes; nothing in a replica. */
  readonly group: Uint8Array;
}

export const EMPTY_HEAD: Head = { roots: [], length: 0, group: new Uint8Array(0) };

export type BitfieldPage = readonly [number: number, bytes: Uint8Array];

export interface LoadedFeed {
  readonly head: Head;
  readonly holes: readonly BitfieldPage[];
  /** In a replica: which blocks came. */
  readonly held: readonly BitfieldPage[];
  readonly fork: ForkProof | undefined;
}

export interface LoadDeps {
  readonly suite: CryptoSuite;
  readonly store: StoreReader;
  readonly keys: FeedKeys;
  readonly publicKey: Uint8Array;
  readonly isReplica: boolean;
}

export async function loadFeed(deps: LoadDeps): Promise<LoadedFeed> {
  const { suite, store, keys, publicKey, isReplica } = deps;
  const [last] = await store.range({ ...keys.range('signature', 0, Number.MAX_SAFE_INTEGER), limit: 1, reverse: true });
  const length = last === undefined ? 0 : numberOfKey(last.key);
  if (!(length <= FEED_LENGTH_MAX)) throw new FeedError('corrupt', `a feed ends at ${length}`);
  const [beyond] = await store.range({ ...keys.range('block', length, Number.MAX_SAFE_INTEGER), limit: 1 });
  if (beyond !== undefined)
    throw new FeedError('corrupt', `a feed holds block ${numberOfKey(beyond.key)}, but no signature after ${length}`);
  const stored = await store.get(keys.key('fork', 0));
  const fork = stored === undefined ? undefined : decodeForkProof(stored);
  if (last === undefined) return { head: EMPTY_HEAD, holes: [], held: [], fork };
  const roots = await readTree(keys, store, fullRoots(length));
  if (!suite.verify(last.value, rootHash(suite, roots), publicKey))
    throw new FeedError('corrupt', `the signature of a feed at ${length} is wrong`);
  const held = await readPages(deps, 'held', length);
  if (held.length > 0 !== isReplica)
    throw new FeedError('corrupt', isReplica ? 'a feed that is no replica' : 'a replica, opened as if it were whole');
  const group = isReplica ? EMPTY_HEAD.group : await readGroup(deps, length);
  return { head: { roots, length, group }, holes: await readPages(deps, 'holes', length), held, fork };
}

async function readGroup({ store, keys }: LoadDeps, length: number): Promise<Uint8Array> {
  const blocks = length % GROUP_BLOCKS;
  if (blocks === 0) return EMPTY_HEAD.group;
  const row = await store.get(keys.key('tree', Math.floor(length / GROUP_BLOCKS)));
  const size = NODE_BYTES * groupEntries(blocks);
  if (row?.length !== size) throw new FeedError('corrupt', 'the last tree row of a feed is not whole');
  return row;
}

async function readPages({ store, keys }: LoadDeps, kind: 'holes' | 'held', length: number): Promise<BitfieldPage[]> {
  const pages: BitfieldPage[] = [];
  const end = Math.ceil(length / PAGE_BITS);
  for (let next = 0; next < end; ) {
    const rows = await store.range({ ...keys.range(kind, next, end), limit: BITFIELD_PAGES_PER_READ });
    for (const { key, value } of rows) {
      if (value.length !== PAGE_BYTES) throw new FeedError('corrupt', `a page of ${kind} blocks is not whole`);
      pages.push([numberOfKey(key), value]);
    }
    const lastRow = rows.at(-1);
    if (lastRow === undefined) break;
    next = numberOfKey(lastRow.key) + 1;
  }
  return pages;
}
