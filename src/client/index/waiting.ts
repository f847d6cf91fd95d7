/** Which entries wait to be opened and listed: a set of numbers for each feed. */
import type { FeedId } from '../../protocol/index.ts';
import type { StoreTransaction } from '../../store/index.ts';
import { indexedKey } from '../keys.ts';
import { IntervalSet } from '../ledger/index.ts';
import { decodeNumbers, encodeNumbers } from '../mail/number-set.ts';

/** Changes the set of entries of a feed that wait to be indexed. */
export async function changeWaiting(
  transaction: StoreTransaction,
  feed: FeedId,
  change: (set: IntervalSet) => IntervalSet,
): Promise<void> {
  const key = indexedKey(feed);
  const row = await transaction.get(key);
  const set = change(row === undefined ? IntervalSet.EMPTY : decodeNumbers(row));
  if (set.isEmpty) transaction.delete(key);
  else transaction.put(key, encodeNumbers(set));
}
