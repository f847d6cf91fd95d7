/**
 * Which range is under way, and how a later process knows. A range that is full by count is known by where it begins, which is
 * behind what is acknowledged: whoever reads from there gets the same one, however much there is by then. Any other range is
 * written down before it is first sent.
 */
import { type FeedId, type HomeName, TRANSACTION_BYTES, TRANSACTION_ITEMS_MAX } from '../../protocol/index.ts';
import type { OutboxItem, OutboxView } from '../ports.ts';
import type { BatchName } from './batch.ts';
import { type Kept, lineOf, withLine } from './kept.ts';

/** How far one of our feeds goes for a destination. */
export interface FeedReach {
  readonly feed: FeedId;
  readonly number: number;
}

export function isFullByCount({ range }: BatchName): boolean {
  return range.last - range.first + 1 === TRANSACTION_ITEMS_MAX;
}

/** That the batch is under way: until it is answered, nothing that the other home says of itself goes past it. */
export function withFlight(kept: Kept, { feed, range }: BatchName): Kept {
  const line = lineOf(kept, feed);
  return line.flight === undefined && range.attempt === 0 ? withLine(kept, { ...line, flight: range }) : kept;
}

/** `kept` as read at a start, with the full range that an earlier process may have sent without a word on disk. */
export async function withOldFlight(
  outbox: Pick<OutboxView, 'read'>,
  home: HomeName,
  kept: Kept,
  reach: readonly FeedReach[],
): Promise<Kept> {
  const next = reach.find(({ feed, number }) => lineOf(kept, feed).acknowledged < number);
  if (next === undefined || kept.lines.some(({ flight }) => flight !== undefined)) return kept;
  const { feed } = next;
  const first = lineOf(kept, feed).acknowledged + 1;
  const last = first + TRANSACTION_ITEMS_MAX - 1;
  if (next.number < last) return kept;
  // One that is not full, since its items are large, was written down if it was sent.
  const items = await outbox.read(home, feed, first, last, TRANSACTION_BYTES);
  const isFull = items.length === TRANSACTION_ITEMS_MAX && areConsecutive(items, first);
  return isFull ? withFlight(kept, { feed, range: { first, last, attempt: 0 } }) : kept;
}

export function areConsecutive(items: readonly OutboxItem[], first: number): boolean {
  return items.every(({ number }, index) => number === first + index);
}
