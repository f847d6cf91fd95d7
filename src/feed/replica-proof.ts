/**
 * What proves a node out of a tree that is held in part. A block was proven when it came, so some signature always covers
 * it; but the newest need not, when the way from the block to its roots was never asked for.
 */
import type { StoreReader } from '../store/index.ts';
import { type FeedKeys, numberOfKey } from './feed-rows.ts';
import { rightSpanOf } from './flat-tree.ts';
import { PROOF_SIGNATURES_MAX } from './limits.ts';
import type { TreeNode } from './merkle.ts';
import { type NodeSet, type ProofOptions, type ProofPlan, planProof } from './tree-index.ts';
import type { TreeRows } from './tree-rows.ts';

export interface HeldProof {
  readonly nodes: readonly TreeNode[];
  /** The length whose signature this is; undefined with it when the asker's digest needs none. */
  readonly signedLength: number | undefined;
  readonly signature: Uint8Array | undefined;
}

export interface HeldTree {
  readonly reader: StoreReader;
  readonly keys: FeedKeys;
  readonly rows: TreeRows;
  readonly length: number;
}

/** What somebody asks for, and what they hold around it. */
export type BlockRequest = ProofOptions & { readonly index: number };

/** The leaf of a block that is asked for; undefined beyond the end. */
export function nodeAsked(length: number, { index }: BlockRequest): number | undefined {
  return Number.isSafeInteger(index) && index >= 0 && index < length ? 2 * index : undefined;
}

/** A proof for each block asked for; undefined where the log does not reach or, being sparse, cannot prove. */
export async function proveEachHeld(
  tree: HeldTree,
  requests: readonly BlockRequest[],
): Promise<readonly (HeldProof | undefined)[]> {
  const proofs: (HeldProof | undefined)[] = [];
  for (const { index, ...options } of requests) {
    const node = nodeAsked(tree.length, { index, ...options });
    proofs.push(node === undefined ? undefined : await proveHeld(tree, node, options));
  }
  return proofs;
}

/** The proof of a tree node; undefined when what is held proves it under none of the signatures that were tried. */
export async function proveHeld(
  tree: HeldTree,
  nodeIndex: number,
  options: ProofOptions,
): Promise<HeldProof | undefined> {
  if (!Number.isSafeInteger(nodeIndex)) return undefined;
  const atHead = await proofAt(tree, nodeIndex, options, tree.length);
  if (atHead !== undefined) return atHead;
  const covering = rightSpanOf(nodeIndex) / 2 + 1;
  const older = await tree.reader.range({
    ...tree.keys.range('signature', covering, tree.length),
    limit: PROOF_SIGNATURES_MAX,
    reverse: true,
  });
  for (const { key } of older) {
    const proof = await proofAt(tree, nodeIndex, options, numberOfKey(key));
    if (proof !== undefined) return proof;
  }
  return undefined;
}

async function proofAt(
  tree: HeldTree,
  nodeIndex: number,
  options: ProofOptions,
  length: number,
): Promise<HeldProof | undefined> {
  const { rows, reader, keys } = tree;
  const held: NodeSet = { has: (index) => rightSpanOf(index) < 2 * length && rows.has(index), end: 2 * length - 1 };
  const plan = await looked(tree, () => planProof(held, nodeIndex, options));
  if (plan === undefined || (plan.verifiedBy !== 0 && plan.verifiedBy !== 2 * length)) return undefined;
  const nodes = await looked(tree, () => nodesOf(rows, plan));
  if (nodes === undefined) return undefined;
  if (plan.verifiedBy === 0) return { nodes, signedLength: undefined, signature: undefined };
  const signature = await reader.get(keys.key('signature', length));
  return signature === undefined ? undefined : { nodes, signedLength: length, signature };
}

function nodesOf(rows: TreeRows, plan: ProofPlan): readonly TreeNode[] | undefined {
  const nodes = plan.nodes.map((index) => rows.node(index));
  return nodes.includes(undefined) ? undefined : (nodes as readonly TreeNode[]);
}

/** What `look` says when every row that it asked for is in memory. */
export async function looked<Result>(
  { rows, reader }: Pick<HeldTree, 'rows' | 'reader'>,
  look: () => Result,
): Promise<Result> {
  for (;;) {
    rows.forgetMissing();
    const result = look();
    if (!rows.isMissingRows) return result;
    await rows.load(reader);
  }
}
