import { describe, expect, test } from 'vitest';
import { SeededPrng } from '../base/index.ts';
import { fullRoots, parentOf, rightSpanOf } from './flat-tree.ts';
import { completeTree, digestOf, planProof, TreeIndex, verifiedByOf } from './tree-index.ts';
import vectors from './vectors.json' with { type: 'json' };

function treeOf(held: readonly number[]): TreeIndex {
  const tree = new TreeIndex();
  for (const index of held) tree.add(index);
  return tree;
}

describe('which nodes prove a block', () => {
  test('a parent is held when both its children are', () => {
    const tree = new TreeIndex();
    expect([tree.add(0), tree.add(0), tree.add(2)]).toEqual([true, false, true]);
    expect([tree.has(1), tree.has(3)]).toEqual([true, false]);
    for (let leaf = 0; leaf < 32; leaf += 2) tree.add(leaf);
    expect([7, 23, 15].map((index) => tree.has(index))).toEqual([true, true, true]);
    expect(tree.has(31)).toBe(false);
  });

  test.each(vectors.digests)('with $held held, the digest of $index is $digest', ({ held, index, digest }) => {
    expect(digestOf(treeOf(held), index).toString(2)).toBe(digest);
  });

  test.each(vectors.verifiedBy)('with $held held, $index is verified by $verifiedBy', ({ held, index, verifiedBy }) => {
    expect(verifiedByOf(treeOf(held), index)).toBe(verifiedBy);
  });

  test.each(vectors.proofs)(
    'with $held held, the proof of $index for digest $digest',
    ({ held, index, digest, proof }) => {
      const plan = planProof(treeOf(held), index, { digest: Number.parseInt(digest, 2), withHash: false });
      expect(plan ?? null).toEqual(proof);
    },
  );

  test('the node itself comes first for an asker that gets no block', () => {
    expect(planProof(treeOf([0, 2, 5]), 0, { digest: 0, withHash: true })).toEqual({ nodes: [0, 2, 5], verifiedBy: 8 });
    expect(planProof(treeOf([0, 2, 5]), 0, { digest: 1, withHash: true })).toEqual({ nodes: [0], verifiedBy: 0 });
  });

  test('a complete tree is a tree to which every leaf was added', () => {
    for (let length = 0; length <= 70; length++) {
      const added = treeOf(Array.from({ length }, (_, i) => 2 * i));
      const complete = completeTree(length);
      for (let index = 0; index < 160; index++) {
        expect(complete.has(index)).toBe(added.has(index));
        if (complete.has(index)) expect(verifiedByOf(complete, index)).toBe(2 * length);
        expect(digestOf(complete, index)).toBe(digestOf(added, index));
      }
    }
  });

  test('digests that make no sense end, with a proof', () => {
    const prng = new SeededPrng(5);
    const tree = completeTree(1_000);
    for (const digest of [999999999999999, Number.MAX_SAFE_INTEGER, 2 ** 52, 2 ** 52 + 1, 3, 5])
      expect(planProof(tree, 10, { digest, withHash: false })?.nodes.length).toBeLessThan(30);
    for (let i = 0; i < 500; i++) {
      const digest = Math.floor(prng.next() * Number.MAX_SAFE_INTEGER);
      expect(planProof(tree, 2 * prng.below(1_000), { digest, withHash: false })).toBeDefined();
    }
  });

  test('peers that copy blocks from one another at random always hold what verifies them (seed 7)', () => {
    const prng = new SeededPrng(7);
    const peers = Array.from({ length: 6 }, () => ({ tree: new TreeIndex(), have: new Set<number>() }));
    const source = peers[0] as (typeof peers)[number];
    let copies = 0;
    for (let step = 0; step < 3_000; step++) {
      if (prng.next() < 0.3) {
        source.tree.add(2 * source.have.size);
        source.have.add(source.have.size);
      }
      const from = peers[prng.below(peers.length)] as (typeof peers)[number];
      const to = peers[prng.below(peers.length)] as (typeof peers)[number];
      const block = [...from.have][prng.below(from.have.size)];
      if (from === to || block === undefined || to.have.has(block)) continue;
      copyBlock(block, from.tree, to.tree);
      to.have.add(block);
      copies += 1;
    }
    expect(copies).toBeGreaterThan(500);
  });
});

/** Sends a block with its proof; what arrives must be new, and enough to reach roots or a node held before. */
function copyBlock(block: number, from: TreeIndex, to: TreeIndex): void {
  const plan = planProof(from, 2 * block, { digest: digestOf(to, 2 * block), withHash: false });
  if (plan === undefined) throw new Error(`block ${block} is not held`);
  for (const node of plan.nodes) expect(to.add(node), `node ${node} for block ${block} is held already`).toBe(true);
  to.add(2 * block);
  if (plan.verifiedBy === 0) return;
  const roots = fullRoots(plan.verifiedBy / 2);
  for (const root of roots) expect(to.has(root), `root ${root} for block ${block}`).toBe(true);
  let node = 2 * block;
  while (!roots.includes(node) && rightSpanOf(node) < plan.verifiedBy) {
    node = parentOf(node);
    expect(to.has(node), `node ${node} above block ${block}`).toBe(true);
  }
  expect(roots).toContain(node);
}
