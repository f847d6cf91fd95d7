/** What proves blocks out of a log that holds its whole tree: many by one read of nodes. */
import { invariant } from '../base/index.ts';
import type { StoreReader } from '../store/index.ts';
import { FeedError } from './feed-error.ts';
import { type FeedKeys, readNodes } from './feed-rows.ts';
import type { SignedNode } from './fork-proof.ts';
import type { TreeNode } from './merkle.ts';
import { type BlockRequest, type HeldProof, nodeAsked } from './replica-proof.ts';
import { completeTree, type ProofOptions, planProof } from './tree-index.ts';

export interface WholeTree {
  readonly keys: FeedKeys;
  /** Blocks on disk. */
  readonly length: number;
}

/** A proof for each block asked for; undefined where the log does not reach. */
export function proveWhole(
  whole: WholeTree,
  reader: StoreReader,
  requests: readonly BlockRequest[],
): Promise<readonly (HeldProof | undefined)[]> {
  return proveNodes(
    whole,
    reader,
    requests.map((request) => ({ ...request, nodeIndex: nodeAsked(whole.length, request) })),
  );
}

async function proveNodes(
  { keys, length }: WholeTree,
  reader: StoreReader,
  requests: readonly (ProofOptions & { readonly nodeIndex: number | undefined })[],
): Promise<readonly (HeldProof | undefined)[]> {
  const tree = completeTree(length);
  const plans = requests.map(({ nodeIndex, ...options }) =>
    nodeIndex === undefined ? undefined : planProof(tree, nodeIndex, options),
  );
  const isSigned = plans.some((plan) => plan !== undefined && plan.verifiedBy !== 0);
  const [nodes, signature] = await Promise.all([
    readTree(
      keys,
      reader,
      plans.flatMap((plan) => plan?.nodes ?? []),
    ),
    isSigned ? reader.get(keys.key('signature', length)) : undefined,
  ]);
  if (isSigned && signature === undefined) throw new FeedError('corrupt', 'a feed lacks the signature of its head');
  let used = 0;
  return plans.map((plan) => {
    if (plan === undefined) return undefined;
    const own = nodes.slice(used, used + plan.nodes.length);
    used += plan.nodes.length;
    return plan.verifiedBy === 0
      ? { nodes: own, signedLength: undefined, signature: undefined }
      : { nodes: own, signedLength: length, signature };
  });
}

/** A node of the log with what proves it to anybody. */
export async function proveOwnNode(tree: WholeTree, reader: StoreReader, node: TreeNode): Promise<SignedNode> {
  const [proof] = await proveNodes(tree, reader, [{ nodeIndex: node.index, digest: 0, withHash: false }]);
  invariant(proof?.signature !== undefined, 'a log proves what it holds');
  return { node, nodes: proof.nodes, signature: proof.signature };
}

/** Tree nodes that must be there. */
export async function readTree(
  keys: FeedKeys,
  reader: StoreReader,
  indexes: readonly number[],
): Promise<readonly TreeNode[]> {
  if (indexes.length === 0) return [];
  const nodes = await readNodes(reader, keys, indexes);
  const missing = nodes.indexOf(undefined);
  if (missing !== -1) throw new FeedError('corrupt', `a feed lacks tree node ${indexes[missing]}`);
  return nodes as readonly TreeNode[];
}
