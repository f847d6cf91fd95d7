/**
 * An ordered map of byte keys: sorted runs of bounded length, so that finding is two binary searches and inserting moves a
 * few hundred pointers. Keeps references to keys and values; copies nothing. Not to be changed while it is iterated.
 */

import { compareBytes } from '../base/index.ts';
import type { KeySpan } from './key-span.ts';
import { RUN_ENTRIES_MAX } from './limits.ts';

interface Run<Value> {
  readonly keys: Uint8Array[];
  readonly values: Value[];
}

export type Entry<Value> = readonly [key: Uint8Array, value: Value];

export class ByteMap<Value> {
  /** No run is empty. */
  #runs: Run<Value>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: Uint8Array): Value | undefined {
    const run = this.#runs[this.#runIndexOf(key)];
    if (run === undefined) return undefined;
    const at = lowerBound(run.keys, key);
    const found = run.keys[at];
    return found !== undefined && compareBytes(found, key) === 0 ? run.values[at] : undefined;
  }

  set(key: Uint8Array, value: Value): void {
    const runIndex = this.#runIndexOf(key);
    const run = this.#runs[runIndex];
    if (run === undefined) {
      this.#runs.push({ keys: [key], values: [value] });
      this.#size = 1;
      return;
    }
    const at = lowerBound(run.keys, key);
    const found = run.keys[at];
    if (found !== undefined && compareBytes(found, key) === 0) {
      run.values[at] = value;
      return;
    }
    run.keys.splice(at, 0, key);
    run.values.splice(at, 0, value);
    this.#size++;
    if (run.keys.length > RUN_ENTRIES_MAX) this.#cut(run, runIndex);
  }

  delete(key: Uint8Array): void {
    const runIndex = this.#runIndexOf(key);
    const run = this.#runs[runIndex];
    if (run === undefined) return;
    const at = lowerBound(run.keys, key);
    const found = run.keys[at];
    if (found === undefined || compareBytes(found, key) !== 0) return;
    run.keys.splice(at, 1);
    run.values.splice(at, 1);
    this.#size--;
    if (run.keys.length === 0) this.#runs.splice(runIndex, 1);
  }

  deleteRange({ from, to }: KeySpan): void {
    const first = this.#runIndexOf(from);
    let index = first;
    for (; index < this.#runs.length; index++) {
      const { keys, values } = this.#runs[index] as Run<Value>;
      const start = lowerBound(keys, from);
      const end = lowerBound(keys, to);
      const endsHere = end < keys.length;
      if (end > start) {
        keys.splice(start, end - start);
        values.splice(start, end - start);
        this.#size -= end - start;
      }
      if (endsHere) break;
    }
    const left = this.#runs.slice(first, index + 1).filter((run) => run.keys.length > 0);
    this.#runs.splice(first, index + 1 - first, ...left);
  }

  /** The entries of a span, ascending or descending. */
  *entries({ from, to }: KeySpan, reverse: boolean): Generator<Entry<Value>, void, void> {
    const step = reverse ? -1 : 1;
    const edge = reverse ? to : from;
    for (let index = this.#runIndexOf(edge); index >= 0 && index < this.#runs.length; index += step) {
      const { keys, values } = this.#runs[index] as Run<Value>;
      const start = lowerBound(keys, from);
      const end = lowerBound(keys, to);
      for (let at = reverse ? end - 1 : start; at >= start && at < end; at += step)
        yield [keys[at] as Uint8Array, values[at] as Value];
      if (reverse ? start > 0 : end < keys.length) return;
    }
  }

  /** Every entry, ascending. */
  forEach(visit: (key: Uint8Array, value: Value) => void): void {
    for (const { keys, values } of this.#runs)
      for (let at = 0; at < keys.length; at++) visit(keys[at] as Uint8Array, values[at] as Value);
  }

  /** The last run that begins at or before `key`; the first if there is none. */
  #runIndexOf(key: Uint8Array): number {
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (compareBytes(this.#runs[middle]?.keys[0] as Uint8Array, key) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** A run that grew at its end was filled in order: it stays full, and the next entries start a new one. */
  #cut(run: Run<Value>, runIndex: number): void {
    const isLast = runIndex === this.#runs.length - 1;
    const at = isLast ? run.keys.length - 1 : run.keys.length >> 1;
    this.#runs.splice(runIndex + 1, 0, { keys: run.keys.splice(at), values: run.values.splice(at) });
  }
}

/** Where `key` is, or would be inserted. */
function lowerBound(keys: readonly Uint8Array[], key: Uint8Array): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareBytes(keys[middle] as Uint8Array, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
