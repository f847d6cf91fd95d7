import { describe, expect, test } from 'vitest';
import { SeededPrng } from '../base/index.ts';
import { SpanSet } from './span-set.ts';

const key = (byte: number): Uint8Array => Uint8Array.of(byte);

describe('SpanSet', () => {
  test('holds what was added, joined where spans meet, and knows its gaps', () => {
    const prng = new SeededPrng(3);
    for (let round = 0; round < 200; round++) {
      const set = new SpanSet();
      const covered = new Array<boolean>(41).fill(false);
      for (let i = 0; i < 8; i++) {
        const [from, to] = [prng.below(40), prng.below(40)];
        set.add({ from: key(from), to: key(to) });
        covered.fill(true, from, Math.max(from, to));
      }
      expect(covered.map((_, byte) => set.covers(key(byte)))).toEqual(covered);
      for (const { from, to } of set) expect(covered[(from[0] as number) - 1] || covered[to[0] as number]).toBeFalsy();
      const [from, to] = [prng.below(20), 20 + prng.below(20)];
      const free = new Array<boolean>(41).fill(false);
      for (const gap of set.gapsIn({ from: key(from), to: key(to) })) free.fill(true, gap.from[0], gap.to[0]);
      expect(free).toEqual(covered.map((isCovered, byte) => byte >= from && byte < to && !isCovered));
    }
  });
});
