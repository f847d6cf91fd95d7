/** Sets of mailbox numbers from lists, and in the store: pairs of 8-byte integers. */
import { concatBytes, readUint64, uint64Bytes } from '../../base/index.ts';
import { ClientError } from '../client-error.ts';
import { type Interval, IntervalSet } from '../ledger/index.ts';

/** Numbers in any order. */
export function setOf(numbers: readonly number[]): IntervalSet {
  return IntervalSet.of(...runsOf(numbers));
}

/** Numbers in runs, ascending. */
export function runsOf(numbers: readonly number[]): Interval[] {
  const runs: [number, number][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && number <= last[1] + 1) last[1] = Math.max(last[1], number);
    else runs.push([number, number]);
  }
  return runs;
}

export function encodeNumbers(set: IntervalSet): Uint8Array {
  return concatBytes(...set.intervals.flatMap(([from, to]) => [uint64Bytes(from), uint64Bytes(to)]));
}

/** Throws ClientError `corrupt_store`. */
export function decodeNumbers(bytes: Uint8Array): IntervalSet {
  const intervals: Interval[] = [];
  for (let offset = 0; offset + 16 <= bytes.length; offset += 16)
    intervals.push([readUint64(bytes, offset), readUint64(bytes, offset + 8)]);
  const ordered = intervals.every(
    ([from, to], i) => from >= 1 && from <= to && from > (intervals[i - 1]?.[1] ?? -1) + 1,
  );
  if (bytes.length % 16 !== 0 || !ordered) throw new ClientError('corrupt_store', 'a set of numbers does not read');
  return IntervalSet.of(...intervals);
}
