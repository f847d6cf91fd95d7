/**
 * What we keep about a destination, and its rows: how far each of our feeds is acknowledged, the range in flight (written
 * before it is first sent), the items that come again alone, the back-off, and what the operator wants to know.
 */
import { fromUtf8, readUint64, toHex, uint64Bytes, utf8 } from '../../base/index.ts';
import { type FeedId, type HomeName, parseFeedId } from '../../protocol/index.ts';
import type { StoreReader, StoreTransaction } from '../../store/index.ts';
import { deferredKey, deferredOf, destinationKey, lineKey, linesOf, rejectionKey } from '../row-keys.ts';
import { fromWall, type Moment, toWall } from './back-off.ts';
import type { Range } from './batch.ts';
import { BACKOFF_MAX_MS, DEFERRED_MAX_MS, DEFERRED_ROWS_MAX, PAGE_ROWS_MAX } from './limits.ts';
import { encodeRejection, type Rejection } from './rejection.ts';

export interface Kept {
  readonly record: DestinationRecord;
  readonly lines: readonly Line[];
  readonly deferred: readonly Deferred[];
  /** By the last answer: each becomes a row of its own with what that answer changes, for its author to hear of. */
  readonly refused: readonly Rejection[];
}

/** One of our feeds towards the destination. */
export interface Line {
  readonly feed: FeedId;
  /** Every number up to here was answered, or is in `deferred`. */
  readonly acknowledged: number;
  readonly flight: Range | undefined;
}

export interface Deferred {
  readonly feed: FeedId;
  readonly number: number;
  /** Of the next time it is sent, from 1. */
  readonly attempt: number;
  /** Monotonic. */
  readonly dueAt: number;
}

export interface DestinationRecord {
  /** In a row, since the last success or contact. */
  readonly failures: number;
  /** Monotonic; nothing is sent before. */
  readonly waitUntil: number;
  /** Milliseconds since 1970. */
  readonly lastSuccessAt: number | undefined;
  readonly lastError: LastError | undefined;
  readonly rejected: number;
  /** The latest, newest first. */
  readonly rejections: readonly Rejection[];
}

export interface LastError {
  readonly code: string;
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export const NOTHING_KEPT: Kept = Object.freeze({
  record: Object.freeze({
    failures: 0,
    waitUntil: 0,
    lastSuccessAt: undefined,
    lastError: undefined,
    rejected: 0,
    rejections: Object.freeze([]),
  }),
  lines: Object.freeze([]),
  deferred: Object.freeze([]),
  refused: Object.freeze([]),
});

export function lineOf(kept: Kept, feed: FeedId): Line {
  return kept.lines.find((line) => line.feed === feed) ?? { feed, acknowledged: 0, flight: undefined };
}

export function withLine(kept: Kept, next: Line): Kept {
  const others = kept.lines.filter(({ feed }) => feed !== next.feed);
  return { ...kept, lines: [...others, next] };
}

/** What is kept of other feeds is another node's to act on. */
export function keptOf(kept: Kept, feeds: ReadonlySet<FeedId>): Kept {
  return {
    record: kept.record,
    lines: kept.lines.filter(({ feed }) => feeds.has(feed)),
    deferred: kept.deferred.filter(({ feed }) => feeds.has(feed)),
    refused: kept.refused,
  };
}

export async function readKept(rows: StoreReader, home: HomeName, now: Moment): Promise<Kept> {
  const record = await rows.get(destinationKey(home));
  const lines = await rows.range({ ...linesOf(home), limit: PAGE_ROWS_MAX });
  const deferred = await rows.range({ ...deferredOf(home), limit: DEFERRED_ROWS_MAX });
  return {
    record: record === undefined ? NOTHING_KEPT.record : decodeRecord(record, now),
    lines: lines.map(({ key, value }) => decodeLine(parseFeedId(toHex(key.subarray(-32))), value)),
    deferred: deferred.map(({ key, value }) => decodeDeferred(key, value, now)),
    refused: NOTHING_KEPT.refused,
  };
}

/** Writes what differs; unchanged parts are the same objects. */
export function writeKept(rows: StoreTransaction, home: HomeName, before: Kept, after: Kept, now: Moment): void {
  if (before.record !== after.record) rows.put(destinationKey(home), encodeRecord(after.record, now));
  const known = new Set(before.lines);
  for (const line of after.lines) if (!known.has(line)) rows.put(lineKey(home, line.feed), encodeLine(line));
  if (before.refused !== after.refused)
    for (const one of after.refused) rows.put(rejectionKey(home, one.feed, one.number), encodeRejection(one));
  if (before.deferred === after.deferred) return;
  const [old, kept] = [new Set(before.deferred), new Set(after.deferred)];
  for (const item of old) if (!kept.has(item)) rows.delete(deferredKey(home, item.feed, item.number));
  for (const item of kept)
    if (!old.has(item)) rows.put(deferredKey(home, item.feed, item.number), encodeDeferred(item, now));
}

export function encodeRecord(record: DestinationRecord, now: Moment): Uint8Array {
  return utf8(JSON.stringify({ ...record, waitUntil: toWall(record.waitUntil, now) }));
}

function decodeRecord(bytes: Uint8Array, now: Moment): DestinationRecord {
  const row = JSON.parse(fromUtf8(bytes)) as DestinationRecord;
  return {
    failures: row.failures,
    waitUntil: fromWall(row.waitUntil, now, BACKOFF_MAX_MS),
    lastSuccessAt: row.lastSuccessAt,
    lastError: row.lastError,
    rejected: row.rejected,
    rejections: row.rejections,
  };
}

const LINE_BYTES = 32;

function encodeLine({ acknowledged, flight }: Line): Uint8Array {
  const bytes = new Uint8Array(LINE_BYTES);
  // A range begins at 1, so that a first of 0 says there is none.
  const numbers = [acknowledged, flight?.first ?? 0, flight?.last ?? 0, flight?.attempt ?? 0];
  for (const [index, number] of numbers.entries()) bytes.set(uint64Bytes(number), index * 8);
  return bytes;
}

function decodeLine(feed: FeedId, bytes: Uint8Array): Line {
  const [first, last, attempt] = [readUint64(bytes, 8), readUint64(bytes, 16), readUint64(bytes, 24)];
  return { feed, acknowledged: readUint64(bytes), flight: first === 0 ? undefined : { first, last, attempt } };
}

function encodeDeferred({ attempt, dueAt }: Deferred, now: Moment): Uint8Array {
  return utf8(JSON.stringify({ attempt, dueAt: toWall(dueAt, now) }));
}

function decodeDeferred(key: Uint8Array, value: Uint8Array, now: Moment): Deferred {
  const row = JSON.parse(fromUtf8(value)) as Pick<Deferred, 'attempt' | 'dueAt'>;
  return {
    feed: parseFeedId(toHex(key.subarray(-40, -8))),
    number: readUint64(key.subarray(-8)),
    attempt: row.attempt,
    dueAt: fromWall(row.dueAt, now, DEFERRED_MAX_MS),
  };
}

/** A number of one of our feeds for a destination. */
export interface OutboxPlace {
  readonly home: HomeName;
  readonly feed: FeedId;
  readonly number: number;
}

/** Of each whether its destination has not answered for it for good. */
export async function areAwaited(rows: StoreReader, places: readonly OutboxPlace[]): Promise<readonly boolean[]> {
  const keys = places.flatMap(({ feed, home, number }) => [lineKey(home, feed), deferredKey(home, feed, number)]);
  const values = await rows.getMany(keys);
  return places.map(({ feed, number }, i) => {
    const [line, deferred] = [values[2 * i], values[2 * i + 1]];
    return deferred !== undefined || line === undefined || number > decodeLine(feed, line).acknowledged;
  });
}

export async function isAwaited(rows: StoreReader, home: HomeName, feed: FeedId, number: number): Promise<boolean> {
  const [isOne] = await areAwaited(rows, [{ home, feed, number }]);
  return isOne === true;
}

/** How far the destination has answered for a feed of ours; single numbers below may still be awaited. */
export async function acknowledgedTo(rows: StoreReader, home: HomeName, feed: FeedId): Promise<number> {
  const line = await rows.get(lineKey(home, feed));
  return line === undefined ? 0 : decodeLine(feed, line).acknowledged;
}
