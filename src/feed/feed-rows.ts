/**
 * Where a feed's rows lie under its prefix, and how tree nodes share rows:
 *
 *     b + block index → the block            s + length → the signature of a batch that ended there
 *     t + group       → tree nodes           f + page   → holes: one bit for each cleared block of 8 192
 *     k               → a fork proof         h + page   → in a replica: one bit for each block that came, of 8 192
 *
 * A `t` row holds the nodes that 16 blocks complete, in the order of completion (each leaf, then the parents it completes),
 * as 40-byte SLEEP entries. So a row only grows, a node is found by arithmetic, and the rows are the same however the blocks
 * were batched. A node that a replica does not know is zeros. There is no head row: the feed is as long as its last
 * signature says.
 */
import { smallBytes } from '../base/index.ts';
import type { StoreReader } from '../store/index.ts';
import { depthOf, rightSpanOf } from './flat-tree.ts';
import { HASH_BYTES, type TreeNode } from './merkle.ts';
import { peekUint64, writeUint64 } from './uint64.ts';

export const NODE_BYTES = HASH_BYTES + 8;
export const GROUP_BLOCKS = 16;

/** A full group: 31 nodes, and above its last block at most 48 parents more. */
const FULL_GROUP_BYTES = 80 * NODE_BYTES;

const KINDS = { block: 0x62, holes: 0x66, held: 0x68, fork: 0x6b, signature: 0x73, tree: 0x74 } as const;
export type RowKind = keyof typeof KINDS;

export class FeedKeys {
  readonly #prefix: Uint8Array;

  constructor(prefix: Uint8Array) {
    this.#prefix = prefix;
  }

  key(kind: RowKind, number: number): Uint8Array {
    const size = this.#prefix.length;
    const key = smallBytes(size + 9);
    key.set(this.#prefix);
    key[size] = KINDS[kind];
    writeUint64(key, size + 1, number);
    return key;
  }

  /** The rows numbered [from, to). */
  range(kind: RowKind, from: number, to: number): { readonly from: Uint8Array; readonly to: Uint8Array } {
    return { from: this.key(kind, from), to: this.key(kind, to) };
  }
}

/** The number at the end of a row's key. */
export function numberOfKey(key: Uint8Array): number {
  return peekUint64(key, key.length - 8);
}

/** How many nodes the first `blocks` blocks of a group complete: two each, but one for every root they end in. */
export function groupEntries(blocks: number): number {
  return 2 * blocks - onesOf(blocks);
}

export function groupOf(nodeIndex: number): number {
  return Math.floor(rightSpanOf(nodeIndex) / 2 / GROUP_BLOCKS);
}

/** Where a node lies in its group's row. */
export function offsetInGroup(index: number): number {
  const completedBy = (rightSpanOf(index) / 2) % GROUP_BLOCKS;
  return NODE_BYTES * (groupEntries(completedBy) + depthOf(index));
}

/** A node of a group's row, its hash a view of it; undefined when the row does not reach or does not know it. */
export function nodeOfGroup(row: Uint8Array, index: number): TreeNode | undefined {
  const offset = offsetInGroup(index);
  if (!isKnownAt(row, offset)) return undefined;
  return {
    index,
    hash: row.subarray(offset, offset + HASH_BYTES),
    size: peekUint64(row, offset + HASH_BYTES),
  };
}

/** No hash is all zeros. */
export function isKnownAt(row: Uint8Array, offset: number): boolean {
  const end = offset + HASH_BYTES;
  if (end > row.length) return false;
  for (let at = offset; at < end; at++) if (row[at] !== 0) return true;
  return false;
}

/** Stored nodes in the order of the indexes, by one read. */
export async function readNodes(
  reader: StoreReader,
  keys: FeedKeys,
  indexes: readonly number[],
): Promise<readonly (TreeNode | undefined)[]> {
  const groups = [...new Set(indexes.map(groupOf))];
  const rows = await reader.getMany(groups.map((group) => keys.key('tree', group)));
  const rowOf = new Map(groups.map((group, i) => [group, rows[i]]));
  return indexes.map((index) => {
    const row = rowOf.get(groupOf(index));
    return row === undefined ? undefined : nodeOfGroup(row, index);
  });
}

/** A group's row with these nodes in their places. */
export function groupWith(row: Uint8Array, nodes: readonly TreeNode[]): Uint8Array {
  const end = nodes.reduce((most, { index }) => Math.max(most, offsetInGroup(index) + NODE_BYTES), row.length);
  const changed = new Uint8Array(end);
  changed.set(row);
  for (const { index, hash, size } of nodes) {
    changed.set(hash, offsetInGroup(index));
    writeUint64(changed, offsetInGroup(index) + HASH_BYTES, size);
  }
  return changed;
}

export interface GroupRow {
  readonly group: number;
  readonly bytes: Uint8Array;
}

/**
 * The rows that new nodes make or lengthen, the last one perhaps unfinished. `begun` is what the first of them holds
 * already; the nodes come in the order in which blocks complete them.
 */
export function groupRows(begun: Uint8Array, nodes: readonly TreeNode[]): readonly GroupRow[] {
  const rows: GroupRow[] = [];
  const scratch = new Uint8Array(FULL_GROUP_BYTES);
  scratch.set(begun);
  let size = begun.length;
  let group = -1;
  for (const { index, hash, size: nodeSize } of nodes) {
    if (index % 2 === 0) {
      const next = Math.floor(index / 2 / GROUP_BLOCKS);
      if (group !== -1 && next !== group) {
        rows.push({ group, bytes: scratch.slice(0, size) });
        size = 0;
      }
      group = next;
    }
    scratch.set(hash, size);
    writeUint64(scratch, size + HASH_BYTES, nodeSize);
    size += NODE_BYTES;
  }
  if (group !== -1) rows.push({ group, bytes: scratch.slice(0, size) });
  return rows;
}

function onesOf(value: number): number {
  let ones = 0;
  for (let rest = value; rest !== 0; rest &= rest - 1) ones += 1;
  return ones;
}
