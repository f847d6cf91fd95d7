/**
 * Proofs of blocks, from the receiver's side (Dat v6): a block or its hash climbs with the nodes sent along, or held here,
 * to a node that is trusted already, or to roots that the feed's key has signed. Nothing is trusted before that.
 *
 * Beyond what hypercore 6 checks: the block must lie under one of the signed roots. Without that check, roots with a right
 * signature vouch for any block.
 */
import { type CryptoSuite, equalBytes } from '../base/index.ts';
import { fullRoots, rightSpanOf, siblingOf } from './flat-tree.ts';
import { DAT_BLOCK_BYTES_MAX, FEED_LENGTH_MAX, NODE_INDEX_MAX, PROOF_NODES_MAX } from './limits.ts';
import { HASH_BYTES, leafNode, parentNode, rootHash, type TreeNode } from './merkle.ts';

/** What a peer says about a block (wire: Data). */
export interface BlockClaim {
  /** Block index. */
  readonly index: number;
  /** undefined: only its hash is claimed, and the first node is it. */
  readonly block: Uint8Array | undefined;
  readonly nodes: readonly TreeNode[];
  readonly signature: Uint8Array | undefined;
}

export interface ProofDeps {
  readonly suite: CryptoSuite;
  readonly publicKey: Uint8Array;
  /** The nodes that were verified before. */
  readonly trusted: (index: number) => TreeNode | undefined;
}

export type Verdict =
  | {
      readonly verdict: 'proven';
      /** The leaf; its hash is proven, its size only if a block came. */
      readonly leaf: TreeNode;
      /** Nodes that are now trusted and may be kept: hash and size are right. */
      readonly nodes: readonly TreeNode[];
      /** The feed length whose roots are now known to be signed; undefined when a trusted node ended the climb. */
      readonly signedLength: number | undefined;
    }
  | {
      readonly verdict: 'refused';
      readonly reason:
        | 'malformed' // a number, hash or block outside the limits
        | 'mismatch' // contradicts a node that is trusted
        | 'missing_node' // the climb ends in the air
        | 'not_covered' // the signed roots are above other blocks
        | 'bad_signature'; // not by the feed's key, or not over these roots
    };

type Refusal = Extract<Verdict, { verdict: 'refused' }>;

export function verifyProof(deps: ProofDeps, claim: BlockClaim): Verdict {
  if (!isWellFormed(claim)) return refuse('malformed');
  const { block, index, nodes, signature } = claim;
  const first = nodes[0]?.index === 2 * index ? nodes[0] : undefined;
  const leaf = block === undefined ? first : leafNode(deps.suite, index, block);
  if (leaf === undefined) return refuse('missing_node');
  const verdict = verifyNode(deps, { node: leaf, nodes: block === undefined ? nodes.slice(1) : nodes, signature });
  if (verdict.verdict === 'refused') return verdict;
  return { ...verdict, leaf, nodes: keepable(claim, verdict.nodes) };
}

/** A node of any height with what proves it: the siblings of its climb upwards, then roots from left to right. */
export interface NodeClaim {
  readonly node: TreeNode;
  readonly nodes: readonly TreeNode[];
  readonly signature: Uint8Array | undefined;
}

export type NodeVerdict = Omit<Extract<Verdict, { verdict: 'proven' }>, 'leaf'> | Refusal;

export function verifyNode(deps: ProofDeps, { node, nodes, signature }: NodeClaim): NodeVerdict {
  const { suite, trusted } = deps;
  let used = 0;
  const proven: TreeNode[] = [];
  let top = node;
  for (;;) {
    const known = trusted(top.index);
    if (known !== undefined) {
      // The hash binds the size, so equal hashes are equal nodes.
      if (!equalBytes(known.hash, top.hash)) return refuse('mismatch');
      return { verdict: 'proven', nodes: proven, signedLength: undefined };
    }
    const siblingIndex = siblingOf(top.index);
    const sent = nodes[used]?.index === siblingIndex ? nodes[used++] : undefined;
    const sibling = sent ?? trusted(siblingIndex);
    if (sibling === undefined) break;
    if (!Number.isSafeInteger(top.size + sibling.size)) return refuse('malformed');
    if (sent !== undefined) proven.push(sent);
    proven.push(top);
    top = top.index < siblingIndex ? parentNode(suite, top, sibling) : parentNode(suite, sibling, top);
  }
  const roots = collectRoots(top, nodes.slice(used), trusted);
  if ('verdict' in roots) return roots;
  const checksum = rootHash(suite, roots.all);
  // A feed without signatures is named by its root hash instead of a key.
  const signed =
    signature === undefined ? equalBytes(checksum, deps.publicKey) : suite.verify(signature, checksum, deps.publicKey);
  if (!signed) return refuse('bad_signature');
  return { verdict: 'proven', nodes: [...proven, ...roots.fresh], signedLength: roots.length };
}

interface Roots {
  readonly all: readonly TreeNode[];
  /** Those that were not trusted before. */
  readonly fresh: readonly TreeNode[];
  readonly length: number;
}

/** The full roots of the feed that ends where the top, or the last node sent, ends. */
function collectRoots(top: TreeNode, sent: readonly TreeNode[], trusted: ProofDeps['trusted']): Roots | Refusal {
  const end = Math.max(rightSpanOf(top.index), rightSpanOf((sent.at(-1) ?? top).index));
  const length = end / 2 + 1;
  if (length > FEED_LENGTH_MAX) return refuse('malformed');
  const indexes = fullRoots(length);
  if (!indexes.includes(top.index)) return refuse('not_covered');
  const all: TreeNode[] = [];
  const fresh: TreeNode[] = [];
  let used = 0;
  for (const index of indexes) {
    const own = index === top.index ? top : sent[used]?.index === index ? sent[used++] : undefined;
    const root = own ?? trusted(index);
    if (root === undefined) return refuse('missing_node');
    if (own !== undefined) fresh.push(own);
    all.push(root);
  }
  return { all, fresh, length };
}

/**
 * A parent's hash binds only the sum of its children's sizes. When a block came, its size is known and the sum binds the
 * sibling's; when hash and sibling both came from the peer, it may have shifted bytes between them: neither is kept.
 */
function keepable(claim: BlockClaim, proven: readonly TreeNode[]): readonly TreeNode[] {
  const leaf = 2 * claim.index;
  const sibling = siblingOf(leaf);
  if (claim.block !== undefined || !proven.some(({ index }) => index === sibling)) return proven;
  return proven.filter(({ index }) => index !== leaf && index !== sibling);
}

function isWellFormed(claim: BlockClaim): boolean {
  const { block, index, nodes } = claim;
  if (!Number.isSafeInteger(index) || index < 0 || index >= FEED_LENGTH_MAX) return false;
  if (nodes.length > PROOF_NODES_MAX || (block !== undefined && block.length > DAT_BLOCK_BYTES_MAX)) return false;
  return nodes.every(
    (node) =>
      Number.isSafeInteger(node.index) &&
      node.index >= 0 &&
      node.index <= NODE_INDEX_MAX &&
      node.hash.length === HASH_BYTES &&
      Number.isSafeInteger(node.size) &&
      node.size >= 0,
  );
}

function refuse(reason: Refusal['reason']): Refusal {
  return { verdict: 'refused', reason };
}
