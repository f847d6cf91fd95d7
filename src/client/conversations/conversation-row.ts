/**
 * A verified PDU of a conversation as it is kept: version 1 ‖ has body 1 ‖ header size 4 ‖ header ‖ body. Bodies of mail
 * stay with their entries; those of changes are in clear and small.
 */
import { type CryptoSuite, readUint32, writeUint32 } from '../../base/index.ts';
import { CHANGE_BODY_BYTES_MAX } from '../../conversation/index.ts';
import { type Pdu, parsePdu } from '../../protocol/index.ts';
import { ClientError } from '../client-error.ts';

export interface ConversationItem {
  readonly pdu: Pdu;
  /** Of a change; undefined: not here. */
  readonly body: Uint8Array | undefined;
}

const VERSION = 1;
const FIXED_BYTES = 6;
const EMPTY = new Uint8Array(0);

/** A body too large to be a change says nothing wherever it is folded, as an empty one does. */
export function itemOf(pdu: Pdu, body: Uint8Array | undefined): ConversationItem {
  if (pdu.type === 'mail') return { pdu, body: undefined };
  return { pdu, body: body !== undefined && body.length > CHANGE_BODY_BYTES_MAX ? EMPTY : body };
}

export function encodeConversationRow({ pdu, body }: ConversationItem): Uint8Array {
  const bytes = new Uint8Array(FIXED_BYTES + pdu.header.length + (body?.length ?? 0));
  bytes[0] = VERSION;
  bytes[1] = body === undefined ? 0 : 1;
  writeUint32(bytes, 2, pdu.header.length);
  bytes.set(pdu.header, FIXED_BYTES);
  if (body !== undefined) bytes.set(body, FIXED_BYTES + pdu.header.length);
  return bytes;
}

/** Throws ClientError `corrupt_store`. */
export function decodeConversationRow(suite: CryptoSuite, bytes: Uint8Array): ConversationItem {
  if (bytes.length < FIXED_BYTES || bytes[0] !== VERSION)
    throw new ClientError('corrupt_store', 'a PDU of a conversation does not read');
  const end = FIXED_BYTES + readUint32(bytes, 2);
  return {
    pdu: parsePdu(suite, bytes.subarray(FIXED_BYTES, end)),
    body: bytes[1] === 1 ? bytes.subarray(end) : undefined,
  };
}
