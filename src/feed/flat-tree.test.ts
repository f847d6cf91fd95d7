import { describe, expect, test } from 'vitest';
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
import vectors from './vectors.json' with { type: 'json' };

describe('the flat tree of Dat v6', () => {
  test.each(Object.entries(vectors.flatTree.fullRoots))('%s leaves have the full roots %j', (length, roots) => {
    expect(fullRoots(Number(length))).toEqual(roots);
  });

  test.each(Object.entries(vectors.flatTree.parents))('the parent of %s is %i', (index, parent) => {
    expect(parentOf(Number(index))).toBe(parent);
  });

  test.each(Object.entries(vectors.flatTree.children))('the children of %s are %j', (index, children) => {
    expect(childrenOf(Number(index))).toEqual(children);
  });

  test('a leaf has no children and spans itself', () => {
    for (const leaf of [0, 2, 4, 2 ** 52 - 2]) {
      expect(childrenOf(leaf)).toBeUndefined();
      expect([leftSpanOf(leaf), rightSpanOf(leaf)]).toEqual([leaf, leaf]);
    }
  });

  test('depth and offset name every node, and no node has two names', () => {
    for (let index = 0; index < 5_000; index++) expect(nodeAt(depthOf(index), offsetOf(index))).toBe(index);
  });

  test('both children lead back to their parent, and are siblings of each other', () => {
    for (let index = 1; index < 5_000; index += 2) {
      const [left, right] = childrenOf(index) as readonly [number, number];
      expect([parentOf(left), parentOf(right)]).toEqual([index, index]);
      expect([siblingOf(left), siblingOf(right)]).toEqual([right, left]);
      expect([leftSpanOf(left), rightSpanOf(right)]).toEqual([leftSpanOf(index), rightSpanOf(index)]);
      expect(rightSpanOf(left) + 2).toBe(leftSpanOf(right));
    }
  });

  test('indexes beyond 32 bits keep every rule, up to the highest', () => {
    for (const base of [2 ** 31, 2 ** 32, 2 ** 33, 2 ** 47, 2 ** 52 - 64])
      for (let index = base - 9; index < base + 9; index++) {
        expect(nodeAt(depthOf(index), offsetOf(index))).toBe(index);
        expect(siblingOf(siblingOf(index))).toBe(index);
        expect(parentOf(siblingOf(index))).toBe(parentOf(index));
        expect(childrenOf(parentOf(index))).toContain(index);
      }
    expect(depthOf(2 ** 32 - 1)).toBe(32);
    expect(depthOf(2 ** 51 - 1)).toBe(51);
    expect(parentOf(2 ** 51 - 1)).toBe(2 ** 52 - 1);
  });

  test('full roots cover all leaves without overlap, also of the longest feed', () => {
    for (const length of [1, 2, 1_000, 2 ** 31 + 5, 2 ** 40 - 1, 2 ** 51 - 1]) {
      let next = 0;
      for (const root of fullRoots(length)) {
        expect(leftSpanOf(root)).toBe(next);
        next = rightSpanOf(root) + 2;
      }
      expect(next).toBe(2 * length);
    }
    expect(fullRoots(2 ** 51 - 1)).toHaveLength(51);
  });
});
