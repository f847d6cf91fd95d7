/** A feed as the SLEEP files of a Dat program, in pieces of bounded size (the bitfield in one). The blocks are not here. */
import { invariant } from '../base/index.ts';
import type { StoreReader } from '../store/index.ts';
import { Bitfield } from './bitfield.ts';
import type { FeedLog } from './feed-log.ts';
import { parentOf, rightSpanOf } from './flat-tree.ts';
import {
  encodeBitfieldEntries,
  encodeSignatureEntries,
  encodeSleepHeader,
  encodeTreeEntries,
  type SleepKind,
} from './sleep-file.ts';

const ENTRIES_PER_PIECE = 4096;

/** One file of the feed as it is on disk now. */
export async function* exportSleepFile(log: FeedLog, reader: StoreReader, kind: SleepKind): AsyncGenerator<Uint8Array> {
  const { length } = log;
  yield encodeSleepHeader(kind);
  if (length === 0) return;
  if (kind === 'bitfield') {
    yield encodeBitfieldEntries({ blocks: heldBlocks(log, length), nodes: completeNodes(length) }, length);
    return;
  }
  const end = kind === 'tree' ? 2 * length - 1 : length;
  for (let from = 0; from < end; from += ENTRIES_PER_PIECE) {
    const numbers = Array.from({ length: Math.min(ENTRIES_PER_PIECE, end - from) }, (_, i) => from + i);
    if (kind === 'signatures')
      yield encodeSignatureEntries(await Promise.all(numbers.map((number) => log.signature(reader, number + 1))));
    else {
      const complete = numbers.filter((index) => rightSpanOf(index) < 2 * length);
      const nodes = await log.getNodes(reader, complete);
      invariant(log.isReplica || !nodes.includes(undefined), 'the log holds every complete node');
      yield encodeTreeEntries(
        nodes.filter((node) => node !== undefined),
        from,
        from + numbers.length,
      );
    }
  }
}

function heldBlocks(log: FeedLog, length: number): Bitfield {
  const blocks = new Bitfield();
  blocks.setRange(0, length);
  for (const { from, to } of log.cleared())
    for (let index = from; index < Math.min(to, length); index++) blocks.clear(index);
  return blocks;
}

/** All nodes but those that wait for the next block: its ancestors. */
function completeNodes(length: number): Bitfield {
  const nodes = new Bitfield();
  nodes.setRange(0, 2 * length - 1);
  for (let index = 2 * length; index <= 4 * length; index = parentOf(index)) nodes.clear(index);
  return nodes;
}
