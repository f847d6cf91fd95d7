/** The PDUs of conversations that this device has verified: kept here, so that no home can take one back. */
import type { CryptoSuite } from '../../base/index.ts';
import { CONVERSATION_PDUS_MAX } from '../../conversation/index.ts';
import type { ConversationId, Pdu } from '../../protocol/index.ts';
import type { Store, StoreTransaction } from '../../store/index.ts';
import { conversationPduKey, conversationPdus } from '../keys.ts';
import { SCAN_ROWS } from '../limits.ts';
import { type ConversationItem, decodeConversationRow, encodeConversationRow, itemOf } from './conversation-row.ts';

/** Keeps a PDU whose author's signature, and whose body's hash, hold. */
export function keepPdu(transaction: StoreTransaction, pdu: Pdu, body: Uint8Array | undefined): void {
  transaction.put(conversationPduKey(pdu.conversation, pdu.id), encodeConversationRow(itemOf(pdu, body)));
}

/** What is kept of a conversation, in no order that means anything. */
export async function readKept(
  { store, suite }: { readonly store: Store; readonly suite: CryptoSuite },
  conversation: ConversationId,
): Promise<readonly ConversationItem[]> {
  const items: ConversationItem[] = [];
  const { from, to } = conversationPdus(conversation);
  for (let end = to; items.length < CONVERSATION_PDUS_MAX; ) {
    const rows = await store.range({ from, to: end, limit: SCAN_ROWS, reverse: true });
    for (const { value } of rows) items.push(decodeConversationRow(suite, value));
    const last = rows.at(-1);
    if (last === undefined || rows.length < SCAN_ROWS) break;
    end = last.key;
  }
  return items;
}
