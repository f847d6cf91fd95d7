/**
 * Sets of mailbox numbers as ascending, disjoint, non-touching intervals, inclusive. Values: each operation makes another.
 * Encoded as pairs of 8-byte integers.
 */
import { concatBytes, invariant, readUint64, uint64Bytes } from '../../base/index.ts';
import { ClientError } from '../client-error.ts';

export interface Interval {
  readonly from: number;
  readonly to: number;
}

export type IntervalSet = readonly Interval[];

export const NO_NUMBERS: IntervalSet = Object.freeze([]);

export function addInterval(set: IntervalSet, { from, to }: Interval): IntervalSet {
  invariant(from >= 1 && from <= to, 'an interval holds at least one number');
  // The intervals that overlap or touch are [start, end).
  const start = firstIndex(set, (interval) => interval.to + 1 >= from);
  const end = firstIndex(set, (interval) => interval.from > to + 1);
  const merged = {
    from: Math.min(from, set[start]?.from ?? from),
    to: Math.max(to, start < end ? (set[end - 1] as Interval).to : to),
  };
  if (start === end) merged.from = from;
  return [...set.slice(0, start), merged, ...set.slice(end)];
}

export function removeInterval(set: IntervalSet, { from, to }: Interval): IntervalSet {
  return set.flatMap((interval) => {
    if (interval.to < from || interval.from > to) return [interval];
    const left = interval.from < from ? [{ from: interval.from, to: from - 1 }] : [];
    const right = interval.to > to ? [{ from: to + 1, to: interval.to }] : [];
    return [...left, ...right];
  });
}

/** The set of ascending or descending numbers. */
export function addNumbers(set: IntervalSet, numbers: readonly number[]): IntervalSet {
  return runsOf(numbers).reduce(addInterval, set);
}

export function removeNumbers(set: IntervalSet, numbers: readonly number[]): IntervalSet {
  return runsOf(numbers).reduce(removeInterval, set);
}

export function hasNumber(set: IntervalSet, number: number): boolean {
  const interval = set[firstIndex(set, ({ to }) => to >= number)];
  return interval !== undefined && interval.from <= number;
}

export function countNumbers(set: IntervalSet): number {
  return set.reduce((sum, { from, to }) => sum + to - from + 1, 0);
}

/** The numbers of 1 … `head` that the set lacks, ascending. */
export function gapsIn(set: IntervalSet, head: number): Interval[] {
  const gaps: Interval[] = [];
  let next = 1;
  for (const { from, to } of set) {
    if (from > next) gaps.push({ from: next, to: Math.min(head, from - 1) });
    next = Math.max(next, to + 1);
    if (next > head) break;
  }
  if (next <= head) gaps.push({ from: next, to: head });
  return gaps.filter((gap) => gap.from <= gap.to);
}

/** Numbers in runs, ascending. */
export function runsOf(numbers: readonly number[]): Interval[] {
  const runs: { from: number; to: number }[] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && number <= last.to + 1) last.to = Math.max(last.to, number);
    else runs.push({ from: number, to: number });
  }
  return runs;
}

export function encodeIntervals(set: IntervalSet): Uint8Array {
  return concatBytes(...set.flatMap(({ from, to }) => [uint64Bytes(from), uint64Bytes(to)]));
}

/** Throws ClientError `corrupt_store`. */
export function decodeIntervals(bytes: Uint8Array): IntervalSet {
  const set: Interval[] = [];
  for (let offset = 0; offset + 16 <= bytes.length; offset += 16)
    set.push({ from: readUint64(bytes, offset), to: readUint64(bytes, offset + 8) });
  const ordered = set.every(({ from, to }, i) => from >= 1 && from <= to && from > (set[i - 1]?.to ?? -1) + 1);
  if (bytes.length % 16 !== 0 || !ordered) throw new ClientError('corrupt_store', 'a set of numbers does not read');
  return set;
}

/** The first index for which `holds`, which is false before it and true after. */
function firstIndex(set: IntervalSet, holds: (interval: Interval) => boolean): number {
  let low = 0;
  let high = set.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(set[middle] as Interval)) high = middle;
    else low = middle + 1;
  }
  return low;
}
