/**
 * The PDU header (design, federation): canonical JSON made and signed by the author's device, beside an opaque body that
 * it names by hash. A PDU's id is the SHA-256 of the header's bytes, signature included.
 *
 * `mail` and `note` bodies are OpenPGP ciphertext; the body of a `member` or `state` PDU is canonical JSON that homes read.
 */
import { z } from 'zod';
import { type CryptoSuite, concatBytes, fromBase64, fromUtf8, toBase64, toHex, utf8 } from '../base/index.ts';
import { encodeCanonicalJson, type Json, parseCanonicalJson } from './canonical-json.ts';
import {
  type Address,
  type ConversationId,
  type DeviceId,
  type PduId,
  parseAddress,
  parseConversationId,
  parseDeviceId,
  parsePduId,
} from './ids.ts';
import { PDU_HEADER_BYTES_MAX, PREVIOUS_PDUS_MAX, RECIPIENTS_MAX } from './limits.ts';
import { ProtocolError } from './protocol-error.ts';

export type PduType = 'mail' | 'note' | 'member' | 'state';

export interface PduBody {
  /** 64 hexadecimal digits. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

/** What a device says; `time` is milliseconds since 1970 by its idea of the server's clock, for people only. */
export interface PduContent {
  readonly type: PduType;
  readonly conversation: ConversationId;
  readonly author: Address;
  readonly device: DeviceId;
  /** 1 + the deepest of `prev`, or 1. */
  readonly depth: number;
  readonly prev: readonly PduId[];
  readonly recipients: readonly Address[];
  /** Only in `member` (an address) and `state` PDUs. */
  readonly stateKey?: string;
  readonly time: number;
  readonly body: PduBody;
}

export interface Pdu extends PduContent {
  readonly id: PduId;
  /** The header as it travels and is hashed. */
  readonly header: Uint8Array;
  readonly signature: Uint8Array;
}

const SIGNED_AS = utf8('restante pdu 1\n');
const SIGNATURE_KEY = '"signature":"';
/** 64 bytes in unpadded base64. */
const SIGNATURE_CHARACTERS = 86;
const address = z.string().refine((text) => isCanonical(text, parseAddress));
const pduId = z.string().refine((text) => isCanonical(text, parsePduId));
const headerSchema = z.strictObject({
  author: address,
  body: z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().min(0) }),
  conversation: z.string().refine((text) => isCanonical(text, parseConversationId)),
  depth: z.int().min(1),
  device: z.string().refine((text) => isCanonical(text, parseDeviceId)),
  prev: z.array(pduId).max(PREVIOUS_PDUS_MAX),
  recipients: z.array(address).min(1).max(RECIPIENTS_MAX),
  signature: z.string().length(SIGNATURE_CHARACTERS),
  state_key: z.string().max(1024).optional(),
  time: z.int().min(0),
  type: z.enum(['mail', 'note', 'member', 'state']),
  v: z.literal(1),
});

/** Signs what a device says. The bytes of `header` are what travels. */
export function signPdu(suite: CryptoSuite, content: PduContent, deviceSecretKey: Uint8Array): Pdu {
  const unsigned = unsignedHeader(content);
  const signature = suite.sign(concatBytes(SIGNED_AS, encodeCanonicalJson(unsigned)), deviceSecretKey);
  const header = encodeCanonicalJson({ ...unsigned, signature: toBase64(signature) });
  return { ...content, header, signature, id: pduIdOf(suite, header) };
}

/** Judges a header's size and form; the signature is `verifyPdu`'s. Throws ProtocolError. */
export function parsePdu(suite: CryptoSuite, header: Uint8Array): Pdu {
  if (header.length > PDU_HEADER_BYTES_MAX)
    throw new ProtocolError('too_large', `a PDU header has at most ${PDU_HEADER_BYTES_MAX} bytes`);
  const judged = headerSchema.safeParse(parseCanonicalJson(header));
  if (!judged.success) throw new ProtocolError('malformed', `not a PDU header: ${issueOf(judged.error)}`);
  const fields = judged.data;
  if (new Set(fields.recipients).size !== fields.recipients.length || new Set(fields.prev).size !== fields.prev.length)
    throw new ProtocolError('malformed', 'not a PDU header: a recipient or a previous PDU stands twice');
  if ((fields.state_key !== undefined) !== (fields.type === 'member' || fields.type === 'state'))
    throw new ProtocolError(
      'malformed',
      'not a PDU header: state_key belongs to member and state, and to no other type',
    );
  let signature: Uint8Array;
  try {
    signature = fromBase64(fields.signature);
  } catch (cause) {
    throw new ProtocolError('malformed', 'not a PDU header: the signature is not base64', { cause });
  }
  return {
    id: pduIdOf(suite, header),
    header,
    signature,
    type: fields.type,
    conversation: fields.conversation as ConversationId,
    author: fields.author as Address,
    device: fields.device as DeviceId,
    depth: fields.depth,
    prev: fields.prev as PduId[],
    recipients: fields.recipients as Address[],
    time: fields.time,
    body: fields.body,
    ...(fields.state_key === undefined ? {} : { stateKey: fields.state_key }),
  };
}

/** Whether `deviceKey` signed this PDU and is the device it names. */
export function verifyPdu(suite: CryptoSuite, pdu: Pdu, deviceKey: Uint8Array): boolean {
  if (deviceIdOf(suite, deviceKey) !== pdu.device) return false;
  return suite.verify(pdu.signature, concatBytes(SIGNED_AS, withoutSignature(pdu.header)), deviceKey);
}

/** The canonical header as it was before it was signed: cut out, since spelling it again would cost as much as parsing. */
function withoutSignature(header: Uint8Array): Uint8Array {
  const text = fromUtf8(header);
  // A quote inside a JSON string is escaped, so this text is the key itself, and the header's form fixes its length.
  const start = text.indexOf(SIGNATURE_KEY);
  return utf8(text.slice(0, start) + text.slice(start + SIGNATURE_KEY.length + SIGNATURE_CHARACTERS + 2));
}

export function pduIdOf(suite: CryptoSuite, header: Uint8Array): PduId {
  return toHex(suite.sha256(header)) as PduId;
}

export function deviceIdOf(suite: CryptoSuite, publicKey: Uint8Array): DeviceId {
  return toHex(suite.sha256(publicKey).subarray(0, 16)) as DeviceId;
}

export function bodyOf(suite: CryptoSuite, bytes: Uint8Array): PduBody {
  return { sha256: toHex(suite.sha256(bytes)), size: bytes.length };
}

function unsignedHeader(content: PduContent): { readonly [key: string]: Json | undefined } {
  return {
    v: 1,
    type: content.type,
    conversation: content.conversation,
    author: content.author,
    device: content.device,
    depth: content.depth,
    prev: content.prev,
    recipients: content.recipients,
    state_key: content.stateKey,
    time: content.time,
    body: { sha256: content.body.sha256, size: content.body.size },
  };
}

function isCanonical(text: string, parse: (text: string) => string): boolean {
  try {
    return parse(text) === text;
  } catch {
    return false; // the parser's refusal is the answer
  }
}

function issueOf(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? 'invalid' : `${issue.path.join('.') || 'header'}: ${issue.message}`;
}
