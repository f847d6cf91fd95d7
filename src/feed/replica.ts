/**
 * What a feed's log keeps when its blocks come from others, in any order: which blocks came, and the tree nodes that were
 * proven with them. Judging and storing are one step within the caller's transaction, so that what one block proves the
 * next may lean on, and a failed transaction takes both back.
 */
import { type CryptoSuite, equalBytes } from '../base/index.ts';
import type { StoreTransaction } from '../store/index.ts';
import { Bitfield, PAGE_BITS, PAGE_BYTES } from './bitfield.ts';
import type { FeedKeys } from './feed-rows.ts';
import { fullRoots, leftSpanOf, parentOf, rightSpanOf, siblingOf } from './flat-tree.ts';
import { type ForkProof, judgeFork, type SignedNode, signedNodesOf } from './fork-proof.ts';
import { BLOCK_BYTES_MAX } from './limits.ts';
import type { TreeNode } from './merkle.ts';
import { type BlockClaim, type ProofDeps, type Verdict, verifyProof } from './proof.ts';
import { looked, proveHeld } from './replica-proof.ts';
import { digestOf } from './tree-index.ts';
import { TreeRows } from './tree-rows.ts';

export type RefusalReason = Extract<Verdict, { verdict: 'refused' }>['reason'] | 'too_large' | 'no_block' | 'frozen';

/** What became of a claim. */
export type Acceptance =
  | { readonly outcome: 'stored'; readonly index: number }
  /** Right, and held before. */
  | { readonly outcome: 'known'; readonly index: number }
  /** The feed's key has signed more than its own writer's log has: the writer was restored from an older state. */
  | { readonly outcome: 'beyond'; readonly index: number; readonly signedLength: number }
  | { readonly outcome: 'refused'; readonly index: number; readonly reason: RefusalReason }
  | { readonly outcome: 'forked'; readonly index: number; readonly proof: ForkProof };

export interface GrownHead {
  readonly length: number;
  readonly roots: readonly TreeNode[];
}

export interface ReplicaDeps {
  readonly suite: CryptoSuite;
  readonly keys: FeedKeys;
  readonly publicKey: Uint8Array;
}

interface Judgement {
  readonly verdict: Verdict;
  /** It says otherwise than what is held: a fork, if the feed's key signed it. */
  readonly isContradiction: boolean;
}

export class Replica {
  readonly #deps: ReplicaDeps;
  readonly #proofDeps: ProofDeps;
  readonly #rows: TreeRows;
  /** Blocks that came, on disk and with what transactions in flight bring. */
  readonly held = new Bitfield();
  readonly #pendingHeld = new Bitfield();
  /** How long the feed is with what transactions in flight bring. */
  #length = 0;

  constructor(deps: ReplicaDeps) {
    this.#deps = deps;
    this.#rows = new TreeRows(deps.keys);
    this.#proofDeps = { ...deps, trusted: (node) => this.#node(node) };
  }

  /** What the disk says, at opening. */
  load(length: number, pages: Iterable<readonly [number: number, bytes: Uint8Array]>): void {
    this.#length = length;
    for (const [number, bytes] of pages) {
      this.held.setPage(number, bytes);
      this.#pendingHeld.setPage(number, bytes);
    }
  }

  /** A block that is lost counts as one that never came, and is asked for again. */
  forget(transaction: StoreTransaction, index: number): void {
    if (!this.#pendingHeld.clear(index)) return;
    const page = Math.floor(index / PAGE_BITS);
    transaction.delete(this.#deps.keys.key('block', index));
    transaction.put(this.#deps.keys.key('held', page), this.#pendingHeld.page(page) ?? new Uint8Array(PAGE_BYTES));
    transaction.onCommit(() => void this.held.clear(index));
    transaction.onRollback(() => void this.#pendingHeld.set(index));
  }

  /** Somebody else has changed the rows of the tree. */
  forgetRows(): void {
    this.#rows.drop();
  }

  /**
   * What to ask for along with a block: what is held around it, as far as it is in memory. What is not counts as not held,
   * which costs the answerer some nodes more. With `afterPrevious` the block before will have come by then: who proves a
   * block proves or sends both children of every node above it.
   */
  digest(index: number, afterPrevious: boolean): number {
    if (this.#length === 0) return 0;
    const willHold = (node: number): boolean => {
      const parent = parentOf(node);
      return leftSpanOf(parent) <= 2 * (index - 1) && rightSpanOf(parent) < 2 * this.#length;
    };
    const has = (node: number): boolean => (afterPrevious && willHold(node)) || this.#holdsNode(node);
    return digestOf({ has, end: 2 * this.#length - 1 }, 2 * index);
  }

  /** Has in memory the rows that a block's proof is looked up in. */
  async prepare(transaction: StoreTransaction, index: number): Promise<void> {
    transaction.onRollback(() => this.#rows.drop());
    await looked({ rows: this.#rows, reader: transaction }, () => this.#touchClimb(index));
    this.#rows.trim();
  }

  /**
   * Judges each claim and puts what is proven. `grown` is the head when the longest signed length of them is beyond what
   * was known.
   */
  async accept(
    transaction: StoreTransaction,
    claims: readonly BlockClaim[],
  ): Promise<{ readonly acceptances: readonly Acceptance[]; readonly grown: GrownHead | undefined }> {
    const lengthBefore = this.#length;
    const stored: number[] = [];
    transaction.onCommit(() => {
      for (const index of stored) this.held.set(index);
    });
    transaction.onRollback(() => {
      for (const index of stored) this.#pendingHeld.clear(index);
      this.#length = lengthBefore;
      this.#rows.drop();
    });
    const acceptances: Acceptance[] = [];
    let forked = false;
    // The rows of all of them by one read.
    await looked({ rows: this.#rows, reader: transaction }, () => {
      for (const { index } of claims) this.#touchClimb(index);
    });
    for (const claim of claims) {
      const acceptance: Acceptance = forked
        ? { outcome: 'refused', index: claim.index, reason: 'frozen' }
        : (this.#acceptAtOnce(transaction, claim) ?? (await this.#acceptOne(transaction, claim)));
      forked ||= acceptance.outcome === 'forked';
      if (acceptance.outcome === 'stored') stored.push(claim.index);
      acceptances.push(acceptance);
    }
    const length = this.#length;
    const grown = length === lengthBefore ? undefined : { length, roots: await this.#rootsAt(transaction, length) };
    this.#rows.write(transaction);
    for (const page of new Set(stored.map((index) => Math.floor(index / PAGE_BITS))))
      transaction.put(this.#deps.keys.key('held', page), this.#pendingHeld.page(page) as Uint8Array);
    return { acceptances, grown };
  }

  async #acceptOne(transaction: StoreTransaction, claim: BlockClaim): Promise<Acceptance> {
    const { index, block } = claim;
    if (block === undefined) return refused(index, 'no_block');
    if (block.length > BLOCK_BYTES_MAX) return refused(index, 'too_large');
    const judgement = await looked({ rows: this.#rows, reader: transaction }, () => this.#judge(claim));
    if (judgement.isContradiction) {
      const proof = await this.#forkProof(transaction, claim);
      return proof === undefined ? refused(index, 'mismatch') : { outcome: 'forked', index, proof };
    }
    return this.#settle(transaction, claim, block, judgement.verdict);
  }

  /** The same where nothing has to be waited for, as nearly always; undefined elsewhere. */
  #acceptAtOnce(transaction: StoreTransaction, claim: BlockClaim): Acceptance | undefined {
    const { block } = claim;
    if (block === undefined || block.length > BLOCK_BYTES_MAX) return undefined;
    this.#rows.forgetMissing();
    const { isContradiction, verdict } = this.#judge(claim);
    if (isContradiction || this.#rows.isMissingRows) return undefined;
    return this.#settle(transaction, claim, block, verdict);
  }

  #judge(claim: BlockClaim): Judgement {
    this.#touchClimb(claim.index);
    const verdict = verifyProof(this.#proofDeps, claim);
    const isContradiction =
      verdict.verdict === 'refused' ? verdict.reason === 'mismatch' : this.#contradicts(verdict.nodes);
    return { verdict, isContradiction };
  }

  #settle(transaction: StoreTransaction, claim: BlockClaim, block: Uint8Array, verdict: Verdict): Acceptance {
    const { index } = claim;
    if (verdict.verdict === 'refused') return refused(index, verdict.reason);
    for (const node of verdict.nodes) this.#rows.put(node);
    const { signedLength } = verdict;
    if (signedLength !== undefined && claim.signature !== undefined && signedLength !== this.#length)
      transaction.put(this.#deps.keys.key('signature', signedLength), claim.signature);
    if (signedLength !== undefined) this.#length = Math.max(this.#length, signedLength);
    if (!this.#pendingHeld.set(index)) return { outcome: 'known', index };
    transaction.put(this.#deps.keys.key('block', index), block);
    return { outcome: 'stored', index };
  }

  /**
   * Asks at once for every row that a climb from the block may need, where it begins in one that is not in memory. The blocks of
   * a row climb through the same rows.
   */
  #touchClimb(index: number): void {
    if (this.#rows.isAskedFor(2 * index)) return;
    for (let node = 2 * index; rightSpanOf(node) < 2 * this.#length; node = parentOf(node)) {
      this.#rows.has(node);
      this.#node(siblingOf(node));
    }
  }

  /** Nodes beyond the signed length are nobody's, so no row of them is asked for. */
  #node(index: number): TreeNode | undefined {
    return rightSpanOf(index) < 2 * this.#length ? this.#rows.node(index) : undefined;
  }

  #holdsNode(index: number): boolean {
    return rightSpanOf(index) < 2 * this.#length && this.#rows.has(index);
  }

  /** Also sees to it that the row of each node is in memory. */
  #contradicts(nodes: readonly TreeNode[]): boolean {
    let contradicts = false;
    for (const { index, hash } of nodes) {
      const known = this.#rows.node(index);
      if (known !== undefined && !equalBytes(known.hash, hash)) contradicts = true;
    }
    return contradicts;
  }

  /** A claim that contradicts what is held is a fork only if the feed's key signed it. */
  async #forkProof(transaction: StoreTransaction, claim: BlockClaim): Promise<ForkProof | undefined> {
    const tree = { rows: this.#rows, reader: transaction, keys: this.#deps.keys, length: this.#length };
    for (const theirs of signedNodesOf(this.#deps.suite, claim)) {
      const node = await looked(tree, () => this.#node(theirs.node.index));
      if (node === undefined || equalBytes(node.hash, theirs.node.hash)) continue;
      const held = await proveHeld(tree, node.index, { digest: 0, withHash: false });
      if (held?.signature === undefined) continue;
      const ours: SignedNode = { node, nodes: held.nodes, signature: held.signature };
      const proof = judgeFork(this.#deps, [ours, theirs]);
      if (proof !== undefined) return proof;
    }
    return undefined;
  }

  async #rootsAt(transaction: StoreTransaction, length: number): Promise<readonly TreeNode[]> {
    const tree = { rows: this.#rows, reader: transaction };
    return looked(tree, () => fullRoots(length).flatMap((index) => this.#rows.node(index) ?? []));
  }
}

function refused(index: number, reason: RefusalReason): Acceptance {
  return { outcome: 'refused', index, reason };
}
