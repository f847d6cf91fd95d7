/** What a PDU from another home must be before anybody is asked for keys: its form, its body's hash, its size. Pure. */
import { type CryptoSuite, toHex } from '../../base/index.ts';
import { CONVERSATION_PDUS_MAX } from '../../conversation/index.ts';
import { BODY_BYTES_MAX, type Item, type Pdu, ProtocolError, parsePdu } from '../../protocol/index.ts';

export type Form =
  /** Owed: its home does not have the body yet, so that it counts for nothing but for whether it is here already. */
  | { readonly status: 'fine'; readonly pdu: Pdu; readonly body: Uint8Array | undefined; readonly isOwed: boolean }
  | { readonly status: 'rejected'; readonly code: 'malformed' | 'too_large'; readonly detail: string };

export function judgeForm(suite: CryptoSuite, item: Item): Form {
  let pdu: Pdu;
  try {
    pdu = parsePdu(suite, item.pdu);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return refuse(error.code === 'too_large' ? 'too_large' : 'malformed', error.message);
  }
  // Each of its ancestors is one PDU of the conversation, which holds no more.
  if (pdu.depth > CONVERSATION_PDUS_MAX) return refuse('malformed', `nothing is deeper than ${CONVERSATION_PDUS_MAX}`);
  if (pdu.type === 'note') return refuse('malformed', 'a note never leaves its home');
  if (pdu.body.size > BODY_BYTES_MAX) return refuse('too_large', `a body has at most ${BODY_BYTES_MAX} bytes`);
  if (item.isOwed && !item.hasBody) return { status: 'fine', pdu, body: undefined, isOwed: true };
  if (!item.hasBody && pdu.type !== 'mail') return refuse('malformed', `a PDU of type ${pdu.type} comes with its body`);
  if (!item.hasBody) return { status: 'fine', pdu, body: undefined, isOwed: false };
  if (item.body.length !== pdu.body.size || toHex(suite.sha256(item.body)) !== pdu.body.sha256)
    return refuse('malformed', 'the body is not the one that the header names');
  return { status: 'fine', pdu, body: item.body, isOwed: false };
}

function refuse(code: 'malformed' | 'too_large', detail: string): Form {
  return { status: 'rejected', code, detail };
}
