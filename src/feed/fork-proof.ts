/**
 * The proof that a feed's writer cheats, or was restored wrongly: one tree node with two hashes, each signed for by the
 * feed's key. Two signed roots of one length that differ are such a pair; so are two of different lengths that disagree
 * about a block. Whoever has the public key can check it without trusting who shows it.
 */
import { type CryptoSuite, equalBytes, fromHex, fromUtf8, toHex, utf8 } from '../base/index.ts';
import type { FeedId } from '../protocol/index.ts';
import { FeedError } from './feed-error.ts';
import { siblingOf } from './flat-tree.ts';
import { leafNode, parentNode, type TreeNode } from './merkle.ts';
import { type BlockClaim, type NodeClaim, verifyNode } from './proof.ts';

export interface SignedNode extends NodeClaim {
  readonly signature: Uint8Array;
}

export interface ForkProof {
  /** What was here first, then what contradicts it: the same node index, different hashes. */
  readonly sides: readonly [SignedNode, SignedNode];
  /** The feed lengths that the two signatures cover. */
  readonly lengths: readonly [number, number];
}

/** The proof of two sides; undefined when they do not contradict each other, or one is not signed. */
export function judgeFork(
  deps: { readonly suite: CryptoSuite; readonly publicKey: Uint8Array },
  sides: readonly [SignedNode, SignedNode],
): ForkProof | undefined {
  const [ours, theirs] = sides;
  if (ours.node.index !== theirs.node.index || equalBytes(ours.node.hash, theirs.node.hash)) return undefined;
  const lengths = sides.map((side) => signedLengthOf(deps, side));
  const [first, second] = lengths;
  return first === undefined || second === undefined ? undefined : { sides, lengths: [first, second] };
}

function signedLengthOf(
  deps: { readonly suite: CryptoSuite; readonly publicKey: Uint8Array },
  side: SignedNode,
): number | undefined {
  const verdict = verifyNode({ ...deps, trusted: () => undefined }, side);
  return verdict.verdict === 'proven' ? verdict.signedLength : undefined;
}

/** Every node that a claim with a signature speaks of, each with the nodes that prove it. Not judged. */
export function* signedNodesOf(suite: CryptoSuite, claim: BlockClaim): Generator<SignedNode> {
  const { block, index, signature } = claim;
  const first = claim.nodes[0];
  const leaf = block === undefined ? first : leafNode(suite, index, block);
  if (leaf === undefined || signature === undefined) return;
  const nodes = block === undefined ? claim.nodes.slice(1) : claim.nodes;
  let top = leaf;
  let used = 0;
  for (;;) {
    const rest = nodes.slice(used);
    yield { node: top, nodes: rest, signature };
    const [sibling] = rest;
    if (sibling?.index !== siblingOf(top.index)) break;
    used += 1;
    yield { node: sibling, nodes: [top, ...rest.slice(1)], signature };
    top = top.index < sibling.index ? parentNode(suite, top, sibling) : parentNode(suite, sibling, top);
  }
  const roots = [top, ...nodes.slice(used)].sort((a, b) => a.index - b.index);
  for (const root of roots)
    if (root !== top) yield { node: root, nodes: roots.filter((other) => other !== root), signature };
}

export function encodeForkProof({ sides, lengths }: ForkProof): Uint8Array {
  const nodeOf = ({ index, hash, size }: TreeNode): StoredNode => ({ index, hash: toHex(hash), size });
  const stored: StoredProof = {
    lengths,
    sides: [sides[0], sides[1]].map((side) => ({
      node: nodeOf(side.node),
      nodes: side.nodes.map(nodeOf),
      signature: toHex(side.signature),
    })),
  };
  return utf8(JSON.stringify(stored));
}

/** Reads back what was stored. Throws FeedError `corrupt`. */
export function decodeForkProof(bytes: Uint8Array): ForkProof {
  const { sides, lengths } = JSON.parse(fromUtf8(bytes)) as StoredProof;
  const nodeOf = ({ index, hash, size }: StoredNode): TreeNode => ({ index, hash: fromHex(hash), size });
  const [ours, theirs] = sides.map(({ node, nodes, signature }) => ({
    node: nodeOf(node),
    nodes: nodes.map(nodeOf),
    signature: fromHex(signature),
  }));
  if (ours === undefined || theirs === undefined) throw new FeedError('corrupt', 'a fork proof without two sides');
  return { sides: [ours, theirs], lengths };
}

interface StoredNode {
  readonly index: number;
  readonly hash: string;
  readonly size: number;
}

interface StoredProof {
  readonly lengths: readonly [number, number];
  readonly sides: readonly {
    readonly node: StoredNode;
    readonly nodes: readonly StoredNode[];
    readonly signature: string;
  }[];
}

/** What is said of it from then on. */
export function forkedError(feed: FeedId, { lengths }: ForkProof): FeedError {
  return new FeedError('forked', `feed ${feed} has two histories, of ${lengths.join(' and ')} blocks`, {
    fix: 'Begin another feed: this one can never be trusted again.',
  });
}
