import { describe, expect, test } from 'vitest';
import { equalBytes, SeededPrng, SeededSecureRandom, utf8 } from '../base/index.ts';
import { SodiumSuite } from '../base/system/index.ts';
import { createFeedKeys } from './feed-key.ts';
import { rightSpanOf } from './flat-tree.ts';
import { growTree, leafNode, rootHash, type TreeNode } from './merkle.ts';
import { type BlockClaim, type Verdict, verifyProof } from './proof.ts';
import { completeTree, digestOf, planProof, TreeIndex } from './tree-index.ts';

const suite = new SodiumSuite();

/** A writer's feed of `length` blocks in memory, and a receiver that keeps what it has verified. */
function setup(length: number) {
  const keys = createFeedKeys({ suite, random: new SeededSecureRandom(3) });
  const blocks = Array.from({ length }, (_, i) => utf8(`block ${i} ${'x'.repeat(i % 7)}`));
  const nodes = new Map(growTree(suite, [], blocks).nodes.map((node) => [node.index, node]));
  const nodeAt = (index: number): TreeNode => {
    const node = nodes.get(index);
    if (node === undefined) throw new Error(`no node ${index}`);
    return node;
  };
  const signature = (at: number) =>
    suite.sign(rootHash(suite, growTree(suite, [], blocks.slice(0, at)).roots), keys.secretKey);
  const trusted = new Map<number, TreeNode>();
  const held = new TreeIndex();
  return {
    blocks,
    nodeAt,
    signature,
    trusted,
    deps: { suite, publicKey: keys.publicKey, trusted: (index: number) => trusted.get(index) },
    /** What the writer, when it had `at` blocks, answers to this receiver. */
    claim(index: number, options: { readonly at?: number; readonly hashOnly?: boolean } = {}): BlockClaim {
      const { at = length, hashOnly = false } = options;
      const plan = planProof(completeTree(at), 2 * index, { digest: digestOf(held, 2 * index), withHash: hashOnly });
      if (plan === undefined) throw new Error(`no block ${index}`);
      return {
        index,
        block: hashOnly ? undefined : blocks[index],
        nodes: plan.nodes.map(nodeAt),
        signature: plan.verifiedBy === 0 ? undefined : signature(plan.verifiedBy / 2),
      };
    },
    keep(verdict: Verdict): void {
      if (verdict.verdict !== 'proven') throw new Error(`refused: ${verdict.reason}`);
      for (const node of verdict.nodes) {
        trusted.set(node.index, node);
        held.add(node.index);
      }
    },
  };
}

type Fixture = ReturnType<typeof setup>;

/** Whatever a peer sent: what is proven is true, and so is everything that may be kept. */
function expectTruth({ nodeAt }: Fixture, verdict: Verdict, claim: BlockClaim): void {
  if (verdict.verdict !== 'proven') return;
  expect(equalBytes(verdict.leaf.hash, nodeAt(2 * claim.index).hash)).toBe(true);
  for (const node of verdict.nodes) expect(node).toEqual(nodeAt(node.index));
}

describe('a proof of a block', () => {
  test('convinces a receiver that holds nothing, for each block of feeds of any length', () => {
    for (let length = 1; length <= 35; length++) {
      const feed = setup(length);
      for (let index = 0; index < length; index++) {
        const claim = feed.claim(index);
        const verdict = verifyProof(feed.deps, claim);
        expect(verdict).toMatchObject({ verdict: 'proven', signedLength: length });
        expectTruth(feed, verdict, claim);
      }
    }
  });

  test('needs no signature once it reaches a node that is trusted', () => {
    const feed = setup(20);
    feed.keep(verifyProof(feed.deps, feed.claim(0)));
    const claim = feed.claim(1);
    expect(claim).toMatchObject({ nodes: [], signature: undefined });
    expect(verifyProof(feed.deps, claim)).toMatchObject({ verdict: 'proven', signedLength: undefined });
  });

  test.each([1, 2, 3, 4])(
    'blocks and hashes fetched in any order from a growing feed are all proven (seed %i)',
    (seed) => {
      const prng = new SeededPrng(seed);
      const feed = setup(90);
      let at = 1;
      for (let step = 0; step < 400; step++) {
        if (prng.below(4) === 0) at = Math.min(90, at + prng.below(9));
        // An answer may come from a peer that is behind.
        const length = Math.max(1, at - prng.below(5));
        const claim = feed.claim(prng.below(length), { at: length, hashOnly: prng.below(4) === 0 });
        const verdict = verifyProof(feed.deps, claim);
        expect(verdict.verdict).toBe('proven');
        expectTruth(feed, verdict, claim);
        feed.keep(verdict);
      }
    },
  );

  test('a feed without signatures is proven by the root hash that names it', () => {
    const feed = setup(5);
    const roots = [3, 8].map(feed.nodeAt);
    const claim = { ...feed.claim(2), signature: undefined };
    const deps = { ...feed.deps, publicKey: rootHash(suite, roots) };
    expect(verifyProof(deps, claim).verdict).toBe('proven');
    expect(verifyProof(feed.deps, claim)).toEqual({ verdict: 'refused', reason: 'bad_signature' });
  });
});

describe('a false proof', () => {
  test('of another block is refused', () => {
    const feed = setup(9);
    const block = utf8('forged');
    expect(verifyProof(feed.deps, { ...feed.claim(4), block })).toEqual({
      verdict: 'refused',
      reason: 'bad_signature',
    });
    feed.keep(verifyProof(feed.deps, feed.claim(4)));
    expect(verifyProof(feed.deps, { ...feed.claim(4), block })).toEqual({ verdict: 'refused', reason: 'mismatch' });
  });

  test('with rightly signed roots that lie above other blocks is refused', () => {
    const feed = setup(8);
    const claim = { index: 0, block: utf8('forged'), nodes: [feed.nodeAt(7)], signature: feed.signature(8) };
    expect(verifyProof(feed.deps, claim)).toEqual({ verdict: 'refused', reason: 'not_covered' });
    feed.trusted.set(7, feed.nodeAt(7));
    expect(verifyProof(feed.deps, claim).verdict).toBe('refused');
    const six = setup(6);
    const above = { index: 4, block: utf8('forged'), nodes: [3, 9].map(six.nodeAt), signature: six.signature(6) };
    expect(verifyProof(six.deps, above)).toEqual({ verdict: 'refused', reason: 'not_covered' });
  });

  test('signed by nobody, by another key or for another length is refused', () => {
    const feed = setup(11);
    const claim = feed.claim(6);
    const other = createFeedKeys({ suite, random: new SeededSecureRandom(4) });
    for (const signature of [
      undefined,
      feed.signature(10),
      new Uint8Array(64),
      new Uint8Array(0),
      suite.sign(rootHash(suite, [7, 17, 20].map(feed.nodeAt)), other.secretKey),
    ])
      expect(verifyProof(feed.deps, { ...claim, signature })).toEqual({ verdict: 'refused', reason: 'bad_signature' });
  });

  test('that lacks a node is refused', () => {
    const feed = setup(13);
    const claim = feed.claim(5);
    for (let gap = 0; gap < claim.nodes.length; gap++) {
      const nodes = claim.nodes.filter((_, i) => i !== gap);
      expect(verifyProof(feed.deps, { ...claim, nodes }).verdict).toBe('refused');
    }
    expect(verifyProof(feed.deps, { ...claim, block: undefined })).toEqual({
      verdict: 'refused',
      reason: 'missing_node',
    });
  });

  test('that shifts bytes between a hash and its sibling leaves neither to be kept', () => {
    const feed = setup(8);
    const claim = feed.claim(2, { hashOnly: true });
    const [leaf, sibling, ...rest] = claim.nodes as [TreeNode, TreeNode, ...TreeNode[]];
    const nodes = [{ ...leaf, size: leaf.size + 3 }, { ...sibling, size: sibling.size - 3 }, ...rest];
    const verdict = verifyProof(feed.deps, { ...claim, nodes });
    expect(verdict.verdict).toBe('proven');
    expectTruth(feed, verdict, claim);
    feed.keep(verdict);
    expect(verifyProof(feed.deps, feed.claim(2)).verdict).toBe('proven');
    expect(verifyProof(feed.deps, feed.claim(3)).verdict).toBe('proven');
  });

  test.each([
    ['an index beyond the longest feed', { index: 2 ** 51 }],
    ['a negative index', { index: -1 }],
    ['an index that is not whole', { index: 0.5 }],
    ['a block beyond 8 MiB', { block: new Uint8Array(8 * 1024 * 1024 + 1) }],
    ['a short hash', { nodes: [{ index: 2, hash: new Uint8Array(31), size: 1 }] }],
    ['a node beyond exact numbers', { nodes: [{ index: 2 ** 53, hash: new Uint8Array(32), size: 1 }] }],
    ['a size beyond exact numbers', { nodes: [{ index: 2, hash: new Uint8Array(32), size: 2 ** 53 }] }],
    ['a size that is not a number', { nodes: [{ index: 2, hash: new Uint8Array(32), size: Number.NaN }] }],
    ['a sum of sizes beyond exact numbers', { nodes: [{ index: 2, hash: new Uint8Array(32), size: 2 ** 53 - 1 }] }],
    ['nodes without end', { nodes: new Array(129).fill({ index: 2, hash: new Uint8Array(32), size: 1 }) }],
    ['a feed longer than any', { nodes: [{ index: 2 ** 52 - 1, hash: new Uint8Array(32), size: 1 }] }],
  ] as const)('with %s is refused as malformed', (_name, change) => {
    const feed = setup(4);
    const claim: BlockClaim = { ...feed.claim(0), ...change };
    expect(verifyProof(feed.deps, claim)).toEqual({ verdict: 'refused', reason: 'malformed' });
  });

  test.each([1, 2])('however it was mutated, proves and leaves only what is true (seed %i)', (seed) => {
    const prng = new SeededPrng(seed);
    let proven = 0;
    for (let run = 0; run < 600; run++) {
      const feed = setup(1 + prng.below(24));
      if (prng.below(2) === 0) feed.keep(verifyProof(feed.deps, feed.claim(prng.below(feed.blocks.length))));
      const claim = feed.claim(prng.below(feed.blocks.length), { hashOnly: prng.below(3) === 0 });
      const mutated = mutate(prng, feed, claim);
      const verdict = verifyProof(feed.deps, mutated);
      expectTruth(feed, verdict, mutated);
      if (verdict.verdict === 'proven') proven += 1;
    }
    expect(proven).toBeLessThan(400);
  });
});

function mutate(prng: SeededPrng, feed: Fixture, claim: BlockClaim): BlockClaim {
  const nodes = [...claim.nodes];
  const at = prng.below(nodes.length + 1);
  const node = nodes[at];
  const any = feed.nodeAt(2 * prng.below(feed.blocks.length));
  switch (prng.below(8)) {
    case 0:
      return { ...claim, block: flip(prng, claim.block ?? utf8('x')) };
    case 1:
      return { ...claim, signature: claim.signature === undefined ? new Uint8Array(64) : flip(prng, claim.signature) };
    case 2:
      return { ...claim, index: prng.below(feed.blocks.length) };
    case 3:
      nodes.splice(at, prng.below(2), { ...any, hash: flip(prng, any.hash) });
      return { ...claim, nodes };
    case 4:
      nodes.splice(at, 0, leafNode(suite, prng.below(40), utf8('forged')));
      return { ...claim, nodes };
    case 5:
      if (node !== undefined) nodes[at] = { ...node, size: Math.max(0, node.size + prng.below(5) - 2) };
      return { ...claim, nodes };
    case 6:
      if (node !== undefined) nodes[at] = { ...node, index: rightSpanOf(node.index) };
      return { ...claim, nodes };
    default:
      return { ...claim, nodes: nodes.sort(() => prng.next() - 0.5) };
  }
}

function flip(prng: SeededPrng, bytes: Uint8Array): Uint8Array {
  const flipped = bytes.slice();
  const at = prng.below(bytes.length);
  flipped[at] = (flipped[at] as number) ^ (1 << prng.below(8));
  return flipped;
}
