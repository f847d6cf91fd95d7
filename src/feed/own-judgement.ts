/**
 * What a feed's own writer makes of what others say its key has signed. It trusts nothing but its log: a signature over
 * what it does not have means that it was restored from an older state, one over something else that there are two of it.
 */
import { type CryptoSuite, equalBytes } from '../base/index.ts';
import type { StoreReader } from '../store/index.ts';
import { rightSpanOf } from './flat-tree.ts';
import { judgeFork, signedNodesOf } from './fork-proof.ts';
import { proveOwnNode, readTree, type WholeTree } from './log-proof.ts';
import { type BlockClaim, verifyProof } from './proof.ts';
import type { Acceptance } from './replica.ts';

export interface OwnJudge {
  readonly suite: CryptoSuite;
  readonly publicKey: Uint8Array;
  readonly tree: WholeTree;
  readonly reader: StoreReader;
}

export async function judgeOwn(judge: OwnJudge, claim: BlockClaim): Promise<Acceptance> {
  const { index } = claim;
  const { suite, publicKey, tree, reader } = judge;
  const verdict = verifyProof({ suite, publicKey, trusted: () => undefined }, claim);
  if (verdict.verdict === 'refused') return { outcome: 'refused', index, reason: verdict.reason };
  for (const theirs of signedNodesOf(suite, claim)) {
    if (rightSpanOf(theirs.node.index) >= 2 * tree.length) continue;
    const [node] = await readTree(tree.keys, reader, [theirs.node.index]);
    if (node === undefined || equalBytes(node.hash, theirs.node.hash)) continue;
    const proof = judgeFork(judge, [await proveOwnNode(tree, reader, node), theirs]);
    if (proof !== undefined) return { outcome: 'forked', index, proof };
  }
  const { signedLength } = verdict;
  return signedLength !== undefined && signedLength > tree.length
    ? { outcome: 'beyond', index, signedLength }
    : { outcome: 'known', index };
}
