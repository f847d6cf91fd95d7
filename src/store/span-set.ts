/** A set of keys as spans: sorted, none empty, none touching another. */
import { compareBytes } from '../base/index.ts';
import type { KeySpan } from './key-span.ts';

export class SpanSet implements Iterable<KeySpan> {
  readonly #spans: KeySpan[] = [];

  get isEmpty(): boolean {
    return this.#spans.length === 0;
  }

  [Symbol.iterator](): IterableIterator<KeySpan> {
    return this.#spans.values();
  }

  add(span: KeySpan): void {
    let { from, to } = span;
    if (compareBytes(from, to) >= 0) return;
    const first = this.#firstEndingAtOrAfter(from);
    let after = first;
    for (; after < this.#spans.length; after++) {
      const other = this.#spans[after] as KeySpan;
      if (compareBytes(other.from, to) > 0) break;
      if (compareBytes(other.from, from) < 0) from = other.from;
      if (compareBytes(other.to, to) > 0) to = other.to;
    }
    this.#spans.splice(first, after - first, { from, to });
  }

  covers(key: Uint8Array): boolean {
    if (this.#spans.length === 0) return false;
    let span = this.#spans[this.#firstEndingAtOrAfter(key)];
    // A span's end is not in it, but the next one cannot begin there either: they would touch.
    if (span !== undefined && compareBytes(span.to, key) === 0) span = undefined;
    return span !== undefined && compareBytes(span.from, key) <= 0;
  }

  /** The parts of `span` that are not in the set, ascending. */
  gapsIn({ from, to }: KeySpan): readonly KeySpan[] {
    const gaps: KeySpan[] = [];
    let start = from;
    for (let i = this.#firstEndingAtOrAfter(from); i < this.#spans.length; i++) {
      const covered = this.#spans[i] as KeySpan;
      if (compareBytes(covered.from, to) >= 0) break;
      if (compareBytes(start, covered.from) < 0) gaps.push({ from: start, to: covered.from });
      if (compareBytes(covered.to, start) > 0) start = covered.to;
    }
    if (compareBytes(start, to) < 0) gaps.push({ from: start, to });
    return gaps;
  }

  #firstEndingAtOrAfter(key: Uint8Array): number {
    let low = 0;
    let high = this.#spans.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareBytes(this.#spans[middle]?.to as Uint8Array, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
