/**
 * Which tree a feed's key has signed, where rows of it are damaged. The blocks and the stored nodes are read upwards as in a
 * check, but a place where they contradict each other keeps every reading until a stored node above it, or at last the
 * signature, fits one of them: a changed block and a changed leaf look alike from below, and are told apart from above.
 */
import { equalBytes } from '../base/index.ts';
import type { StoreReader } from '../store/index.ts';
import { type CheckedFeed, readPage, storedNode } from './feed-check.ts';
import { fullRoots, parentOf } from './flat-tree.ts';
import { SETTLE_OPTIONS_MAX } from './limits.ts';
import { leafNode, parentNode, type TreeNode } from './merkle.ts';

/** One reading of a part of the tree: its top, and the nodes that would have to be written for it. */
interface Reading {
  readonly top: TreeNode;
  readonly writes: Writes | undefined;
}

interface Writes {
  readonly node: TreeNode | undefined;
  readonly left: Writes | undefined;
  readonly right: Writes | undefined;
}

export interface Settled {
  /** Whether some reading is the one that the feed's key has signed. */
  readonly isSettled: boolean;
  /** Nodes that the rows do not have as they were signed. */
  readonly nodes: readonly TreeNode[];
}

/** Reads the whole feed. `isSigned`: whether its roots are those. Changes nothing. */
export async function settleTree(
  feed: CheckedFeed,
  reader: StoreReader,
  isSigned: (roots: readonly TreeNode[]) => boolean,
): Promise<Settled> {
  const stack: (readonly Reading[])[] = [];
  for (let next = 0; next < feed.length; ) {
    const page = await readPage(feed, reader, next);
    for (let index = page.from; index < page.to; index++) {
      const stored = (node: number): TreeNode | undefined => storedNode(page, index, node);
      let readings = readLeaf(feed, page.blocks.get(index), index, stored(2 * index));
      let at = 2 * index;
      for (let left = index + 1; left % 2 === 0; left /= 2) {
        at = parentOf(at);
        readings = join(feed, stack.pop() ?? [], readings, stored(at));
      }
      stack.push(readings);
    }
    next = page.to;
  }
  const roots = fullRoots(feed.length);
  const choices = roots.map((_, i) => stack[i] ?? []);
  const chosen = choose(choices, (readings) => isSigned(readings.map(({ top }) => top)));
  if (chosen === undefined) return { isSettled: false, nodes: [] };
  return { isSettled: true, nodes: chosen.flatMap(({ writes }) => [...nodesOf(writes)]) };
}

function readLeaf(
  { suite }: CheckedFeed,
  block: Uint8Array | undefined,
  index: number,
  stored: TreeNode | undefined,
): readonly Reading[] {
  const asStored: readonly Reading[] = stored === undefined ? [] : [{ top: stored, writes: undefined }];
  if (block === undefined) return asStored;
  const top = leafNode(suite, index, block);
  if (stored !== undefined && isSame(top, stored)) return asStored;
  return [...asStored, { top, writes: { node: top, left: undefined, right: undefined } }];
}

/** The readings of a parent. One that the stored parent fits is right: nobody finds another with its hash. */
function join(
  { suite }: CheckedFeed,
  lefts: readonly Reading[],
  rights: readonly Reading[],
  stored: TreeNode | undefined,
): readonly Reading[] {
  const readings: Reading[] = [];
  for (const left of lefts)
    for (const right of rights) {
      const top = parentNode(suite, left.top, right.top);
      const isAsStored = stored !== undefined && isSame(top, stored);
      const writes = joinWrites(isAsStored ? undefined : top, left.writes, right.writes);
      if (isAsStored) return [{ top, writes }];
      readings.push({ top, writes });
    }
  if (stored !== undefined) readings.unshift({ top: stored, writes: undefined });
  return readings.slice(0, SETTLE_OPTIONS_MAX);
}

function joinWrites(
  node: TreeNode | undefined,
  left: Writes | undefined,
  right: Writes | undefined,
): Writes | undefined {
  if (node === undefined && (left === undefined || right === undefined)) return left ?? right;
  return { node, left, right };
}

/** The first combination of one of each that is right. */
function choose(
  choices: readonly (readonly Reading[])[],
  isRight: (chosen: readonly Reading[]) => boolean,
  chosen: readonly Reading[] = [],
): readonly Reading[] | undefined {
  const [first, ...rest] = choices;
  if (first === undefined) return isRight(chosen) ? chosen : undefined;
  for (const reading of first) {
    const found = choose(rest, isRight, [...chosen, reading]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function* nodesOf(writes: Writes | undefined): Generator<TreeNode> {
  if (writes === undefined) return;
  yield* nodesOf(writes.left);
  yield* nodesOf(writes.right);
  if (writes.node !== undefined) yield writes.node;
}

function isSame(a: TreeNode, b: TreeNode): boolean {
  return a.size === b.size && equalBytes(a.hash, b.hash);
}
