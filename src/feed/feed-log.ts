/**
 * The append-only log of one feed over the Store port. It works inside its caller's transactions, so that blocks and the
 * views made of them become durable together.
 *
 * - `length`, roots, proofs and signatures speak of what is on disk only: no signature leaves before its blocks are safe.
 * - Appends build on a head kept in memory, which runs ahead of the disk: transactions may be in flight one behind the
 *   other. What a failed transaction appended is taken back before the next one starts (StoreTransaction.onRollback).
 * - One FeedLog writes a prefix: two would sign two histories.
 */
import { type CryptoSuite, invariant } from '../base/index.ts';
import { type FeedId, feedIdOf } from '../protocol/index.ts';
import type { StoreReader, StoreTransaction } from '../store/index.ts';
import { checkBatch } from './batch.ts';
import { Bitfield, type Interval, PAGE_BITS, PAGE_BYTES } from './bitfield.ts';
import { type CheckOptions, type CheckProblem, checkRows } from './feed-check.ts';
import { FeedError } from './feed-error.ts';
import { discoveryKeyOf, isSecretOf } from './feed-key.ts';
import { EMPTY_HEAD, type Head, loadFeed } from './feed-load.ts';
import { FeedMender } from './feed-mender.ts';
import { FeedKeys, GROUP_BLOCKS, groupRows, numberOfKey, readNodes } from './feed-rows.ts';
import { fullRoots } from './flat-tree.ts';
import { encodeForkProof, type ForkProof, forkedError } from './fork-proof.ts';
import { ACCEPT_BLOCKS_MAX } from './limits.ts';
import { proveWhole, readTree, type WholeTree } from './log-proof.ts';
import { byteLengthOf, growTree, rootHash, type TreeNode } from './merkle.ts';
import { judgeOwn } from './own-judgement.ts';
import type { BlockClaim } from './proof.ts';
import { type Acceptance, Replica } from './replica.ts';
import { type HeldProof, proveEachHeld } from './replica-proof.ts';
import type { ProofOptions } from './tree-index.ts';
import { TreeRows } from './tree-rows.ts';

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
  /** Blocks come from others in any order (`accept`). A log is a replica for its whole life, or never. */
  readonly replica?: boolean;
}

export type BlockProof = HeldProof;

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
  readonly #replica: Replica | undefined;
  #fork: ForkProof | undefined;

  private constructor(suite: CryptoSuite, options: FeedLogOptions) {
    this.#suite = suite;
    this.publicKey = options.publicKey;
    this.#secretKey = options.secretKey;
    this.discoveryKey = discoveryKeyOf(suite, options.publicKey);
    this.id = feedIdOf(this.discoveryKey);
    this.#keys = new FeedKeys(options.prefix);
    if (options.replica === true)
      this.#replica = new Replica({ suite, keys: this.#keys, publicKey: options.publicKey });
  }

  /** Reads the roots and the holes, checks the last signature. Throws FeedError `wrong_key` or `corrupt`. */
  static async open(deps: FeedLogDeps, options: FeedLogOptions): Promise<FeedLog> {
    const { publicKey, secretKey } = options;
    if (publicKey.length !== 32 || (secretKey !== undefined && !isSecretOf(deps.suite, secretKey, publicKey)))
      throw new FeedError('wrong_key', 'the secret key is not that of the feed');
    invariant(options.replica !== true || secretKey === undefined, 'a replica is written by nobody here');
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

  get #tree(): WholeTree {
    return { keys: this.#keys, length: this.length };
  }

  get isReplica(): boolean {
    return this.#replica !== undefined;
  }

  /** That the feed's key has signed two histories: such a log takes nothing more. */
  get fork(): ForkProof | undefined {
    return this.#fork;
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
    this.#assertNotForked();
    invariant(this.#replica === undefined, 'a replica grows by what others prove');
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
    this.#advance(transaction, head);
    return { firstIndex: before.length, length };
  }

  /**
   * Judges what others say about blocks, and puts what they prove, in any order. The writer's own log only judges: it is
   * told when its key has signed what it does not have. What was refused was not put.
   */
  async accept(transaction: StoreTransaction, claims: readonly BlockClaim[]): Promise<readonly Acceptance[]> {
    if (claims.length > ACCEPT_BLOCKS_MAX)
      throw new FeedError('too_large', `at most ${ACCEPT_BLOCKS_MAX} blocks are accepted at a time`);
    if (this.#fork !== undefined)
      return claims.map(({ index }): Acceptance => ({ outcome: 'refused', index, reason: 'frozen' }));
    if (this.#replica === undefined) {
      const judge = { suite: this.#suite, publicKey: this.publicKey, tree: this.#tree, reader: transaction };
      const acceptances = await Promise.all(claims.map((claim) => judgeOwn(judge, claim)));
      this.#freeze(transaction, acceptances);
      return acceptances;
    }
    const { acceptances, grown } = await this.#replica.accept(transaction, claims);
    this.#freeze(transaction, acceptances);
    if (grown === undefined) return acceptances;
    this.#advance(transaction, { ...grown, group: EMPTY_HEAD.group });
    return acceptances;
  }

  #advance(transaction: StoreTransaction, head: Head): void {
    const before = this.#pending;
    transaction.onCommit(() => {
      this.#durable = head;
    });
    transaction.onRollback(() => {
      this.#pending = before;
    });
    this.#pending = head;
  }

  /**
   * What to ask for along with a block (wire: Request.nodes); 0 asks for everything. With `afterPrevious` the block before
   * is on its way and will come first.
   */
  digest(index: number, afterPrevious = false): number {
    return this.#replica?.digest(index, afterPrevious) ?? 0;
  }

  /** Reads into memory what judging a block will lean on, as far as that is known before it comes. */
  async prepare(transaction: StoreTransaction, index: number): Promise<void> {
    await this.#replica?.prepare(transaction, index);
  }

  #freeze(transaction: StoreTransaction, acceptances: readonly Acceptance[]): void {
    const forked = acceptances.find((acceptance) => acceptance.outcome === 'forked');
    if (forked === undefined) return;
    transaction.put(this.#keys.key('fork', 0), encodeForkProof(forked.proof));
    transaction.onCommit(() => {
      this.#fork = forked.proof;
    });
  }

  /** Drops a block's bytes; its hash and the tree stay, so the feed can still be verified. Once is as good as twice. */
  clear(transaction: StoreTransaction, index: number): void {
    if (!(index >= 0 && index < this.#pending.length)) throw this.#outOfRange(index);
    transaction.delete(this.#keys.key('block', index));
    if (!this.#pendingHoles.set(index)) return;
    const page = Math.floor(index / PAGE_BITS);
    transaction.put(this.#keys.key('holes', page), this.#pendingHoles.page(page) as Uint8Array);
    transaction.onCommit(() => void this.#holes.set(index));
    transaction.onRollback(() => void this.#pendingHoles.clear(index));
  }

  /** Whether the block is on disk: appended or accepted, and not cleared. */
  has(index: number): boolean {
    if (!(index >= 0 && index < this.#durable.length) || this.#holes.get(index)) return false;
    return this.#replica === undefined || this.#replica.held.get(index);
  }

  /** Whether the block was cleared, on disk. */
  isCleared(index: number): boolean {
    return this.#holes.get(index);
  }

  /** Whether it was cleared, on disk or by a transaction whose commit is under way. */
  mayBeCleared(index: number): boolean {
    return this.#pendingHoles.get(index);
  }

  /** How many blocks are on disk: that came, and were not cleared. */
  get heldCount(): number {
    let count = 0;
    for (const { from, to } of this.arrived()) {
      count += to - from;
      for (const hole of this.cleared(from, to)) count -= hole.to - hole.from;
    }
    return count;
  }

  /** Of [from, to) the blocks that came to be on disk, cleared ones included, in ascending order. */
  *arrived(from = 0, to = this.length): Generator<Interval> {
    const end = Math.min(to, this.length);
    if (this.#replica !== undefined) yield* this.#replica.held.ranges(from, end);
    else if (from < end) yield { from, to: end };
  }

  /** Of [from, to) the blocks that are cleared on disk, in ascending order. */
  cleared(from = 0, to = Number.MAX_SAFE_INTEGER): Generator<Interval> {
    return this.#holes.ranges(from, to);
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
    return readTree(this.#keys, reader, fullRoots(length));
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
    const [proof] = await this.proofs(reader, [{ index, ...options }]);
    if (proof === undefined) throw this.#outOfRange(index);
    return proof;
  }

  /** The same for many, by few reads; undefined where the log does not reach or, being sparse, cannot prove. */
  async proofs(
    reader: StoreReader,
    requests: readonly (ProofOptions & { readonly index: number })[],
  ): Promise<readonly (BlockProof | undefined)[]> {
    const tree = { reader, rows: new TreeRows(this.#keys), ...this.#tree };
    return this.isReplica ? proveEachHeld(tree, requests) : proveWhole(this.#tree, reader, requests);
  }

  /** Every block held, node and signature on disk now, in order. Whole when it yields nothing. */
  verifyAll(reader: StoreReader, options: CheckOptions): AsyncGenerator<CheckProblem> {
    return checkRows(this.mender.feed, reader, options);
  }

  /** For repair: what the tree and the other copies of the feed prove is put where the rows say something else. */
  get mender(): FeedMender {
    const secretKey = this.#secretKey;
    return new FeedMender({
      suite: this.#suite,
      publicKey: this.publicKey,
      keys: this.#keys,
      head: this.#durable,
      isSparse: this.isReplica,
      isCleared: (index) => !this.has(index),
      mayBeCleared: (index) => this.mayBeCleared(index),
      sign: secretKey === undefined ? undefined : (hash) => this.#suite.sign(hash, secretKey),
      begunGroup: () => (this.isReplica ? undefined : this.#pending),
      // What is kept in memory of the rows is taken from them anew.
      changed: (transaction, group) => this.#treeChanged(transaction, group),
      forget: this.#replica?.forget.bind(this.#replica),
      unclear: (transaction, index) => this.#unclear(transaction, index),
    });
  }

  #unclear(transaction: StoreTransaction, index: number): void {
    const page = Math.floor(index / PAGE_BITS);
    this.#pendingHoles.clear(index);
    transaction.put(this.#keys.key('holes', page), this.#pendingHoles.page(page) ?? new Uint8Array(PAGE_BYTES));
    transaction.onCommit(() => void this.#holes.clear(index));
    transaction.onRollback(() => void this.#pendingHoles.set(index));
  }

  #treeChanged(transaction: StoreTransaction, group: Uint8Array | undefined): void {
    this.#replica?.forgetRows();
    if (group !== undefined) this.#advance(transaction, { ...this.#pending, group });
  }

  async #load(store: StoreReader): Promise<void> {
    const { publicKey, isReplica } = this;
    const loaded = await loadFeed({ suite: this.#suite, store, keys: this.#keys, publicKey, isReplica });
    this.#durable = loaded.head;
    this.#pending = loaded.head;
    this.#fork = loaded.fork;
    for (const [number, bytes] of loaded.holes) {
      this.#holes.setPage(number, bytes);
      this.#pendingHoles.setPage(number, bytes);
    }
    this.#replica?.load(loaded.head.length, loaded.held);
  }

  #assertNotForked(): void {
    if (this.#fork !== undefined) throw forkedError(this.id, this.#fork);
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
