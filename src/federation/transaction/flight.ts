/** Which range is under way, and how a later process knows. */
import { type FeedId, TRANSACTION_ITEMS_MAX } from '../../protocol/index.ts';
import type { BatchName } from './batch.ts';
import { type Kept, lineOf } from './kept.ts';

/** How far one of our feeds goes for a destination. */
export interface FeedReach {
  readonly feed: FeedId;
  readonly number: number;
}

/**
 * Whether a process that finds only `onDisk` sends this batch as it is: the range right before it is in flight there, and is
 * sent first; whoever goes on behind that gets the same batch, however much there is by then, since it is full by count.
 */
export function isKnownByBeginning({ feed, range }: BatchName, onDisk: Kept): boolean {
  const isFull = range.last - range.first + 1 === TRANSACTION_ITEMS_MAX;
  return isFull && lineOf(onDisk, feed).flight?.last === range.first - 1;
}
