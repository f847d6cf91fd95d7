/**
 * What is held of a mailbox in one feed: intervals of numbers with the links at both ends. Every interval hangs on a head
 * that a node signed, or on the first number, so whatever joins it has to fit. Values; pure.
 */
import { equalBytes, invariant } from '../../base/index.ts';
import { FIRST_LINK } from '../../protocol/index.ts';

export interface LinkedInterval {
  readonly from: number;
  readonly to: number;
  /** The link of from - 1. */
  readonly below: Uint8Array;
  /** The link of `to`. */
  readonly above: Uint8Array;
}

/** Ascending, disjoint, never touching. */
export type LinkedIntervals = readonly LinkedInterval[];

/** The link of `number`, where an end of what is held tells it. */
export function linkAt(held: LinkedIntervals, number: number): Uint8Array | undefined {
  if (number === 0) return FIRST_LINK;
  for (const interval of held) {
    if (interval.to === number) return interval.above;
    if (interval.from === number + 1) return interval.below;
  }
  return undefined;
}

export function isHeld(held: LinkedIntervals, number: number): boolean {
  return held.some(({ from, to }) => from <= number && number <= to);
}

/** With one interval more, whose ends fit those of its neighbours: the caller has checked. */
export function joinInterval(held: LinkedIntervals, added: LinkedInterval): LinkedIntervals {
  const before = held.filter(({ to }) => to < added.from);
  const after = held.filter(({ from }) => from > added.to);
  invariant(before.length + after.length === held.length, 'an interval that joins overlaps nothing');
  let joined = added;
  const left = before.at(-1);
  if (left !== undefined && left.to + 1 === joined.from) {
    invariant(equalBytes(left.above, joined.below), 'an interval fits the one below it');
    joined = { ...joined, from: left.from, below: left.below };
    before.pop();
  }
  const right = after[0];
  if (right !== undefined && joined.to + 1 === right.from) {
    invariant(equalBytes(joined.above, right.below), 'an interval fits the one above it');
    joined = { ...joined, to: right.to, above: right.above };
    after.shift();
  }
  return [...before, joined, ...after];
}
