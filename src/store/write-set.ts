/**
 * What transactions have written and the disk has not: deleted spans, and keys put or deleted after those. Applying the
 * spans first and the entries second gives the state; the order in which they were written is not kept.
 */
import { ByteMap, type Entry } from './byte-map.ts';
import type { KeySpan } from './key-span.ts';
import { SpanSet } from './span-set.ts';

export const DELETED: unique symbol = Symbol('deleted');

/** The value put, or that the key was deleted. */
export type Written = Uint8Array | typeof DELETED;

export class WriteSet {
  readonly #entries = new ByteMap<Written>();
  readonly #deleted = new SpanSet();
  #sizeBytes = 0;

  /** Keys and values handed in so far: at least what it holds. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0 && this.#deleted.isEmpty;
  }

  get entryCount(): number {
    return this.#entries.size;
  }

  get deletedSpans(): SpanSet {
    return this.#deleted;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#entries.set(key, value);
    this.#sizeBytes += key.length + value.length;
  }

  delete(key: Uint8Array): void {
    if (this.#deleted.covers(key)) this.#entries.delete(key);
    else this.#entries.set(key, DELETED);
    this.#sizeBytes += key.length;
  }

  deleteRange(span: KeySpan): void {
    this.#entries.deleteRange(span);
    this.#deleted.add(span);
    this.#sizeBytes += span.from.length + span.to.length;
  }

  /** Undefined when nothing was written about `key`. */
  lookup(key: Uint8Array): Written | undefined {
    return this.#entries.get(key) ?? (this.#deleted.covers(key) ? DELETED : undefined);
  }

  /** Keys written after the deleted spans. */
  entries(span: KeySpan, reverse: boolean): Generator<Entry<Written>, void, void> {
    return this.#entries.entries(span, reverse);
  }

  /** All keys written after the deleted spans, ascending. */
  forEach(visit: (key: Uint8Array, written: Written) => void): void {
    this.#entries.forEach(visit);
  }

  /** Adds what was written later, on top of this. */
  absorb(later: WriteSet): void {
    for (const span of later.#deleted) this.deleteRange(span);
    later.#entries.forEach((key, written) => {
      if (written === DELETED) this.delete(key);
      else this.put(key, written);
    });
  }
}
