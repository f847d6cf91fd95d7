/** What becomes of an entry that is held: its body comes, or its author turns out to be known, or the body is not the right one. */
import type { FeedId, Pdu } from '../../protocol/index.ts';
import type { StoreTransaction } from '../../store/index.ts';
import { keepPdu } from '../conversations/conversation-log.ts';
import { changeWaiting } from '../index/waiting.ts';
import { entryKey, pendingBodyKey, unverifiedKey } from '../keys.ts';
import { decodeEntryRow, encodeEntryRow } from '../mail/entry-row.ts';

export interface EntryPlace {
  readonly feed: FeedId;
  readonly number: number;
}

const EMPTY = new Uint8Array(0);

/** Puts a body, its hash checked, to an entry that lacks it, and has the entry taken up. */
export async function storeBody(
  transaction: StoreTransaction,
  place: EntryPlace,
  pdu: Pdu,
  body: Uint8Array,
): Promise<boolean> {
  const { feed, number } = place;
  const key = entryKey(feed, number);
  const value = await transaction.get(key);
  if (value === undefined) return false;
  const row = decodeEntryRow(value);
  if (row.bodyState !== 'pending' && row.bodyState !== 'erased') return false;
  transaction.put(key, encodeEntryRow({ ...row, bodyState: 'here', body }));
  transaction.delete(pendingBodyKey(feed, number));
  if (row.verdict === 'ok') await takeUp(transaction, place, pdu, body);
  return true;
}

/** What is held of a body, if it is not what its author signed, is forgotten, and asked for again. */
export async function awaitBody(
  transaction: StoreTransaction,
  { feed, number }: EntryPlace,
  isRight: (pdu: Uint8Array, body: Uint8Array) => boolean,
): Promise<void> {
  const key = entryKey(feed, number);
  const value = await transaction.get(key);
  const row = value === undefined ? undefined : decodeEntryRow(value);
  // The right one may have come while the wrong one was looked at.
  if (row?.bodyState === 'here' && isRight(row.pdu, row.body)) return;
  await changeWaiting(transaction, feed, (set) => set.subtract(number, number));
  if (row === undefined || row.bodyState === 'erased' || row.bodyState === 'dropped') return;
  transaction.put(key, encodeEntryRow({ ...row, bodyState: 'pending', body: EMPTY }));
  transaction.put(pendingBodyKey(feed, number), EMPTY);
}

/** What an entry turned out to be after all: its author's chain was not known before. */
export async function acceptEntry(transaction: StoreTransaction, place: EntryPlace, pdu: Pdu): Promise<void> {
  const { feed, number } = place;
  const key = entryKey(feed, number);
  const value = await transaction.get(key);
  transaction.delete(unverifiedKey(feed, number));
  if (value === undefined) return;
  const row = decodeEntryRow(value);
  transaction.put(key, encodeEntryRow({ ...row, verdict: 'ok' }));
  if (row.bodyState === 'here') await takeUp(transaction, place, pdu, row.body);
}

/** What is whole and verified: a change belongs to its conversation, everything else waits to be opened. */
async function takeUp(
  transaction: StoreTransaction,
  { feed, number }: EntryPlace,
  pdu: Pdu,
  body: Uint8Array,
): Promise<void> {
  if (isChange(pdu)) keepPdu(transaction, pdu, body);
  else await changeWaiting(transaction, feed, (set) => set.add(number, number));
}

/** Members and settings are in clear: there is nothing to decrypt, and nothing to list as mail. */
export function isChange(pdu: Pdu | undefined): pdu is Pdu {
  return pdu?.type === 'member' || pdu?.type === 'state';
}
