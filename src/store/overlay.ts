/**
 * Sets of writes lying over what is durable, latest first: what a transaction sees without asking the engine, and which
 * part of a range it has to ask for. Only the latest set changes while an overlay lives.
 */
import { compareBytes } from '../base/index.ts';
import type { Entry } from './byte-map.ts';
import type { KeySpan } from './key-span.ts';
import { DELETED, type WriteSet, type Written } from './write-set.ts';

export interface Cut {
  /** What the overlay says of the range, in its direction, as far as a result can reach. */
  readonly entries: readonly Entry<Written>[];
  /** Where durable rows can still show through, in its direction. */
  readonly spans: readonly KeySpan[];
}

export interface BoundedSpan extends KeySpan {
  readonly limit: number;
  readonly reverse: boolean;
  readonly maxBytes: number;
}

export class Overlay {
  readonly #layers: readonly WriteSet[];

  /** `layers`: the latest first. */
  constructor(layers: readonly WriteSet[]) {
    this.#layers = layers;
  }

  /** Undefined when only the engine knows. */
  lookup(key: Uint8Array): Written | undefined {
    for (const layer of this.#layers) {
      const written = layer.lookup(key);
      if (written !== undefined) return written;
    }
    return undefined;
  }

  cut(range: BoundedSpan): Cut {
    const { limit, reverse, maxBytes } = range;
    const entries: Entry<Written>[] = [];
    let reach: KeySpan = range;
    let puts = 0;
    let bytes = 0;
    for (const entry of this.#merged(range, reverse)) {
      entries.push(entry);
      const [key, written] = entry;
      if (written === DELETED) continue;
      bytes += written.length;
      // These rows alone fill a result: nothing behind this key can be part of it.
      if (++puts >= limit || bytes > maxBytes) {
        reach = reverse ? { from: successorOf(key), to: range.to } : { from: range.from, to: key };
        break;
      }
    }
    const spans = this.#gaps(reach);
    return { entries, spans: reverse ? spans.toReversed() : spans };
  }

  #gaps(span: KeySpan): readonly KeySpan[] {
    let gaps: readonly KeySpan[] = compareBytes(span.from, span.to) < 0 ? [span] : [];
    for (const { deletedSpans } of this.#layers)
      if (!deletedSpans.isEmpty) gaps = gaps.flatMap((gap) => deletedSpans.gapsIn(gap));
    return gaps;
  }

  /** The latest word on each key that some layer has an entry for. */
  *#merged(span: KeySpan, reverse: boolean): Generator<Entry<Written>, void, void> {
    const sources = this.#layers.map((layer) => layer.entries(span, reverse));
    const heads = sources.map((source) => source.next().value);
    for (;;) {
      let best = -1;
      for (let i = 0; i < heads.length; i++) {
        const head = heads[i];
        if (head === undefined) continue;
        const order = best < 0 ? -1 : compareBytes(head[0], (heads[best] as Entry<Written>)[0]);
        if (reverse && best >= 0 ? order > 0 : order < 0) best = i;
      }
      if (best < 0) return;
      const entry = heads[best] as Entry<Written>;
      for (let i = best; i < heads.length; i++) {
        const head = heads[i];
        if (head !== undefined && compareBytes(head[0], entry[0]) === 0) heads[i] = sources[i]?.next().value;
      }
      if (!this.#isDeletedAbove(best, entry[0])) yield entry;
    }
  }

  #isDeletedAbove(layerIndex: number, key: Uint8Array): boolean {
    for (let i = 0; i < layerIndex; i++) if (this.#layers[i]?.deletedSpans.covers(key)) return true;
    return false;
  }
}

/** The first key after `key`. */
export function successorOf(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
