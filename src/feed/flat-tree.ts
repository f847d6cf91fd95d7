/**
 * Flat trees (Dat v6, DEP-0002): a binary tree over a growing row of leaves, numbered in-order, so that numbers never
 * change when it grows. Leaf i is node 2i; a node at depth d and offset o is (2o+1)·2^d − 1.
 *
 *         3
 *     1       5
 *   0   2   4   6      8
 *
 * Indexes go up to NODE_INDEX_MAX; arithmetic is in doubles, since shifts would cut them to 32 bits.
 */

const TWO_32 = 2 ** 32;

/** 0 for a leaf: how many ones end the index. */
export function depthOf(index: number): number {
  const low = (index + 1) >>> 0; // exactly the low 32 bits
  return low === 0 ? 32 + trailingZeros((index + 1) / TWO_32) : trailingZeros(low);
}

/** Position among the nodes of its depth, from the left. */
export function offsetOf(index: number, depth = depthOf(index)): number {
  return ((index + 1) / 2 ** depth - 1) / 2;
}

export function nodeAt(depth: number, offset: number): number {
  return (2 * offset + 1) * 2 ** depth - 1;
}

export function parentOf(index: number): number {
  const depth = depthOf(index);
  return nodeAt(depth + 1, Math.floor(offsetOf(index, depth) / 2));
}

export function siblingOf(index: number): number {
  const depth = depthOf(index);
  const offset = offsetOf(index, depth);
  return nodeAt(depth, offset % 2 === 0 ? offset + 1 : offset - 1);
}

/** Left and right; undefined for a leaf. */
export function childrenOf(index: number): readonly [left: number, right: number] | undefined {
  const depth = depthOf(index);
  if (depth === 0) return undefined;
  const reach = 2 ** (depth - 1);
  return [index - reach, index + reach];
}

/** The first leaf below the node, as a node index. */
export function leftSpanOf(index: number): number {
  return index - (2 ** depthOf(index) - 1);
}

/** The last leaf below the node, as a node index. */
export function rightSpanOf(index: number): number {
  return index + (2 ** depthOf(index) - 1);
}

/** The roots of the complete trees that `length` leaves make, from left to right; none for no leaves. */
export function fullRoots(length: number): number[] {
  const roots: number[] = [];
  let first = 0; // leaves that the roots so far cover
  while (first < length) {
    let leaves = 1;
    while (leaves * 2 <= length - first) leaves *= 2;
    roots.push(2 * first + leaves - 1);
    first += leaves;
  }
  return roots;
}

/** How many zeros end a number from 1 to 2^32-1. */
function trailingZeros(value: number): number {
  return 31 - Math.clz32(value & -value);
}
