/**
 * The PDU header as nearly everybody writes it: mail or a note, plain ASCII. One pattern reads it and proves in passing that
 * it is canonical JSON: the keys in their order, no space, no escape, each number in its one spelling. That is five times
 * cheaper than parsing, spelling again and a schema, which thousands a second feel. It refuses nothing: whatever does not
 * fit is parsePdu's to judge the general way, and both say the same (pdu.test.ts).
 */
import { fromBase64 } from '../base/index.ts';
import {
  type Address,
  type ConversationId,
  type ConversationNonce,
  type DeviceId,
  isAddress,
  type PduId,
} from './ids.ts';
import { PREVIOUS_PDUS_MAX, RECIPIENTS_MAX } from './limits.ts';

export interface PlainHeader {
  readonly type: 'mail' | 'note';
  readonly conversation: ConversationId;
  readonly author: Address;
  readonly device: DeviceId;
  readonly depth: number;
  readonly nonce?: ConversationNonce;
  readonly prev: readonly PduId[];
  readonly recipients: readonly Address[];
  readonly time: number;
  readonly body: { readonly sha256: string; readonly size: number };
  readonly signature: Uint8Array;
}

// Texts without quotes, backslashes and anything beyond ASCII; what else an address must not hold, isAddress tells.
const TEXT = String.raw`"[^"\\\x00-\x1f\x7f-\uffff]*"`;
const NUMBER = '(0|[1-9][0-9]{0,15})';
/** 64 bytes in unpadded base64: the last digit has two bits of them. */
const SIGNATURE = '([A-Za-z0-9+/]{85}[AQgw])';
const HEADER = new RegExp(
  `^\\{"author":(${TEXT}),"body":\\{"sha256":"([0-9a-f]{64})","size":${NUMBER}\\},"conversation":"([0-9a-f]{32})",` +
    `"depth":${NUMBER},"device":"([0-9a-f]{32})",(?:"nonce":"([0-9a-f]{32})",)?"prev":\\[((?:"[0-9a-f]{64}",?)*)\\],` +
    `"recipients":\\[(${TEXT}(?:,${TEXT})*)\\],"signature":"${SIGNATURE}","time":${NUMBER},"type":"(mail|note)","v":1\\}$`,
);

/** Undefined: judge it the general way. */
export function readPlainHeader(text: string): PlainHeader | undefined {
  const match = HEADER.exec(text);
  if (match === null) return undefined;
  const [, author, sha256, size, conversation, depth, device, nonce, prev, recipients, signature, time, type] =
    match as string[];
  const header = {
    type: type as PlainHeader['type'],
    conversation: conversation as ConversationId,
    author: unquote(author as string) as Address,
    device: device as DeviceId,
    depth: Number(depth),
    ...(nonce === undefined ? {} : { nonce: nonce as ConversationNonce }),
    prev: listOf(prev as string) as readonly PduId[],
    recipients: listOf(recipients as string) as readonly Address[],
    time: Number(time),
    body: { sha256: sha256 as string, size: Number(size) },
  };
  const fits =
    header.depth >= 1 &&
    [header.depth, header.time, header.body.size].every(Number.isSafeInteger) &&
    !(prev as string).endsWith(',') &&
    header.prev.length <= PREVIOUS_PDUS_MAX &&
    header.recipients.length <= RECIPIENTS_MAX &&
    isAddress(header.author) &&
    header.recipients.every(isAddress) &&
    isSet(header.prev) &&
    isSet(header.recipients);
  return fits ? { ...header, signature: fromBase64(signature as string) } : undefined;
}

function unquote(text: string): string {
  return text.slice(1, -1);
}

function listOf(texts: string): readonly string[] {
  return texts === '' ? [] : unquote(texts).split('","');
}

function isSet(texts: readonly string[]): boolean {
  return texts.length < 2 || new Set(texts).size === texts.length;
}
