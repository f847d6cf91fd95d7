/**
 * The answers that were given, by origin and transaction, written with what the transaction brought. An origin has one
 * transaction in flight, so that only its last answer is ever asked for again; the last ANSWERS_KEPT_MAX are kept. A
 * transaction that comes again later still is judged again, and its PDUs are duplicates.
 */
import { fromUtf8, readUint64, utf8 } from '../../base/index.ts';
import type { HomeName } from '../../protocol/index.ts';
import type { Row, StoreReader, StoreTransaction } from '../../store/index.ts';
import { answeredKey, answeredOf, answerKey } from '../row-keys.ts';
import { ANSWERS_KEPT_MAX } from './limits.ts';

export async function findAnswer(rows: StoreReader, origin: HomeName, txn: string): Promise<Uint8Array | undefined> {
  return rows.get(answerKey(origin, txn));
}

/** Which transactions have answers. */
export interface Answered {
  /** Of the latest; 0 when there is none. */
  readonly sequence: number;
  readonly oldest: { readonly sequence: number; readonly txn: string } | undefined;
}

export async function readAnswered(rows: StoreReader, origin: HomeName): Promise<Answered> {
  const all = answeredOf(origin);
  const [[latest], [oldest]] = await Promise.all([
    rows.range({ ...all, limit: 1, reverse: true }),
    rows.range({ ...all, limit: 1 }),
  ]);
  return {
    sequence: latest === undefined ? 0 : sequenceOf(latest),
    oldest: oldest === undefined ? undefined : { sequence: sequenceOf(oldest), txn: fromUtf8(oldest.value) },
  };
}

/** In the place of the oldest when there are enough. */
export function keepAnswer(
  rows: StoreTransaction,
  origin: HomeName,
  txn: string,
  answer: Uint8Array,
  { oldest, sequence }: Answered,
): void {
  rows.put(answerKey(origin, txn), answer);
  rows.put(answeredKey(origin, sequence + 1), utf8(txn));
  if (oldest === undefined || oldest.sequence > sequence + 1 - ANSWERS_KEPT_MAX) return;
  rows.delete(answeredKey(origin, oldest.sequence));
  rows.delete(answerKey(origin, oldest.txn));
}

function sequenceOf({ key }: Row): number {
  return readUint64(key.subarray(-8));
}
