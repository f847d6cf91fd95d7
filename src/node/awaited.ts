/** Whether other homes may still ask for what they were to get. */
import { readUint64 } from '../base/index.ts';
import { isAwaited } from '../federation/index.ts';
import type { FeedId, HomeName, Pdu } from '../protocol/index.ts';
import type { StoreReader } from '../store/index.ts';
import type { ErasedBody } from './erasure.ts';
import { destinationsOf } from './fold.ts';
import { outboxHeadKey, outboxKey } from './view-keys.ts';
import { decodeOutboxRow } from './view-rows.ts';

/** Whether a home that this PDU of our people goes to may still ask for its body. */
export async function isBodyAwaited(
  reader: StoreReader,
  home: HomeName,
  pdu: Pdu,
  { feed, index }: ErasedBody,
): Promise<boolean> {
  for (const destination of destinationsOf(home, pdu)) {
    const number = await numberOf(reader, destination, feed, index);
    if (number !== undefined && (await isAwaited(reader, destination, feed, number))) return true;
  }
  return false;
}

/** The outbox number of a block index: indexes ascend with numbers, so it is found by halving. */
async function numberOf(
  reader: StoreReader,
  destination: HomeName,
  feed: FeedId,
  index: number,
): Promise<number | undefined> {
  const head = await reader.get(outboxHeadKey(destination, feed));
  let low = 1;
  let high = head === undefined ? 0 : readUint64(head);
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const row = await reader.get(outboxKey(destination, feed, middle));
    const found = row === undefined ? -1 : decodeOutboxRow(row).index;
    if (found === index) return middle;
    if (found < index) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}
