/** What may be appended in one go. */
import { FeedError } from './feed-error.ts';
import { BATCH_BLOCKS_MAX, BLOCK_BYTES_MAX, FEED_LENGTH_MAX } from './limits.ts';

/** Throws FeedError `too_large`. */
export function checkBatch(length: number, blocks: readonly Uint8Array[]): void {
  if (blocks.length > BATCH_BLOCKS_MAX || length + blocks.length > FEED_LENGTH_MAX)
    throw new FeedError('too_large', `a batch has at most ${BATCH_BLOCKS_MAX} blocks`);
  if (blocks.some((block) => block.length > BLOCK_BYTES_MAX))
    throw new FeedError('too_large', `a block has at most ${BLOCK_BYTES_MAX} bytes`);
}
