/** How blocks of a range that are here are told: few runs by themselves, many as a bitmap. */
import type { Interval } from '../bitfield.ts';
import { encodeBitfieldRle } from '../bitfield-rle.ts';
import type { FeedLog } from '../feed-log.ts';
import type { HaveMessage } from '../wire/index.ts';
import { WINDOW_BLOCKS } from './limits.ts';

/** So many runs cost no more than the bitmap's message would. */
const FEW_RUNS = 8;

export function* offersOf(log: FeedLog, from: number, to: number): Generator<HaveMessage> {
  const runs: Interval[] = [];
  for (const run of heldRuns(log, from, to)) {
    runs.push(run);
    if (runs.length > FEW_RUNS) {
      yield* bitmaps(log, from, to);
      return;
    }
  }
  for (const run of runs) yield { type: 'have', start: run.from, length: run.to - run.from, bitfield: undefined };
}

function* bitmaps(log: FeedLog, from: number, to: number): Generator<HaveMessage> {
  // Whole pages, so that the bits begin where a page does.
  for (let start = Math.floor(from / WINDOW_BLOCKS) * WINDOW_BLOCKS; start < to; start += WINDOW_BLOCKS) {
    const [first, end] = [Math.max(start, Math.floor(from / 8) * 8), Math.min(start + WINDOW_BLOCKS, to)];
    const bits = new Uint8Array(Math.ceil((end - first) / 8));
    for (const run of heldRuns(log, first, end))
      for (let index = run.from - first; index < run.to - first; index++)
        bits[index >> 3] = (bits[index >> 3] as number) | (128 >> (index & 7));
    yield { type: 'have', start: first, length: end - first, bitfield: encodeBitfieldRle(bits) };
  }
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
