/**
 * Blocks of a feed where the disk may be damaged: one that the store cannot read counts as one that is not here, so that its
 * readers are told what they are told of a body that has not come yet, and nobody else notices. `verify` names it.
 */
import { type FeedLog, isDamage } from '../feed/index.ts';
import type { StoreReader } from '../store/index.ts';

export async function readableBlock(
  reader: StoreReader,
  feed: Pick<FeedLog, 'getBlock'> | undefined,
  index: number,
): Promise<Uint8Array | undefined> {
  try {
    return await feed?.getBlock(reader, index);
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}

/** In the order of the indexes; one by one where they cannot be read together. */
export async function readableBlocks(
  reader: StoreReader,
  feed: FeedLog,
  indexes: readonly number[],
): Promise<readonly (Uint8Array | undefined)[]> {
  try {
    return await feed.getBlocks(reader, indexes);
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
  const blocks: (Uint8Array | undefined)[] = [];
  for (const index of indexes) blocks.push(await readableBlock(reader, feed, index));
  return blocks;
}
