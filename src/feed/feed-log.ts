/**
 * The append-only log of one feed over the Store port. It works inside its caller's transactions, so that blocks and the
 * views made of them become durable together.
 *
 * - `length`, roots, proofs and signatures speak of what is on disk only: no signature leaves before its blocks are safe.
 * - Appends build on a head kept in memory, which runs ahead of the disk: transactions may be in flight one behind the
 *   other. What a failed transaction appended is taken back before the next one starts (StoreTransaction.onRollback).
 * - One FeedLog writes a prefix: two would sign two histories.
 */
import { type CryptoSuite, equalBytes } from '../base/index.ts';
import { type FeedId, feedIdOf } from '../protocol/index.ts';
import type { StoreReader, StoreTransaction } from '../store/index.ts';
import { Bitfield, type Interval, PAGE_BITS, PAGE_BYTES } from './bitfield.ts';
import { type CheckOptions, type CheckProblem, checkRows } from './feed-check.ts';
import { FeedError } from './feed-error.ts';
import { discoveryKeyOf } from './feed-key.ts';
import { FeedKeys, GROUP_BLOCKS, groupEntries, groupRows, NODE_BYTES, numberOfKey, readNodes } from './feed-rows.ts';
import { fullRoots } from './flat-tree.ts';
import { BATCH_BLOCKS_MAX, BLOCK_BYTES_MAX, FEED_LENGTH_MAX, HOLE_PAGES_PER_READ } from './limits.ts';
import { byteLengthOf, growTree, rootHash, type TreeNode } from './merkle.ts';
import { completeTree, type ProofOptions, planProof } from './tree-index.ts';

export interface FeedLogDeps {
  readonly suite: CryptoSuite;
  /** Read at opening only. */
  readonly store: StoreReader;
}

export interface FeedLogOptions {
  /** Every row of the feed lies under it; it is no prefix of another feed's. */
  readonly prefix: Uint8Array;
  readonly publicKey: Uint8Array;
  /** Without it the log is read only. */
  readonly secretKey?: Uint8Array;
}

export interface BlockProof {
  readonly nodes: readonly TreeNode[];
  /** The length whose signature this is; undefined with it when the asker's digest needs none. */
  readonly signedLength: number | undefined;
  readonly signature: Uint8Array | undefined;
}

/** The end of the log. A new one is made for each batch, so that older ones can be returned to. */
interface Head {
  readonly roots: readonly TreeNode[];
  readonly length: number;
  /** The row of the group that the next block belongs to, as far as it goes. */
  readonly group: Uint8Array;
}

const EMPTY_HEAD: Head = { roots: [], length: 0, group: new Uint8Array(0) };
const NO_DIGEST: ProofOptions = { digest: 0, withHash: false };

export class FeedLog {
  readonly id: FeedId;
  readonly publicKey: Uint8Array;
  readonly discoveryKey: Uint8Array;
  readonly #suite: CryptoSuite;
  readonly #secretKey: Uint8Array | undefined;
  readonly #keys: FeedKeys;
  /** On disk. */
  #durable: Head = EMPTY_HEAD;
  /** With what transactions in flight append. */
  #pending: Head = EMPTY_HEAD;
  /** Cleared blocks, on disk and with what transactions in flight clear. */
  readonly #holes = new Bitfield();
  readonly #pendingHoles = new Bitfield();

  private constructor(suite: CryptoSuite, options: FeedLogOptions) {
    this.#suite = suite;
    this.publicKey = options.publicKey;
    this.#secretKey = options.secretKey;
    this.discoveryKey = discoveryKeyOf(suite, options.publicKey);
    this.id = feedIdOf(this.discoveryKey);
    this.#keys = new FeedKeys(options.prefix);
  }

  /** Reads the roots and the holes, checks the last signature. Throws FeedError `wrong_key` or `corrupt`. */
  static async open(deps: FeedLogDeps, options: FeedLogOptions): Promise<FeedLog> {
    const { publicKey, secretKey } = options;
    if (publicKey.length !== 32 || (secretKey !== undefined && !isSecretOf(deps.suite, secretKey, publicKey)))
      throw new FeedError('wrong_key', 'the secret key is not that of the feed');
    const log = new FeedLog(deps.suite, options);
    await log.#load(deps.store);
    return log;
  }

  /** Blocks on disk. */
  get length(): number {
    return this.#durable.length;
  }

  /** Bytes of all blocks ever appended, cleared ones included, on disk. */
  get byteLength(): number {
    return byteLengthOf(this.#durable.roots);
  }

  get isWritable(): boolean {
    return this.#secretKey !== undefined;
  }

  /**
   * Appends blocks and signs once. `length` of the result counts them, and what transactions before this one append; the
   * log's own follows when the transaction is durable. Throws FeedError, having put nothing.
   */
  append(
    transaction: StoreTransaction,
    blocks: readonly Uint8Array[],
  ): { readonly firstIndex: number; readonly length: number } {
    const secretKey = this.#secretKey;
    if (secretKey === undefined) throw new FeedError('read_only', `the secret key of feed ${this.id} is not here`);
    return this.#grow(transaction, blocks, (hash) => this.#suite.sign(hash, secretKey));
  }

  /**
   * Appends what comes from the feed's writer, with its signature of the root behind it. For logs that only ever grow at
   * their end: a replica that takes blocks in any order proves each one by itself. Throws FeedError, having put nothing.
   */
  adopt(
    transaction: StoreTransaction,
    blocks: readonly Uint8Array[],
    signature: Uint8Array,
  ): { readonly firstIndex: number; readonly length: number } {
    return this.#grow(transaction, blocks, (hash) => {
      if (!this.#suite.verify(signature, hash, this.publicKey))
        throw new FeedError('bad_signature', `the key of feed ${this.id} did not sign these blocks at this place`);
      return signature;
    });
  }

  #grow(
    transaction: StoreTransaction,
    blocks: readonly Uint8Array[],
    sign: (rootHash: Uint8Array) => Uint8Array,
  ): { readonly firstIndex: number; readonly length: number } {
    const before = this.#pending;
    if (blocks.length === 0) return { firstIndex: before.length, length: before.length };
    checkBatch(before.length, blocks);
    const { nodes, roots } = growTree(this.#suite, before.roots, blocks);
    const length = before.length + blocks.length;
    const signature = sign(rootHash(this.#suite, roots));
    let index = before.length;
    for (const block of blocks) transaction.put(this.#keys.key('block', index++), block);
    const rows = groupRows(before.group, nodes);
    for (const { group, bytes } of rows) transaction.put(this.#keys.key('tree', group), bytes);
    transaction.put(this.#keys.key('signature', length), signature);
    const isGroupFull = length % GROUP_BLOCKS === 0;
    const head: Head = {
      roots,
      length,
      group: isGroupFull ? EMPTY_HEAD.group : (rows.at(-1)?.bytes ?? EMPTY_HEAD.group),
    };
    transaction.onCommit(() => {
      this.#durable = head;
    });
    transaction.onRollback(() => {
      this.#pending = before;
    });
    this.#pending = head;
    return { firstIndex: before.length, length };
  }

  /** Drops a block's bytes; its hash and the tree stay, so the feed can still be verified. Once is as good as twice. */
  clear(transaction: StoreTransaction, index: number): void {
    if (!(index >= 0 && index < this.#pending.length)) throw this.#outOfRange(index);
    transaction.delete(this.#keys.key('block', index));
    if (!this.#pendingHoles.set(index)) return;
    const page = Math.floor(index / PAGE_BITS);
    transaction.put(this.#keys.key('holes', page), this.#pendingHoles.page(page) as Uint8Array);
    transaction.onCommit(() => {
      this.#holes.set(index);
    });
    transaction.onRollback(() => {
      this.#pendingHoles.clear(index);
    });
  }

  /** Whether the block is on disk: appended and not cleared. */
  has(index: number): boolean {
    return index >= 0 && index < this.#durable.length && !this.#holes.get(index);
  }

  /** The blocks that are cleared on disk, in ascending order. */
  cleared(): Generator<Interval> {
    return this.#holes.ranges();
  }

  /** A block as the reader sees it, also one that its own transaction appended; undefined when cleared or not there. */
  getBlock(reader: StoreReader, index: number): Promise<Uint8Array | undefined> {
    return reader.get(this.#keys.key('block', index));
  }

  /** Blocks in the order of the indexes, by one read. By key, since a range is no faster even without gaps (README). */
  getBlocks(reader: StoreReader, indexes: readonly number[]): Promise<readonly (Uint8Array | undefined)[]> {
    return reader.getMany(indexes.map((index) => this.#keys.key('block', index)));
  }

  /** Tree nodes that are on disk. */
  getNodes(reader: StoreReader, indexes: readonly number[]): Promise<readonly (TreeNode | undefined)[]> {
    return readNodes(reader, this.#keys, indexes);
  }

  /** The full roots of the first `length` blocks. Throws FeedError `out_of_range` beyond what is on disk. */
  async rootsAt(reader: StoreReader, length: number): Promise<readonly TreeNode[]> {
    this.#assertDurable(length);
    return this.#nodesOf(reader, fullRoots(length));
  }

  /** What the feed's key signs for the first `length` blocks. */
  async rootHashAt(reader: StoreReader, length: number): Promise<Uint8Array> {
    return rootHash(this.#suite, await this.rootsAt(reader, length));
  }

  /** The signature of the batch that ended at `length`; undefined when none ended there. */
  async signature(reader: StoreReader, length: number): Promise<Uint8Array | undefined> {
    this.#assertDurable(length);
    return reader.get(this.#keys.key('signature', length));
  }

  /** The greatest length from `after` + 1 to `to` at which a batch ended; undefined when none did. */
  async signedLength(reader: StoreReader, after: number, to: number): Promise<number | undefined> {
    this.#assertDurable(to);
    const [row] = await reader.range({ ...this.#keys.range('signature', after + 1, to + 1), limit: 1, reverse: true });
    return row === undefined ? undefined : numberOfKey(row.key);
  }

  /** What proves a block to somebody whose digest of it is given; by default, to somebody who holds nothing. */
  async proof(reader: StoreReader, index: number, options: ProofOptions = NO_DIGEST): Promise<BlockProof> {
    const { length } = this;
    const isBlock = Number.isSafeInteger(index) && index >= 0;
    const plan = isBlock ? planProof(completeTree(length), 2 * index, options) : undefined;
    if (plan === undefined) throw this.#outOfRange(index);
    const nodes = await this.#nodesOf(reader, plan.nodes);
    if (plan.verifiedBy === 0) return { nodes, signedLength: undefined, signature: undefined };
    const signature = await this.signature(reader, length);
    if (signature === undefined) throw new FeedError('corrupt', `feed ${this.id} lacks the signature of its head`);
    return { nodes, signedLength: length, signature };
  }

  /** Every block held, node and signature on disk now, in order. Whole when it yields nothing. */
  verifyAll(reader: StoreReader, options: CheckOptions): AsyncGenerator<CheckProblem> {
    const state = {
      suite: this.#suite,
      publicKey: this.publicKey,
      keys: this.#keys,
      length: this.length,
      isCleared: (index: number) => this.#holes.get(index),
      mayBeCleared: (index: number) => this.#pendingHoles.get(index),
    };
    return checkRows(state, reader, options);
  }

  async #load(store: StoreReader): Promise<void> {
    const [last] = await store.range({
      ...this.#keys.range('signature', 0, Number.MAX_SAFE_INTEGER),
      limit: 1,
      reverse: true,
    });
    const length = last === undefined ? 0 : numberOfKey(last.key);
    if (!(length <= FEED_LENGTH_MAX)) throw new FeedError('corrupt', `feed ${this.id} ends at ${length}`);
    const [beyond] = await store.range({ ...this.#keys.range('block', length, Number.MAX_SAFE_INTEGER), limit: 1 });
    if (beyond !== undefined)
      throw new FeedError(
        'corrupt',
        `feed ${this.id} holds block ${numberOfKey(beyond.key)}, but no signature after ${length}`,
      );
    if (last === undefined) return;
    const roots = await this.#nodesOf(store, fullRoots(length));
    if (!this.#suite.verify(last.value, rootHash(this.#suite, roots), this.publicKey))
      throw new FeedError('corrupt', `the signature of feed ${this.id} at ${length} is wrong`);
    this.#durable = { roots, length, group: await this.#loadGroup(store, length) };
    this.#pending = this.#durable;
    await this.#loadHoles(store);
  }

  async #loadGroup(store: StoreReader, length: number): Promise<Uint8Array> {
    const blocks = length % GROUP_BLOCKS;
    if (blocks === 0) return EMPTY_HEAD.group;
    const row = await store.get(this.#keys.key('tree', Math.floor(length / GROUP_BLOCKS)));
    const size = NODE_BYTES * groupEntries(blocks);
    if (row?.length !== size) throw new FeedError('corrupt', `the last tree row of feed ${this.id} is not whole`);
    return row;
  }

  async #loadHoles(store: StoreReader): Promise<void> {
    const pages = Math.ceil(this.#durable.length / PAGE_BITS);
    for (let next = 0; next < pages; ) {
      const rows = await store.range({ ...this.#keys.range('holes', next, pages), limit: HOLE_PAGES_PER_READ });
      for (const { key, value } of rows) {
        if (value.length !== PAGE_BYTES)
          throw new FeedError('corrupt', `a page of holes of feed ${this.id} is not whole`);
        this.#holes.setPage(numberOfKey(key), value);
        this.#pendingHoles.setPage(numberOfKey(key), value);
      }
      const lastRow = rows.at(-1);
      if (lastRow === undefined) return;
      next = numberOfKey(lastRow.key) + 1;
    }
  }

  async #nodesOf(reader: StoreReader, indexes: readonly number[]): Promise<readonly TreeNode[]> {
    const nodes = await readNodes(reader, this.#keys, indexes);
    const missing = nodes.indexOf(undefined);
    if (missing !== -1) throw new FeedError('corrupt', `feed ${this.id} lacks tree node ${indexes[missing]}`);
    return nodes as readonly TreeNode[];
  }

  #assertDurable(length: number): void {
    if (!Number.isSafeInteger(length) || length < 0 || length > this.length) throw this.#outOfRange(length);
  }

  #outOfRange(position: number): FeedError {
    return new FeedError('out_of_range', `feed ${this.id} does not reach ${position}`, {
      details: { length: this.length },
    });
  }
}

function checkBatch(length: number, blocks: readonly Uint8Array[]): void {
  if (blocks.length > BATCH_BLOCKS_MAX || length + blocks.length > FEED_LENGTH_MAX)
    throw new FeedError('too_large', `a batch has at most ${BATCH_BLOCKS_MAX} blocks`);
  if (blocks.some((block) => block.length > BLOCK_BYTES_MAX))
    throw new FeedError('too_large', `a block has at most ${BLOCK_BYTES_MAX} bytes`);
}

function isSecretOf(suite: CryptoSuite, secretKey: Uint8Array, publicKey: Uint8Array): boolean {
  if (secretKey.length !== 64) return false;
  const pair = suite.keyPair(secretKey.subarray(0, 32));
  return equalBytes(pair.publicKey, publicKey) && equalBytes(pair.secretKey, secretKey);
}
