/**
 * A set of mailbox numbers as intervals: sorted, disjoint, and never adjacent, so that one set has one form. Immutable;
 * an operation costs the number of intervals, whatever the numbers in them.
 */
import { invariant } from '../../base/index.ts';

/** Both ends inclusive. */
export type Interval = readonly [from: number, to: number];

export class IntervalSet {
  static readonly EMPTY: IntervalSet = new IntervalSet([]);

  readonly intervals: readonly Interval[];

  private constructor(intervals: readonly Interval[]) {
    this.intervals = intervals;
  }

  static of(...intervals: readonly Interval[]): IntervalSet {
    return IntervalSet.from(intervals);
  }

  /** In any order; they may overlap. */
  static from(intervals: readonly Interval[]): IntervalSet {
    for (const [from, to] of intervals) checkInterval(from, to);
    const sorted = [...intervals].sort((a, b) => a[0] - b[0]);
    const joined: [number, number][] = [];
    for (const [from, to] of sorted) {
      const last = joined.at(-1);
      if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
      else joined.push([from, to]);
    }
    return joined.length === 0 ? IntervalSet.EMPTY : new IntervalSet(joined);
  }

  get isEmpty(): boolean {
    return this.intervals.length === 0;
  }

  /** Numbers in the set. */
  get count(): number {
    return this.intervals.reduce((count, [from, to]) => count + (to - from + 1), 0);
  }

  has(number: number): boolean {
    const interval = this.intervals[this.#firstEndingAt(number)];
    return interval !== undefined && interval[0] <= number;
  }

  /** The end of the interval that begins with 1; 0 without one. */
  get prefixEnd(): number {
    const first = this.intervals[0];
    return first?.[0] === 1 ? first[1] : 0;
  }

  add(from: number, to: number): IntervalSet {
    checkInterval(from, to);
    const start = this.#firstEndingAt(from - 1);
    let [low, high] = [from, to];
    let end = start;
    for (let next = this.intervals[end]; next !== undefined && next[0] <= to + 1; next = this.intervals[++end]) {
      low = Math.min(low, next[0]);
      high = Math.max(high, next[1]);
    }
    const only = this.intervals[start];
    if (end === start + 1 && only?.[0] === low && only[1] === high) return this;
    return new IntervalSet([...this.intervals.slice(0, start), [low, high], ...this.intervals.slice(end)]);
  }

  subtract(from: number, to: number): IntervalSet {
    checkInterval(from, to);
    return this.difference(new IntervalSet([[from, to]]));
  }

  union(other: IntervalSet): IntervalSet {
    if (other.isEmpty) return this;
    return this.isEmpty ? other : IntervalSet.from([...this.intervals, ...other.intervals]);
  }

  difference(other: IntervalSet): IntervalSet {
    const left: Interval[] = [];
    let next = 0;
    for (const [from, to] of this.intervals) {
      let start = from;
      while ((other.intervals[next]?.[1] ?? Number.POSITIVE_INFINITY) < from) next++;
      for (let i = next; ; i++) {
        const hole = other.intervals[i];
        if (hole === undefined || hole[0] > to) break;
        if (hole[0] > start) left.push([start, hole[0] - 1]);
        start = hole[1] + 1;
      }
      if (start <= to) left.push([start, to]);
    }
    return left.length === 0 ? IntervalSet.EMPTY : new IntervalSet(left);
  }

  intersection(other: IntervalSet): IntervalSet {
    return this.difference(this.difference(other));
  }

  /** The numbers from 1 to `end` that are not in the set. */
  complement(end: number): IntervalSet {
    return end < 1 ? IntervalSet.EMPTY : new IntervalSet([[1, end]]).difference(this);
  }

  /** Index of the first interval that ends at `number` or later. */
  #firstEndingAt(number: number): number {
    let [low, high] = [0, this.intervals.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.intervals[middle] as Interval)[1] < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function checkInterval(from: number, to: number): void {
  invariant(
    Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 1 && from <= to,
    `an interval of mailbox numbers from ${from} to ${to}`,
  );
}
