/**
 * The tree rows of a feed as its replica works on them: kept in memory while they are in use, so that judging a block asks
 * the disk for nothing that the blocks before it have brought. A look-up never waits: what it misses is noted, and the
 * caller loads it and looks again.
 */
import type { StoreReader, StoreTransaction } from '../store/index.ts';
import { type FeedKeys, groupOf, isKnownAt, NODE_BYTES, nodeOfGroup, offsetInGroup } from './feed-rows.ts';
import { TREE_ROWS_MAX } from './limits.ts';
import { HASH_BYTES, type TreeNode } from './merkle.ts';
import { writeUint64 } from './uint64.ts';

const EMPTY_ROW = new Uint8Array(0);

export class TreeRows {
  readonly #keys: FeedKeys;
  /** By group, those used last at the end. */
  readonly #rows = new Map<number, Uint8Array>();
  readonly #changed = new Set<number>();
  /** Groups that a look-up asked for in vain since the last `load`. */
  readonly #missing = new Set<number>();

  constructor(keys: FeedKeys) {
    this.#keys = keys;
  }

  node(index: number): TreeNode | undefined {
    const row = this.#row(index);
    return row === undefined ? undefined : nodeOfGroup(row, index);
  }

  has(index: number): boolean {
    const row = this.#row(index);
    return row !== undefined && isKnownAt(row, offsetInGroup(index));
  }

  /** Whether the row with this node is in memory, or will be by the next `load`. */
  isAskedFor(index: number): boolean {
    const group = groupOf(index);
    return this.#rows.has(group) || this.#missing.has(group);
  }

  get isMissingRows(): boolean {
    return this.#missing.size > 0;
  }

  /** Reads what look-ups missed. */
  async load(reader: StoreReader): Promise<void> {
    const groups = [...this.#missing];
    this.#missing.clear();
    const rows = await reader.getMany(groups.map((group) => this.#keys.key('tree', group)));
    for (const [i, group] of groups.entries()) if (!this.#rows.has(group)) this.#rows.set(group, rows[i] ?? EMPTY_ROW);
  }

  forgetMissing(): void {
    this.#missing.clear();
  }

  /** Its row must have been looked at before. A node that is there stays: who puts another has compared them. */
  put({ index, hash, size }: TreeNode): void {
    const group = groupOf(index);
    const offset = offsetInGroup(index);
    let row = this.#rows.get(group) ?? EMPTY_ROW;
    if (isKnownAt(row, offset)) return;
    if (offset + NODE_BYTES > row.length) {
      const grown = new Uint8Array(offset + NODE_BYTES);
      grown.set(row);
      row = grown;
      this.#rows.set(group, row);
    }
    row.set(hash, offset);
    writeUint64(row, offset + HASH_BYTES, size);
    this.#changed.add(group);
  }

  /** Puts the rows that have changed. */
  write(transaction: StoreTransaction): void {
    for (const group of this.#changed) {
      const row = this.#rows.get(group);
      if (row !== undefined) transaction.put(this.#keys.key('tree', group), row.slice());
    }
    this.#changed.clear();
    this.trim();
  }

  /** Forgets those that were not used for longest, where they are many and none of them waits to be put. */
  trim(): void {
    for (const group of this.#rows.keys()) {
      if (this.#rows.size <= TREE_ROWS_MAX) break;
      this.#rows.delete(group);
    }
  }

  /** Forgets everything: what a failed transaction put, and all else with it. */
  drop(): void {
    this.#rows.clear();
    this.#changed.clear();
    this.#missing.clear();
  }

  #row(index: number): Uint8Array | undefined {
    const group = groupOf(index);
    const row = this.#rows.get(group);
    if (row === undefined) this.#missing.add(group);
    return row;
  }
}
