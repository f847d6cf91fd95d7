/**
 * The answers that were given, by origin and transaction, written with what the transaction brought. An origin has one
 * transaction in flight, so that only its last answer is ever asked for again; the last ANSWERS_KEPT_MAX are kept. A
 * transaction that comes again later still is judged again, and its PDUs are duplicates.
 */
import { fromUtf8, readUint64, utf8 } from '../../base/index.ts';
import type { HomeName } from '../../protocol/index.ts';
import type { StoreReader, StoreTransaction } from '../../store/index.ts';
import { answeredKey, answeredOf, answerKey } from '../row-keys.ts';
import { ANSWERS_KEPT_MAX } from './limits.ts';

export async function findAnswer(rows: StoreReader, origin: HomeName, txn: string): Promise<Uint8Array | undefined> {
  return rows.get(answerKey(origin, txn));
}

export async function keepAnswer(
  rows: StoreTransaction,
  origin: HomeName,
  txn: string,
  answer: Uint8Array,
): Promise<void> {
  const [latest] = await rows.range({ ...answeredOf(origin), limit: 1, reverse: true });
  const sequence = latest === undefined ? 1 : readUint64(latest.key.subarray(-8)) + 1;
  rows.put(answerKey(origin, txn), answer);
  rows.put(answeredKey(origin, sequence), utf8(txn));
  if (sequence <= ANSWERS_KEPT_MAX) return;
  const oldest = answeredKey(origin, sequence - ANSWERS_KEPT_MAX);
  const forgotten = await rows.get(oldest);
  rows.delete(oldest);
  if (forgotten !== undefined) rows.delete(answerKey(origin, fromUtf8(forgotten)));
}
