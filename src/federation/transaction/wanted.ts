/**
 * What we answered "later" to. The sender of a push comes again by itself; for what we pulled, or a sender that has
 * forgotten (it was restored), we ask: the rows say for which numbers, and from when on.
 */
import { fromUtf8, readUint64, toHex, utf8 } from '../../base/index.ts';
import {
  type FeedId,
  type HomeName,
  type ItemResult,
  ItemStatus,
  parseFeedId,
  TRANSACTION_ITEMS_MAX,
} from '../../protocol/index.ts';
import type { Row, StoreReader, StoreTransaction } from '../../store/index.ts';
import { wantedKey, wantedOf } from '../row-keys.ts';
import { deferredWait, fromWall, type Moment, toWall } from './back-off.ts';
import { WANTED_OF_SENDER_MS, WANTED_PAGE_MAX } from './limits.ts';

export interface Wanted {
  readonly feed: FeedId;
  readonly number: number;
  /** How often we answered "later". */
  readonly attempt: number;
  /** Monotonic. */
  readonly dueAt: number;
}

/** What is wanted of the numbers from `first` to `last`, by number. */
export async function readWantedBetween(
  rows: StoreReader,
  origin: HomeName,
  feed: FeedId,
  first: number,
  last: number,
  now: Moment,
): Promise<ReadonlyMap<number, Wanted>> {
  const range = { from: wantedKey(origin, feed, first), to: wantedKey(origin, feed, last + 1) };
  const found = await rows.range({ ...range, limit: TRANSACTION_ITEMS_MAX });
  return new Map(found.map((row) => decode(row, now)).map((wanted) => [wanted.number, wanted]));
}

/** Writes what has become of consecutive-or-not `numbers`, of which `known` were wanted; returns whether anything is. */
export function keepWanted(
  rows: StoreTransaction,
  origin: HomeName,
  feed: FeedId,
  numbers: readonly number[],
  results: readonly ItemResult[],
  known: ReadonlyMap<number, Wanted>,
  way: { readonly isPulled: boolean; readonly jitter: number; readonly now: Moment },
): boolean {
  let isAnyWanted = false;
  for (const [index, number] of numbers.entries()) {
    const isLater = results[index]?.status === ItemStatus.LATER;
    if (!isLater && !known.has(number)) continue;
    const key = wantedKey(origin, feed, number);
    if (!isLater) {
      rows.delete(key);
      continue;
    }
    const attempt = (known.get(number)?.attempt ?? 0) + 1;
    const waitMs = way.isPulled ? deferredWait(attempt, way.jitter) : WANTED_OF_SENDER_MS;
    rows.put(key, utf8(JSON.stringify({ attempt, dueAt: toWall(way.now.monotonic + waitMs, way.now) })));
    isAnyWanted = true;
  }
  return isAnyWanted;
}

export interface WantedPage {
  /** The first that is due, and others of its feed near it that are. */
  readonly due: readonly Wanted[];
  /** Monotonic; when the next of the others is due, infinite when there is none. */
  readonly nextAt: number;
}

/** What is due now of an origin, in order of feed and number, as many as one pull may bring. */
export async function readWanted(rows: StoreReader, origin: HomeName, now: Moment): Promise<WantedPage> {
  let nextAt = Number.POSITIVE_INFINITY;
  let due: readonly Wanted[] = [];
  for (let { from, to } = wantedOf(origin); due.length === 0; ) {
    const rest = await rows.range({ from, to, limit: WANTED_PAGE_MAX });
    const page = rest.map((row) => decode(row, now));
    const first = page.find(({ dueAt }) => dueAt <= now.monotonic);
    due = page.filter(
      ({ dueAt, feed, number }) =>
        dueAt <= now.monotonic &&
        feed === first?.feed &&
        number >= first.number &&
        number < first.number + TRANSACTION_ITEMS_MAX,
    );
    for (const { dueAt } of page) nextAt = Math.min(nextAt, dueAt);
    const last = rest.at(-1);
    if (last === undefined || rest.length < WANTED_PAGE_MAX) break;
    from = Uint8Array.of(...last.key, 0);
  }
  return { due, nextAt };
}

function decode({ key, value }: Row, now: Moment): Wanted {
  const row = JSON.parse(fromUtf8(value)) as Pick<Wanted, 'attempt' | 'dueAt'>;
  // Read again and again, a cap would move on with the clock: what lies beyond every wait was written by one that was ahead.
  const dueAt = row.dueAt > now.wall + WANTED_OF_SENDER_MS ? now.wall : row.dueAt;
  return {
    feed: parseFeedId(toHex(key.subarray(-40, -8))),
    number: readUint64(key.subarray(-8)),
    attempt: row.attempt,
    dueAt: fromWall(dueAt, now, WANTED_OF_SENDER_MS),
  };
}
