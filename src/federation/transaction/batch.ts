/**
 * A batch: consecutive items of one feed for one destination. Its bytes and its id are a function of feed, destination and
 * range and of nothing else, so that a retry, by this process or a later one, is the same to the byte. (Only an erasure in
 * between changes it, since a body that is gone is not sent, and a body that a successor has got meanwhile.) How far our numbers reach changes by the minute; therefore it
 * stands in answers and beside EDUs, never beside items.
 */
import { fromHex } from '../../base/index.ts';
import { encodeTransaction, type FeedId, type HomeName, parseFeedId, TRANSACTION_BYTES } from '../../protocol/index.ts';
import type { OutboxItem } from '../ports.ts';

export interface Range {
  readonly first: number;
  readonly last: number;
  /** 0 in the main line; an item that comes again alone counts up. */
  readonly attempt: number;
}

export interface BatchName {
  readonly feed: FeedId;
  readonly range: Range;
}

export function txnOf({ feed, range }: BatchName): string {
  return `${feed}.${range.first}.${range.last}.${range.attempt}`;
}

const TXN = /^([0-9a-f]{64})\.([1-9][0-9]{0,15})\.([1-9][0-9]{0,15})\.(0|[1-9][0-9]{0,15})$/;

/** undefined for an id that is not of items. */
export function parseTxn(txn: string): BatchName | undefined {
  const match = TXN.exec(txn);
  if (match === null) return undefined;
  const [, feed = '', first, last, attempt] = match;
  return { feed: parseFeedId(feed), range: { first: Number(first), last: Number(last), attempt: Number(attempt) } };
}

/**
 * Items of a range that was fixed before. Bodies that another node of our home wrote may have come since, and all of them
 * together be more than anybody takes: what goes beyond a batch stays owed, and comes when its item comes again alone.
 */
export function encodeFixedBatch(
  origin: HomeName,
  destination: HomeName,
  feed: FeedId,
  items: readonly OutboxItem[],
): Uint8Array {
  let bytes = 0;
  const fitting = items.map((item, index): OutboxItem => {
    const { body, pdu } = item;
    const withBody = bytes + pdu.length + (body?.length ?? 0);
    const fits = index === 0 || body === undefined || withBody <= TRANSACTION_BYTES;
    bytes = fits ? withBody : bytes + pdu.length;
    return fits ? item : { ...item, body: undefined, isOwed: true };
  });
  return encodeBatch(origin, destination, feed, fitting);
}

export function encodeBatch(
  origin: HomeName,
  destination: HomeName,
  feed: FeedId,
  items: readonly OutboxItem[],
): Uint8Array {
  return encodeTransaction({
    origin,
    destination,
    feed: fromHex(feed),
    first: items[0]?.number ?? 0,
    items: items.map(({ pdu, body, isOwed }) => ({
      pdu,
      body: body ?? new Uint8Array(0),
      hasBody: body !== undefined,
      isOwed,
    })),
    edus: [],
    reach: [],
  });
}
