/**
 * Reads a whole feed again: each held block against its leaf, each node against its children, each signature against the
 * roots at its length. What a node says is taken over even where it is wrong, so that one wrong row is one problem, not a
 * problem for each node above it. Appends and clears may go on meanwhile: judged is the length at the start.
 */
import { type CryptoSuite, equalBytes } from '../base/index.ts';
import { type Row, StoreError, type StoreReader } from '../store/index.ts';
import { type FeedKeys, GROUP_BLOCKS, nodeOfGroup, numberOfKey } from './feed-rows.ts';
import { parentOf } from './flat-tree.ts';
import { CHECK_PAGE_BLOCKS, CHECK_PAGE_BYTES } from './limits.ts';
import { leafNode, parentNode, rootHash, type TreeNode } from './merkle.ts';

export interface CheckProblem {
  readonly code:
    | 'block_hash' // a block is not what its leaf says
    | 'missing_block' // neither held nor cleared
    | 'unreadable_block' // the store has it, and cannot read it
    | 'uncleared_block' // cleared, but its bytes are there
    | 'missing_node'
    | 'node_hash' // a node is not the parent of its children
    | 'signature'; // not the feed's over the roots at this length
  /** The block; for a node, the block that completes it; for a signature, the last block it covers. */
  readonly index: number;
  readonly message: string;
}

export interface CheckOptions {
  readonly signal?: AbortSignal;
  /** Blocks looked at, and how many there are. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface CheckedFeed {
  readonly suite: CryptoSuite;
  readonly publicKey: Uint8Array;
  readonly keys: FeedKeys;
  readonly length: number;
  /** A replica: nodes that no held block needs may be missing. */
  readonly isSparse: boolean;
  /** Cleared on disk, or never here. */
  readonly isCleared: (index: number) => boolean;
  /** Cleared on disk, or by a transaction in flight. */
  readonly mayBeCleared: (index: number) => boolean;
}

export async function* checkRows(
  feed: CheckedFeed,
  reader: StoreReader,
  options: CheckOptions,
): AsyncGenerator<CheckProblem> {
  const roots: (TreeNode | undefined)[] = [];
  for (let next = 0; next < feed.length; ) {
    options.signal?.throwIfAborted();
    const page = await readPage(feed, reader, next);
    for (let index = page.from; index < page.to; index++) yield* checkBlock(feed, page, index, roots);
    next = page.to;
    options.onProgress?.(next, feed.length);
  }
}

export interface Page {
  readonly from: number;
  readonly to: number;
  readonly blocks: ReadonlyMap<number, Uint8Array>;
  readonly signatures: ReadonlyMap<number, Uint8Array>;
  readonly groups: ReadonlyMap<number, Uint8Array>;
  /** Cleared before the page was read. */
  readonly cleared: ReadonlySet<number>;
  /** Why the store cannot read a block. */
  readonly unreadable: ReadonlyMap<number, string>;
}

/** The next blocks, as many as fit a page, with their nodes and signatures. */
export async function readPage(feed: CheckedFeed, reader: StoreReader, from: number): Promise<Page> {
  const { keys } = feed;
  const end = Math.min(feed.length, from + CHECK_PAGE_BLOCKS);
  const cleared = new Set<number>();
  for (let index = from; index < end; index++) if (feed.isCleared(index)) cleared.add(index);
  const { rows, unreadable } = await readBlocks(feed, reader, from, end);
  const bytes = rows.reduce((sum, { value }) => sum + value.length, 0);
  const last = rows.at(-1);
  const to = last !== undefined && bytes > CHECK_PAGE_BYTES ? numberOfKey(last.key) + 1 : end;
  const firstGroup = Math.floor(from / GROUP_BLOCKS);
  const groupEnd = Math.floor((to - 1) / GROUP_BLOCKS) + 1;
  const [groups, signatures] = await Promise.all([
    reader.range({ ...keys.range('tree', firstGroup, groupEnd), limit: groupEnd - firstGroup }),
    reader.range({ ...keys.range('signature', from + 1, to + 1), limit: to - from }),
  ]);
  const numbered = (list: typeof rows): ReadonlyMap<number, Uint8Array> =>
    new Map(list.map(({ key, value }) => [numberOfKey(key), value]));
  return {
    from,
    to,
    blocks: numbered(rows),
    signatures: numbered(signatures),
    groups: numbered(groups),
    cleared,
    unreadable,
  };
}

/** One by one where the store cannot read them together: a damaged one must not hide the others. */
async function readBlocks(
  { keys }: CheckedFeed,
  reader: StoreReader,
  from: number,
  end: number,
): Promise<{ readonly rows: readonly Row[]; readonly unreadable: ReadonlyMap<number, string> }> {
  const unreadable = new Map<number, string>();
  try {
    const range = { ...keys.range('block', from, end), limit: end - from, maxBytes: CHECK_PAGE_BYTES };
    return { rows: await reader.range(range), unreadable };
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
  const rows: Row[] = [];
  let bytes = 0;
  for (let index = from; index < end && bytes <= CHECK_PAGE_BYTES; index++)
    try {
      const key = keys.key('block', index);
      const value = await reader.get(key);
      if (value !== undefined) rows.push({ key, value });
      bytes += value?.length ?? 0;
    } catch (error) {
      if (!isDamage(error)) throw error;
      unreadable.set(index, error.message);
    }
  return { rows, unreadable };
}

/** What the store says of damage, and of nothing else that may be wrong. */
export function isDamage(error: unknown): error is StoreError {
  return error instanceof StoreError && error.code === 'corrupt';
}

/** A node that the block at `index` completes. */
export function storedNode(page: Page, index: number, node: number): TreeNode | undefined {
  const row = page.groups.get(Math.floor(index / GROUP_BLOCKS));
  return row === undefined ? undefined : nodeOfGroup(row, node);
}

/** `roots` are those before the block, and afterwards those with it; undefined where a node is missing. */
function* checkBlock(
  feed: CheckedFeed,
  page: Page,
  index: number,
  roots: (TreeNode | undefined)[],
): Generator<CheckProblem> {
  const { suite } = feed;
  const stored = (node: number): TreeNode | undefined => storedNode(page, index, node);
  const block = page.blocks.get(index);
  const computed = block === undefined ? undefined : leafNode(suite, index, block);
  let node = stored(2 * index);
  if (node === undefined && !(feed.isSparse && block === undefined))
    yield { code: 'missing_node', index, message: `tree node ${2 * index} is missing` };
  const unreadable = page.unreadable.get(index);
  if (unreadable !== undefined)
    yield { code: 'unreadable_block', index, message: `block ${index} cannot be read: ${unreadable}` };
  else if (block === undefined && !page.cleared.has(index) && !feed.mayBeCleared(index))
    yield { code: 'missing_block', index, message: `block ${index} is missing` };
  // A replica may have been given the block since: then it is no hole any more, or a transaction in flight fills it.
  if (block !== undefined && page.cleared.has(index) && feed.mayBeCleared(index))
    yield { code: 'uncleared_block', index, message: `block ${index} was cleared, but its bytes are there` };
  if (computed !== undefined && node !== undefined && !isSame(node, computed))
    yield { code: 'block_hash', index, message: `block ${index} is not what the tree says` };
  node ??= computed;
  let at = 2 * index;
  for (let left = index + 1; left % 2 === 0; left /= 2) {
    const sibling = roots.pop();
    const expected = sibling === undefined || node === undefined ? undefined : parentNode(suite, sibling, node);
    at = parentOf(at);
    const found = stored(at);
    if (found === undefined && !feed.isSparse)
      yield { code: 'missing_node', index, message: `tree node ${at} is missing` };
    else if (found !== undefined && expected !== undefined && !isSame(found, expected))
      yield { code: 'node_hash', index, message: `tree node ${at} is not the parent of its children` };
    node = found ?? expected;
  }
  roots.push(node);
  const signature = page.signatures.get(index + 1);
  if (signature !== undefined && !isSigned(feed, signature, roots))
    yield { code: 'signature', index, message: `the signature at length ${index + 1} is wrong` };
}

/** Roots with a missing node, which is a problem of its own, cannot be judged. */
function isSigned(feed: CheckedFeed, signature: Uint8Array, roots: readonly (TreeNode | undefined)[]): boolean {
  if (roots.includes(undefined)) return true;
  return feed.suite.verify(signature, rootHash(feed.suite, roots as readonly TreeNode[]), feed.publicKey);
}

function isSame(a: TreeNode, b: TreeNode): boolean {
  return a.size === b.size && equalBytes(a.hash, b.hash);
}
