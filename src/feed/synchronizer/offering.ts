/** How the blocks that are here are told to a peer that asks about a range. */
import { Bitfield, type Interval, PAGE_BITS, PAGE_BYTES } from '../bitfield.ts';
import { encodeBitfieldRle } from '../bitfield-rle.ts';
import type { FeedLog } from '../feed-log.ts';
import type { HaveMessage } from '../wire/index.ts';
import { WINDOW_BLOCKS } from './limits.ts';

/**
 * The answers to a Want of [from, to): bitmaps of whole windows, as hypercore 6 expects them, which counts an answer by its
 * length. What is asked across pages is answered by runs.
 */
export function* offersOf(log: FeedLog, from: number, to: number): Generator<HaveMessage> {
  if (from % PAGE_BITS !== 0) {
    for (const run of heldRuns(log, from, to))
      yield { type: 'have', start: run.from, length: run.to - run.from, bitfield: undefined, ack: false };
    return;
  }
  for (let start = from; start < to && (start === from || start < log.length); start += WINDOW_BLOCKS) {
    const end = Math.min(start + WINDOW_BLOCKS, to);
    const bitfield = encodeBitfieldRle(bitsOf(log, start, end));
    yield { type: 'have', start, length: end - start, bitfield, ack: false };
  }
}

function bitsOf(log: FeedLog, from: number, to: number): Uint8Array {
  const held = new Bitfield();
  for (const run of heldRuns(log, from, to)) held.setRange(run.from, run.to);
  const first = from / PAGE_BITS;
  const pages = held.pageNumbers();
  const bits = new Uint8Array(((pages.at(-1) ?? first - 1) + 1 - first) * PAGE_BYTES);
  for (const page of pages) bits.set(held.page(page) ?? [], (page - first) * PAGE_BYTES);
  return bits;
}

/** What of [from, to) is on disk: what came, without what was cleared. */
export function* heldRuns(log: FeedLog, from: number, to: number): Generator<Interval> {
  const cleared = [...log.cleared(from, to)];
  for (const run of log.arrived(from, to)) {
    let start = run.from;
    for (const hole of cleared) {
      if (hole.to <= start || hole.from >= run.to) continue;
      if (hole.from > start) yield { from: start, to: hole.from };
      start = hole.to;
    }
    if (start < run.to) yield { from: start, to: run.to };
  }
}
