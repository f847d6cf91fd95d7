/**
 * Mends the rows of a feed: nodes of its tree from the blocks and the signature, blocks from whoever else has them. What is
 * put is proven by the roots that the feed's key has signed; nothing that is right is touched, and each step is a transaction
 * of the caller's, so that a repair which is cut off goes on where it was.
 */
import { equalBytes, invariant } from '../base/index.ts';
import type { StoreReader, StoreTransaction } from '../store/index.ts';
import type { CheckedFeed } from './feed-check.ts';
import type { FeedKeys } from './feed-rows.ts';
import { GROUP_BLOCKS, groupOf, groupWith, readNodes } from './feed-rows.ts';
import { fullRoots } from './flat-tree.ts';
import { MEND_GROUPS_MAX } from './limits.ts';
import { readTree } from './log-proof.ts';
import { leafNode, rootHash, type TreeNode } from './merkle.ts';
import { type BlockClaim, verifyProof } from './proof.ts';
import { type Settled, settleTree } from './tree-settle.ts';

export interface MendedFeed extends Omit<CheckedFeed, 'length'> {
  readonly keys: FeedKeys;
  /** On disk. */
  readonly head: { readonly length: number; readonly roots: readonly TreeNode[] };
  /** Signs as the feed's writer; undefined elsewhere. */
  readonly sign: ((rootHash: Uint8Array) => Uint8Array) | undefined;
  /** The row that the next block is appended to, as it is in memory; undefined where none is. */
  readonly begunGroup: () => { readonly length: number; readonly group: Uint8Array } | undefined;
  /** Rows of the tree are others now; `group`: the one that the next block is appended to. */
  readonly changed: (transaction: StoreTransaction, group: Uint8Array | undefined) => void;
  /** A copy's block is lost: it is to come again. Undefined for a feed that is no copy. */
  readonly forget: ((transaction: StoreTransaction, index: number) => void) | undefined;
  /** The block is there, whatever the holes say. */
  readonly unclear: (transaction: StoreTransaction, index: number) => void;
}

/** What became of a block that somebody else gave. */
export type Mending = 'mended' | 'cleared' | 'refused';

export class FeedMender {
  readonly feed: CheckedFeed;
  readonly #feed: MendedFeed;

  constructor(feed: MendedFeed) {
    this.#feed = feed;
    this.feed = { ...feed, length: feed.head.length };
  }

  /** The nodes of the tree that are not stored as they were signed. Changes nothing. */
  async settle(reader: StoreReader): Promise<Settled> {
    const { head, keys } = this.#feed;
    if (head.length === 0) return { isSettled: true, nodes: [] };
    const signature = await reader.get(keys.key('signature', head.length));
    invariant(signature !== undefined, 'the signature of the head was read when the feed was opened');
    const { publicKey, suite } = this.#feed;
    return settleTree(this.feed, reader, (roots) => suite.verify(signature, rootHash(suite, roots), publicKey));
  }

  /** Nodes in as many parts as transactions should be. */
  *partsOf(nodes: readonly TreeNode[]): Generator<readonly TreeNode[]> {
    const all = [...byGroup(nodes).values()];
    for (let i = 0; i < all.length; i += MEND_GROUPS_MAX) yield all.slice(i, i + MEND_GROUPS_MAX).flat();
  }

  /** Puts nodes that `settle` found. */
  async putNodes(transaction: StoreTransaction, nodes: readonly TreeNode[]): Promise<void> {
    const { begunGroup, changed, keys } = this.#feed;
    const begun = begunGroup();
    const last = begun === undefined ? -1 : Math.floor(begun.length / GROUP_BLOCKS);
    let lastRow: Uint8Array | undefined;
    for (const [group, its] of byGroup(nodes)) {
      const key = keys.key('tree', group);
      const row = groupWith((await transaction.get(key)) ?? new Uint8Array(0), its);
      transaction.put(key, row);
      if (group === last) lastRow = row;
    }
    if (nodes.length > 0) changed(transaction, lastRow);
  }

  /** Puts a block that is damaged or lost here, with the nodes that prove it, if it lies under the signed roots. */
  async putBlock(transaction: StoreTransaction, claim: BlockClaim): Promise<Mending> {
    const { head, keys, mayBeCleared, publicKey, suite } = this.#feed;
    const { block, index } = claim;
    if (block === undefined || !(index >= 0 && index < head.length)) return 'refused';
    if (mayBeCleared(index)) return 'cleared';
    const leaf = leafNode(suite, index, block);
    const [known] = await readNodes(transaction, keys, [leaf.index]);
    if (known !== undefined && known.size === leaf.size && equalBytes(known.hash, leaf.hash)) {
      transaction.put(keys.key('block', index), block);
      return 'mended';
    }
    const roots = new Map(fullRoots(head.length).map((root, i) => [root, head.roots[i]]));
    const verdict = verifyProof({ suite, publicKey, trusted: (node) => roots.get(node) }, claim);
    // By our own roots: a longer history may be signed, and is not this one's matter.
    if (verdict.verdict === 'refused' || verdict.signedLength !== undefined) return 'refused';
    const proven = [verdict.leaf, ...verdict.nodes];
    const stored = await readNodes(
      transaction,
      keys,
      proven.map((node) => node.index),
    );
    await this.putNodes(
      transaction,
      proven.filter(({ hash, size }, i) => stored[i]?.size !== size || !equalBytes(stored[i].hash, hash)),
    );
    transaction.put(keys.key('block', index), block);
    return 'mended';
  }

  /** A damaged block of a copy counts as one that never came. False for a feed that is none. */
  forget(transaction: StoreTransaction, index: number): boolean {
    this.#feed.forget?.(transaction, index);
    return this.#feed.forget !== undefined;
  }

  /** A block that counts as cleared, and is there as its tree says: it is kept. */
  unclear(transaction: StoreTransaction, index: number): void {
    this.#feed.unclear(transaction, index);
  }

  /** A wrong signature of a length in between: its writer makes it again, the same; elsewhere it goes, as if it had not come. */
  async mendSignature(transaction: StoreTransaction, length: number): Promise<void> {
    const { head, keys, sign, suite } = this.#feed;
    invariant(length > 0 && length < head.length, 'the last signature was checked when the feed was opened');
    const key = keys.key('signature', length);
    if (sign === undefined) transaction.delete(key);
    else transaction.put(key, sign(rootHash(suite, await readTree(keys, transaction, fullRoots(length)))));
  }
}

function byGroup(nodes: readonly TreeNode[]): ReadonlyMap<number, readonly TreeNode[]> {
  const groups = new Map<number, TreeNode[]>();
  for (const node of nodes) {
    const group = groupOf(node.index);
    const its = groups.get(group);
    if (its === undefined) groups.set(group, [node]);
    else its.push(node);
  }
  return groups;
}
