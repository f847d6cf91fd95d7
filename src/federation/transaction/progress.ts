/**
 * How far we are with another home, as the nodes of a home tell each other: what it has answered for of each feed of ours, and
 * what we hold of its feeds. Whoever goes on with another node's feed begins there, whoever keeps a copy knows which bodies
 * are still awaited, and nobody asks for what another node has. Late news does no harm: what was answered for is sent again,
 * and is a duplicate.
 */
import { readUint64, toHex, uint64Bytes, utf8 } from '../../base/index.ts';
import { type FeedId, type HomeName, parseFeedId } from '../../protocol/index.ts';
import { type Store, type StoreReader, type StoreTransaction, under } from '../../store/index.ts';
import { HELD, heldKey, heldOf, wantedKey } from '../row-keys.ts';
import type { Moment } from './back-off.ts';
import { lineOf, readKept, withLine, writeKept } from './kept.ts';
import { homesIn } from './known-homes.ts';
import { PAGE_ROWS_MAX } from './limits.ts';

export interface SentProgress {
  readonly feed: FeedId;
  /** Every number up to here was answered, or is in `deferred`. */
  readonly acknowledged: number;
  /** Those that were answered "later". */
  readonly deferred: readonly number[];
}

export interface HeldProgress {
  readonly feed: FeedId;
  readonly number: number;
}

export interface Progress {
  readonly sent: readonly SentProgress[];
  readonly held: readonly HeldProgress[];
}

const LINES = under(utf8('Df'));

/** Homes that anything is kept of. */
export async function exchangedHomes(store: Store): Promise<readonly HomeName[]> {
  return [...new Set([...(await homesIn(store, LINES)), ...(await homesIn(store, HELD))])];
}

export async function readProgress(rows: StoreReader, home: HomeName, now: Moment): Promise<Progress> {
  const { deferred, lines } = await readKept(rows, home, now);
  const held: HeldProgress[] = [];
  for (const { key, value } of await rows.range({ ...heldOf(home), limit: PAGE_ROWS_MAX })) {
    const feed = parseFeedId(toHex(key.subarray(-32)));
    held.push({ feed, number: Math.min(readUint64(value), (await firstWanted(rows, home, feed)) - 1) });
  }
  return {
    sent: lines.map(({ feed, acknowledged }) => ({
      feed,
      acknowledged,
      deferred: deferred.filter((item) => item.feed === feed).map(({ number }) => number),
    })),
    held,
  };
}

/** As another node says of a feed that is not ours. `isWord`: that node sends from it, so that its word replaces what is known. */
export async function writeSent(
  rows: StoreTransaction,
  home: HomeName,
  { acknowledged, deferred, feed }: SentProgress,
  { isWord, now }: { readonly isWord: boolean; readonly now: Moment },
): Promise<void> {
  const before = await readKept(rows, home, now);
  if (!isWord && lineOf(before, feed).acknowledged >= acknowledged) return;
  const others = before.deferred.filter((item) => item.feed !== feed);
  const its = deferred.map((number) => ({ feed, number, attempt: 1, dueAt: now.monotonic }));
  const after = withLine({ ...before, deferred: [...others, ...its] }, { feed, acknowledged, flight: undefined });
  writeKept(rows, home, before, after, now);
}

/** What another node holds, and what is here too. */
export async function raiseHeld(rows: StoreTransaction, home: HomeName, { feed, number }: HeldProgress): Promise<void> {
  const row = await rows.get(heldKey(home, feed));
  if (row === undefined || readUint64(row) < number) rows.put(heldKey(home, feed), uint64Bytes(number));
}

/** The first number that we answered "later" to. */
async function firstWanted(rows: StoreReader, home: HomeName, feed: FeedId): Promise<number> {
  const [from, to] = [wantedKey(home, feed, 0), wantedKey(home, feed, Number.MAX_SAFE_INTEGER)];
  const [first] = await rows.range({ from, to, limit: 1 });
  return first === undefined ? Number.POSITIVE_INFINITY : readUint64(first.key.subarray(-8));
}
