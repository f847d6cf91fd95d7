import { describe, expect, test } from 'vitest';
import { fromHex, NobleSuite, toHex, utf8 } from '../base/index.ts';
import { SodiumSuite } from '../base/system/index.ts';
import { byteLengthOf, growTree, leafHash, lengthOf, rootHash, type TreeNode } from './merkle.ts';
import vectors from './vectors.json' with { type: 'json' };

const blocks = vectors.tree.blocks.map(utf8);
const spell = (nodes: readonly TreeNode[]) =>
  nodes.map(({ index, hash, size }) => ({ index, hash: toHex(hash), size })).sort((a, b) => a.index - b.index);

describe.each([
  ['noble', new NobleSuite()],
  ['sodium', new SodiumSuite()],
])('the Merkle tree of Dat v6 with %s', (_name, suite) => {
  test('leaf and parent hashes are those of hypercore', () => {
    expect(spell(growTree(suite, [], blocks).nodes)).toEqual(vectors.tree.nodes);
  });

  test.each(vectors.tree.roots)('the root hash of $length blocks is that of hypercore', ({ length, hash }) => {
    const { roots } = growTree(suite, [], blocks.slice(0, length));
    expect(toHex(rootHash(suite, roots))).toBe(hash);
    expect(lengthOf(roots)).toBe(length);
    expect(byteLengthOf(roots)).toBe(length);
  });

  test('signatures over root hashes are those of hypercore', () => {
    const file = fromHex(vectors.signatures.file);
    for (const length of [1, 2, 3]) {
      const signature = suite.sign(
        rootHash(suite, growTree(suite, [], blocks.slice(0, length)).roots),
        fromHex(vectors.keys.secretKey),
      );
      expect(toHex(signature)).toBe(toHex(file.slice(32 + 64 * (length - 1), 32 + 64 * length)));
    }
  });

  test('a tree grown in steps of any size is the tree grown at once', () => {
    const many = Array.from({ length: 40 }, (_, i) => utf8(`block ${i}`));
    const whole = growTree(suite, [], many);
    for (const step of [1, 2, 3, 7, 16, 39]) {
      let roots: readonly TreeNode[] = [];
      const nodes: TreeNode[] = [];
      for (let from = 0; from < many.length; from += step) {
        const grown = growTree(suite, roots, many.slice(from, from + step));
        roots = grown.roots;
        nodes.push(...grown.nodes);
      }
      expect(spell(roots)).toEqual(spell(whole.roots));
      expect(nodes.map(({ index }) => index)).toEqual(whole.nodes.map(({ index }) => index));
      expect(spell(nodes)).toEqual(spell(whole.nodes));
    }
  });

  test('blocks whose bytes only move over a border have other hashes', () => {
    expect(leafHash(suite, utf8('ab'))).not.toEqual(leafHash(suite, utf8('a')));
    const roots = [
      ['ab', 'c'],
      ['a', 'bc'],
      ['', 'abc'],
    ].map((pair) => toHex(rootHash(suite, growTree(suite, [], pair.map(utf8)).roots)));
    expect(new Set(roots).size).toBe(3);
  });
});
