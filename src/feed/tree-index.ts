/**
 * Which nodes prove a block (hypercore 6, `lib/tree-index.js`; Request.nodes of the wire): the asker's digest tells in one
 * number what it holds around a block, the answerer's proof names the nodes that are still lacking. Pure: indexes only.
 */
import {
  childrenOf,
  depthOf,
  fullRoots,
  leftSpanOf,
  nodeAt,
  offsetOf,
  parentOf,
  rightSpanOf,
  siblingOf,
} from './flat-tree.ts';

/** The tree nodes that somebody holds. */
export interface NodeSet {
  has(index: number): boolean;
  /** One beyond the highest node held, or more: nothing is held from here on. */
  readonly end: number;
}

/** Nodes held one by one; where two siblings are held, their parent is. */
export class TreeIndex implements NodeSet {
  readonly #nodes = new Set<number>();
  #end = 0;

  has(index: number): boolean {
    return this.#nodes.has(index);
  }

  get end(): number {
    return this.#end;
  }

  /** Whether that changed anything. */
  add(index: number): boolean {
    if (!this.#set(index)) return false;
    for (let node = index; this.#nodes.has(siblingOf(node)); ) {
      node = parentOf(node);
      if (!this.#set(node)) break;
    }
    return true;
  }

  #set(index: number): boolean {
    if (this.#nodes.has(index)) return false;
    this.#nodes.add(index);
    this.#end = Math.max(this.#end, index + 1);
    return true;
  }
}

/** All nodes of a feed's first `length` blocks: what its writer holds, also of blocks that are cleared. */
export function completeTree(length: number): NodeSet {
  return { has: (index) => rightSpanOf(index) < 2 * length, end: Math.max(0, 2 * length - 1) };
}

/**
 * What is held around a node, for whoever proves it: 1 when it needs no proof; else, from bit 1 upwards, whether the
 * sibling of the k-th node of the climb is held; with bit 0, the highest bit says that the climb ends at a held parent.
 */
export function digestOf(held: NodeSet, index: number): number {
  if (held.has(index)) return 1;
  let digest = 0;
  let node = index;
  for (let bit = 2; ; bit *= 2) {
    const parent = parentOf(node);
    if (held.has(siblingOf(node))) digest += bit;
    if (held.has(parent)) {
      digest += 2 * bit + 1;
      return digest + 1 === 4 * bit ? 1 : digest; // all ones: what is held proves it
    }
    if (leftSpanOf(parent) === 0 && rightSpanOf(parent) >= held.end) return digest;
    node = parent;
  }
}

export interface ProofPlan {
  /** The nodes to send: the siblings of the climb upwards, then roots from left to right. */
  readonly nodes: readonly number[];
  /** Twice the feed length whose signature completes the proof; 0 when the asker needs no signature. */
  readonly verifiedBy: number;
}

export interface ProofOptions {
  /** The asker's digest; 0: it holds nothing. */
  readonly digest: number;
  /** Send the node itself too, for an asker that gets no block. */
  readonly withHash: boolean;
}

/** How to prove a node; undefined when it is not held. A digest that makes no sense yields a proof too large, never a wrong one. */
export function planProof(held: NodeSet, index: number, options: ProofOptions): ProofPlan | undefined {
  if (!held.has(index)) return undefined;
  const nodes = options.withHash ? [index] : [];
  if (options.digest === 1) return { nodes, verifiedBy: 0 };
  const asker = askerNodes(held, index, options.digest);
  for (let node = index; !asker.has(node); node = parentOf(node)) {
    const sibling = siblingOf(node);
    if (!held.has(sibling)) {
      const verifiedBy = verifiedByOf(held, node);
      for (const root of fullRoots(verifiedBy / 2)) if (root !== node && !asker.has(root)) nodes.push(root);
      return { nodes, verifiedBy };
    }
    if (!asker.has(sibling)) nodes.push(sibling);
  }
  return { nodes, verifiedBy: 0 };
}

/** Of what we hold, what the digest says that the asker holds. */
function askerNodes(held: NodeSet, index: number, digest: number): TreeIndex {
  const asker = new TreeIndex();
  const add = (node: number): void => {
    if (held.has(node)) asker.add(node);
  };
  const rooted = digest % 2 === 1;
  let node = index;
  for (let rest = Math.floor(digest / 2); rest > 0; rest = Math.floor(rest / 2)) {
    if (rest === 1 && rooted) {
      add(node);
      // Whoever holds a root holds the roots before it.
      const last = Math.min(siblingOf(node), node);
      for (const root of fullRoots(rightSpanOf(last) / 2 + 1)) add(root);
      break;
    }
    if (leftSpanOf(node) === 0 && rightSpanOf(node) >= held.end) break; // above all that we hold
    if (rest % 2 === 1) add(siblingOf(node));
    node = parentOf(node);
  }
  return asker;
}

/** Twice the length of the feed of which the tree above `index` is a root, as far as the nodes held tell. */
export function verifiedByOf(held: NodeSet, index: number): number {
  if (!held.has(index)) return 0;
  let top = index;
  while (held.has(parentOf(top)) && held.has(siblingOf(top))) top = parentOf(top);
  let depth = depthOf(top);
  while (depth > 0) {
    // The root to the right is smaller: the first node held on the way down its left side.
    top = leftChildOf(nodeAt(depth, offsetOf(top, depth) + 1));
    depth -= 1;
    while (!held.has(top) && depth > 0) {
      top = leftChildOf(top);
      depth -= 1;
    }
  }
  return held.has(top) ? top + 2 : top;
}

function leftChildOf(index: number): number {
  return childrenOf(index)?.[0] ?? index;
}
