/** Whether other homes may still ask for what they were to get. */
import { readUint64 } from '../base/index.ts';
import { areAwaited } from '../federation/index.ts';
import type { FeedId, HomeName, Pdu } from '../protocol/index.ts';
import type { StoreReader } from '../store/index.ts';
import { destinationsOf } from './fold.ts';
import { numbersOf } from './numbering.ts';
import { outboxHeadKey, outboxKey } from './view-keys.ts';
import { decodeOutboxRow } from './view-rows.ts';

/** An entry with mail of our people. */
export interface SentEntry {
  readonly feed: FeedId;
  /** Block index of the header block. */
  readonly index: number;
  readonly pdu: Pdu;
}

/** Of each entry whether a home that it goes to may still ask for its body. */
export async function areBodiesAwaited(
  reader: StoreReader,
  home: HomeName,
  entries: readonly SentEntry[],
): Promise<readonly boolean[]> {
  const sent = entries.flatMap(({ feed, index, pdu }, at) =>
    destinationsOf(home, pdu).map((destination) => ({ at, feed, index, home: destination })),
  );
  const heads = await reader.getMany(sent.map((one) => outboxHeadKey(one.home, one.feed)));
  const numbers = await numbersOf(
    reader,
    sent.map(({ feed, home: destination, index }, i) => ({
      index,
      count: heads[i] === undefined ? 0 : readUint64(heads[i]),
      keyOf: (number) => outboxKey(destination, feed, number),
    })),
    (row) => decodeOutboxRow(row).index,
  );
  const places = sent.flatMap((one, i) => (numbers[i] === undefined ? [] : [{ ...one, number: numbers[i] }]));
  const answers = await areAwaited(reader, places);
  const awaited = entries.map(() => false);
  for (const [i, { at }] of places.entries()) if (answers[i] === true) awaited[at] = true;
  return awaited;
}
