import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Bitfield, type Interval, PAGE_BITS, PAGE_BYTES } from './bitfield.ts';

function bitfieldOf(indexes: Iterable<number>): Bitfield {
  const bits = new Bitfield();
  for (const index of indexes) bits.set(index);
  return bits;
}

describe('a bitfield', () => {
  test('holds what was set, and says whether something changed', () => {
    const bits = new Bitfield();
    expect(bits.set(5)).toBe(true);
    expect(bits.set(5)).toBe(false);
    expect([bits.get(4), bits.get(5), bits.get(6)]).toEqual([false, true, false]);
    expect(bits.clear(5)).toBe(true);
    expect(bits.clear(5)).toBe(false);
    expect(bits.get(5)).toBe(false);
  });

  test('spells the lowest index as the highest bit, as SLEEP does', () => {
    expect(bitfieldOf([0, 9, 15]).page(0)?.subarray(0, 2)).toEqual(Uint8Array.of(0b1000_0000, 0b0100_0001));
  });

  test('takes no page for what it does not hold', () => {
    const bits = bitfieldOf([3, 10 * PAGE_BITS]);
    expect(bits.pageNumbers()).toEqual([0, 10]);
    expect(bits.page(5)).toBeUndefined();
    bits.clear(10 * PAGE_BITS);
    expect([bits.pageNumbers(), bits.end]).toEqual([[0], PAGE_BITS]);
    bits.clear(3);
    expect([bits.pageNumbers(), bits.end]).toEqual([[], 0]);
  });

  test('finds the first that it has, that another lacks and that a third chooses, as looking at each does', () => {
    const near = fc.nat({ max: 200 });
    const anywhere = fc.nat({ max: 3 * PAGE_BITS });
    const some = fc.array(fc.oneof(near, anywhere), { maxLength: 60 });
    fc.assert(
      fc.property(
        some,
        some,
        fc.option(some, { nil: undefined }),
        fc.oneof(near, anywhere),
        (ours, theirs, within, from) => {
          const [bits, other] = [bitfieldOf(ours), bitfieldOf(theirs)];
          const chosen = within === undefined ? undefined : bitfieldOf(within);
          const found = [...new Set(ours)]
            .filter((index) => index >= from && !other.get(index) && (chosen?.get(index) ?? true))
            .sort((a, b) => a - b);
          expect(bits.firstOutside(other, from, Number.MAX_SAFE_INTEGER, chosen)).toBe(found[0]);
          expect(bits.firstOutside(other, from, found[0] ?? from, chosen)).toBeUndefined();
        },
      ),
      { numRuns: 500 },
    );
  });

  test('reaches beyond 32 bits', () => {
    const far = 2 ** 50 + 3;
    const bits = bitfieldOf([1, far]);
    expect([bits.get(far), bits.get(far - 2 ** 32), bits.get(3)]).toEqual([true, false, false]);
    expect(bits.firstPresent(2)).toBe(far);
    expect(bits.firstMissing(far)).toBe(far + 1);
  });

  test('a page handed out or in is a copy', () => {
    const bits = bitfieldOf([0]);
    bits.page(0)?.fill(0);
    expect(bits.get(0)).toBe(true);
    const page = new Uint8Array(PAGE_BYTES).fill(255);
    bits.setPage(2, page);
    page.fill(0);
    expect(bits.count(2 * PAGE_BITS)).toBe(PAGE_BITS);
  });

  test('does what a set of numbers does, for any sequence of changes', () => {
    const index = fc.oneof(fc.nat(60), fc.integer({ min: PAGE_BITS - 20, max: PAGE_BITS + 20 }), fc.nat(4 * PAGE_BITS));
    const change = fc.record({ kind: fc.constantFrom('set', 'clear', 'range'), index, size: fc.nat(PAGE_BITS + 50) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), index, index, (changes, a, b) => {
        const bits = new Bitfield();
        const model = new Set<number>();
        for (const { kind, index: at, size } of changes) {
          if (kind === 'set') expect(bits.set(at)).toBe(!model.has(at) && model.add(at) !== undefined);
          else if (kind === 'clear') expect(bits.clear(at)).toBe(model.delete(at));
          else {
            bits.setRange(at, at + size);
            for (let i = at; i < at + size; i++) model.add(i);
          }
        }
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const held = [...model].sort((x, y) => x - y).filter((x) => x >= from && x < to);
        expect(bits.count(from, to)).toBe(held.length);
        expect(bits.count()).toBe(model.size);
        expect([...bits.ranges(from, to)]).toEqual(intervalsOf(held));
        expect(bits.firstPresent(from)).toBe([...model].filter((x) => x >= from).sort((x, y) => x - y)[0]);
        let missing = from;
        while (model.has(missing)) missing++;
        expect(bits.firstMissing(from)).toBe(missing);
      }),
      { numRuns: 60 },
    );
  });
});

function intervalsOf(sorted: readonly number[]): Interval[] {
  const intervals: Interval[] = [];
  for (const index of sorted) {
    const last = intervals.at(-1);
    if (last?.to === index) intervals[intervals.length - 1] = { from: last.from, to: index + 1 };
    else intervals.push({ from: index, to: index + 1 });
  }
  return intervals;
}
