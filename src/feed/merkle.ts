/**
 * The hashes of Dat v6 (DEP-0002), to the byte: leaf, parent and root, all BLAKE2b-256. Pure; the crypto suite comes in.
 * A hash binds its node's size: of two nodes with the same index and hash, either both sizes are right or none.
 */
import type { CryptoSuite } from '../base/index.ts';
import { depthOf, parentOf } from './flat-tree.ts';
import { writeUint64 } from './uint64.ts';

export interface TreeNode {
  /** Flat-tree index. */
  readonly index: number;
  /** 32 bytes. */
  readonly hash: Uint8Array;
  /** Bytes of all blocks below it. */
  readonly size: number;
}

export const HASH_BYTES = 32;

const LEAF_TYPE = 0;
const PARENT_TYPE = 1;
const ROOT_TYPE = 2;

// What is hashed, put together in the same place each time: a suite reads it before it returns.
const LEAF_HEAD = new Uint8Array(9);
LEAF_HEAD[0] = LEAF_TYPE;
const PARENT = new Uint8Array(9 + 2 * HASH_BYTES);
PARENT[0] = PARENT_TYPE;

/** BLAKE2b(00 ‖ length ‖ block). */
export function leafHash(suite: CryptoSuite, block: Uint8Array): Uint8Array {
  writeUint64(LEAF_HEAD, 1, block.length);
  return suite.blake2b(LEAF_HEAD, block);
}

export function leafNode(suite: CryptoSuite, blockIndex: number, block: Uint8Array): TreeNode {
  return { index: 2 * blockIndex, hash: leafHash(suite, block), size: block.length };
}

/** BLAKE2b(01 ‖ size of both ‖ left hash ‖ right hash); the two are siblings, in this order. */
export function parentNode(suite: CryptoSuite, left: TreeNode, right: TreeNode): TreeNode {
  const size = left.size + right.size;
  writeUint64(PARENT, 1, size);
  PARENT.set(left.hash, 9);
  PARENT.set(right.hash, 9 + HASH_BYTES);
  return { index: parentOf(left.index), hash: suite.blake2b(PARENT), size };
}

/** BLAKE2b(02 ‖ (hash ‖ index ‖ size) of each root from left to right): what a feed's signature signs. */
export function rootHash(suite: CryptoSuite, roots: readonly TreeNode[]): Uint8Array {
  const bytes = new Uint8Array(1 + roots.length * (HASH_BYTES + 16));
  bytes[0] = ROOT_TYPE;
  let offset = 1;
  for (const { hash, index, size } of roots) {
    bytes.set(hash, offset);
    writeUint64(bytes, offset + HASH_BYTES, index);
    writeUint64(bytes, offset + HASH_BYTES + 8, size);
    offset += HASH_BYTES + 16;
  }
  return suite.blake2b(bytes);
}

export interface GrownTree {
  /** What the new blocks completed: each leaf, then the parents it completes, upwards. */
  readonly nodes: readonly TreeNode[];
  readonly roots: readonly TreeNode[];
}

/** The tree of `roots` after more blocks; the roots alone tell how long it was. */
export function growTree(suite: CryptoSuite, roots: readonly TreeNode[], blocks: readonly Uint8Array[]): GrownTree {
  const nodes: TreeNode[] = [];
  const grown = [...roots];
  let length = lengthOf(roots);
  for (const block of blocks) {
    let node = leafNode(suite, length, block);
    nodes.push(node);
    length += 1;
    // As many pairs merge as ones ended the old length: zeros that end the new one.
    for (let left = length; left % 2 === 0; left /= 2) {
      node = parentNode(suite, grown.pop() as TreeNode, node);
      nodes.push(node);
    }
    grown.push(node);
  }
  return { nodes, roots: grown };
}

/** How many blocks the full roots of a feed cover. */
export function lengthOf(roots: readonly TreeNode[]): number {
  return roots.reduce((length, { index }) => length + 2 ** depthOf(index), 0);
}

/** How many bytes the full roots of a feed cover. */
export function byteLengthOf(roots: readonly TreeNode[]): number {
  return roots.reduce((bytes, { size }) => bytes + size, 0);
}
