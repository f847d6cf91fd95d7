/**
 * Hints that are owed to destinations: one row for a destination and conversation however often something changed, until
 * it has been said. A row carries a random mark, so that what is owed again while it is being said stays owed.
 */
import { equalBytes, type SecureRandom, toHex } from '../../base/index.ts';
import {
  type ConversationId,
  type Edu,
  type HomeName,
  parseConversationId,
  TRANSACTION_EDUS_MAX,
} from '../../protocol/index.ts';
import type { Row, Store } from '../../store/index.ts';
import type { HintPort } from '../ports.ts';
import { destinationKey, owedHintKey, owedHintsOf } from '../row-keys.ts';
import type { Moment } from './back-off.ts';
import { encodeRecord, NOTHING_KEPT } from './kept.ts';

export interface OwedHintsDeps {
  readonly store: Store;
  readonly random: SecureRandom;
  readonly hints: HintPort;
}

export interface OwedHints {
  readonly edus: readonly Edu[];
  readonly rows: readonly Row[];
}

const MARK_BYTES = 8;

export async function oweHint(
  { store, random }: Omit<OwedHintsDeps, 'hints'>,
  destination: HomeName,
  conversation: ConversationId,
  now: Moment,
): Promise<void> {
  const mark = random.bytes(MARK_BYTES);
  await store.transact(async (rows) => {
    rows.put(owedHintKey(destination, conversation), mark);
    // A destination is found again after a restart by its record.
    const record = destinationKey(destination);
    if ((await rows.get(record)) === undefined) rows.put(record, encodeRecord(NOTHING_KEPT.record, now));
  });
}

export async function owesHints(store: Store, destination: HomeName): Promise<boolean> {
  return (await store.range({ ...owedHintsOf(destination), limit: 1 })).length > 0;
}

/** As many as one transaction carries. A hint of which nothing is to be said any more is among the rows only. */
export async function readOwedHints({ store, hints }: OwedHintsDeps, destination: HomeName): Promise<OwedHints> {
  const rows = await store.range({ ...owedHintsOf(destination), limit: TRANSACTION_EDUS_MAX });
  const edus: Edu[] = [];
  for (const { key } of rows) {
    const edu = await hints.make(destination, parseConversationId(toHex(key.subarray(-16))));
    if (edu !== undefined) edus.push(edu);
  }
  return { edus, rows };
}

export async function settleHints(store: Store, said: readonly Row[]): Promise<void> {
  if (said.length === 0) return;
  await store.transact(async (rows) => {
    const now = await rows.getMany(said.map(({ key }) => key));
    for (const [index, { key, value }] of said.entries()) {
      const mark = now[index];
      if (mark !== undefined && equalBytes(mark, value)) rows.delete(key);
    }
  });
}
