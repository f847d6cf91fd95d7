/** Reads a range as a transaction sees it: durable rows from the engine, with the overlay's word on top. */
import { compareBytes } from '../base/index.ts';
import type { Entry } from './byte-map.ts';
import type { Scan, ScanResult } from './engine.ts';
import type { KeySpan } from './key-span.ts';
import { type BoundedSpan, type Cut, successorOf } from './overlay.ts';
import type { Row } from './store.ts';
import { DELETED, type Written } from './write-set.ts';

/**
 * Needs no snapshot over several scans: durable rows only change by commits of what the cut has, or of what came before
 * it, so that the two together stay the same.
 */
export async function readMerged(
  scan: (scan: Scan) => Promise<ScanResult>,
  range: BoundedSpan,
  cut: Cut,
): Promise<readonly Row[]> {
  const { reverse } = range;
  const merged = new MergedRows(range, cut.entries);
  let { spans } = cut;
  while (spans.length > 0 && !merged.isFull) {
    const { rows, stopped } = await scan({ spans, reverse, limit: merged.room, maxBytes: merged.bytesLeft });
    if (cut.entries.length === 0 && merged.rows.length === 0) return rows;
    for (const row of rows) merged.add(row);
    const last = rows.at(-1);
    if (!stopped || last === undefined) break;
    spans = behind(spans, last.key, reverse);
  }
  merged.addRest();
  return merged.rows;
}

class MergedRows {
  readonly rows: Row[] = [];
  readonly #range: BoundedSpan;
  readonly #entries: readonly Entry<Written>[];
  #next = 0;
  #bytes = 0;

  constructor(range: BoundedSpan, entries: readonly Entry<Written>[]) {
    this.#range = range;
    this.#entries = entries;
  }

  get room(): number {
    return this.#range.limit - this.rows.length;
  }

  get bytesLeft(): number {
    return this.#range.maxBytes - this.#bytes;
  }

  get isFull(): boolean {
    return this.room <= 0 || this.bytesLeft < 0;
  }

  /** A durable row; they come in the direction of the range. */
  add(row: Row): void {
    for (let entry = this.#entries[this.#next]; entry !== undefined; entry = this.#entries[this.#next]) {
      const order = compareBytes(entry[0], row.key);
      if (this.#range.reverse ? order < 0 : order > 0) break;
      this.#addWritten(entry);
      this.#next++;
      if (order === 0) return;
    }
    this.#push(row);
  }

  addRest(): void {
    for (; this.#next < this.#entries.length && !this.isFull; this.#next++)
      this.#addWritten(this.#entries[this.#next] as Entry<Written>);
  }

  #addWritten([key, written]: Entry<Written>): void {
    if (written !== DELETED) this.#push({ key: new Uint8Array(key), value: new Uint8Array(written) });
  }

  #push(row: Row): void {
    if (this.isFull) return;
    this.rows.push(row);
    this.#bytes += row.value.length;
  }
}

/** What of `spans`, which lie in the direction of reading, is behind `key`. */
function behind(spans: readonly KeySpan[], key: Uint8Array, reverse: boolean): readonly KeySpan[] {
  const left: KeySpan[] = [];
  for (const span of spans) {
    const cut = reverse
      ? { from: span.from, to: compareBytes(span.to, key) < 0 ? span.to : key }
      : { from: compareBytes(span.from, key) > 0 ? span.from : successorOf(key), to: span.to };
    if (compareBytes(cut.from, cut.to) < 0) left.push(cut);
  }
  return left;
}
