/**
 * The PDU header (design, federation): canonical JSON made and signed by the author's device, beside an opaque body that
 * it names by hash. A PDU's id is the SHA-256 of the header's bytes, signature included.
 *
 * `mail` and `note` bodies are OpenPGP ciphertext; the body of a `member` or `state` PDU is canonical JSON that homes read.
 */
import { z } from 'zod';
import {
  type CryptoSuite,
  concatBytes,
  fromBase64,
  fromUtf8,
  type SecureRandom,
  smallBytes,
  toBase64,
  toHex,
  utf8,
} from '../base/index.ts';
import { type Attached, chunkCountOf } from './attached.ts';
import { encodeCanonicalJson, type Json, parseCanonicalJson } from './canonical-json.ts';
import {
  type Address,
  type ConversationId,
  type ConversationNonce,
  type DeviceId,
  type PduId,
  parseAddress,
  parseConversationId,
  parseConversationNonce,
  parseDeviceId,
  parsePduId,
} from './ids.ts';
import { ATTACHED_MAX, PDU_HEADER_BYTES_MAX, PREVIOUS_PDUS_MAX, RECIPIENTS_MAX } from './limits.ts';
import { readPlainHeader } from './plain-header.ts';
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
  /** Only in the first PDU of a conversation: what `conversationOf` makes the conversation's id of. */
  readonly nonce?: ConversationNonce;
  readonly time: number;
  readonly body: PduBody;
  /** Only of mail: its large attachments, which travel beside it. */
  readonly attached?: readonly Attached[];
}

export interface Pdu extends PduContent {
  readonly id: PduId;
  /** The header as it travels and is hashed. */
  readonly header: Uint8Array;
  readonly signature: Uint8Array;
}

const SIGNED_AS = utf8('restante pdu 1\n');
const SIGNATURE_KEY = utf8('"signature":"');
const QUOTE = 0x22;
/** 64 bytes in unpadded base64. */
const SIGNATURE_CHARACTERS = 86;
const address = z.string().refine((text) => isCanonical(text, parseAddress));
const pduId = z.string().refine((text) => isCanonical(text, parsePduId));
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const headerSchema = z.strictObject({
  attached: z
    .array(z.strictObject({ list: sha256, size: z.int().refine((size) => chunkCountOf(size) !== undefined) }))
    .min(1)
    .max(ATTACHED_MAX)
    .optional(),
  author: address,
  body: z.strictObject({ sha256, size: z.int().min(0) }),
  conversation: z.string().refine((text) => isCanonical(text, parseConversationId)),
  depth: z.int().min(1),
  device: z.string().refine((text) => isCanonical(text, parseDeviceId)),
  nonce: z
    .string()
    .refine((text) => isCanonical(text, parseConversationNonce))
    .optional(),
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
  const plain = readPlainHeader(textOf(header));
  const isFine = plain !== undefined && (plain.nonce === undefined || isFounding(suite, plain));
  if (isFine) return { id: pduIdOf(suite, header), header, ...plain };
  return parseAnyHeader(suite, header);
}

/** The general way: every type, every spelling that canonical JSON allows, and a reason for each refusal. */
export function parseAnyHeader(suite: CryptoSuite, header: Uint8Array): Pdu {
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
  const lists = (fields.attached ?? []).map(({ list }) => list);
  if ((lists.length > 0 && fields.type !== 'mail') || new Set(lists).size !== lists.length)
    throw new ProtocolError('malformed', 'not a PDU header: only mail has attachments, and each of them once');
  if (fields.nonce !== undefined && !isFounding(suite, fields))
    throw new ProtocolError(
      'malformed',
      'not a PDU header: the nonce is not the one that this conversation is made of',
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
    ...(fields.nonce === undefined ? {} : { nonce: fields.nonce as ConversationNonce }),
    ...(fields.attached === undefined ? {} : { attached: fields.attached }),
  };
}

/**
 * The id of the conversation that `author` founds with this nonce. Nobody else can found it: a rival first PDU by another
 * author would need another id.
 */
export function conversationOf(suite: CryptoSuite, author: Address, nonce: ConversationNonce): ConversationId {
  return suite.sha256Hex(utf8(`restante conversation 1\n${author}\n${nonce}`)).slice(0, 32) as ConversationId;
}

/** A new conversation of `author`. */
export function createConversation(
  { suite, random }: { readonly suite: CryptoSuite; readonly random: SecureRandom },
  author: Address,
): { readonly conversation: ConversationId; readonly nonce: ConversationNonce } {
  const nonce = toHex(random.bytes(16)) as ConversationNonce;
  return { conversation: conversationOf(suite, author, nonce), nonce };
}

type FoundingFields = Pick<z.infer<typeof headerSchema>, 'author' | 'conversation' | 'depth' | 'nonce'> & {
  readonly prev: readonly string[];
};

function isFounding(suite: CryptoSuite, fields: FoundingFields): boolean {
  const { author, conversation, depth, nonce, prev } = fields;
  if (depth !== 1 || prev.length > 0) return false;
  return conversationOf(suite, author as Address, nonce as ConversationNonce) === conversation;
}

/** Whether `deviceKey` signed this PDU and is the device it names. */
export function verifyPdu(suite: CryptoSuite, pdu: Pdu, deviceKey: Uint8Array): boolean {
  if (deviceIdOf(suite, deviceKey) !== pdu.device) return false;
  return suite.verify(pdu.signature, signedBytesOf(pdu), deviceKey);
}

/** What a PDU's device signed: the canonical header without its signature, cut out, since to spell it again costs more. */
export function signedBytesOf({ header }: Pick<Pdu, 'header'>): Uint8Array {
  const start = startOfSignature(header);
  const end = start + SIGNATURE_KEY.length + SIGNATURE_CHARACTERS + 2;
  const signed = smallBytes(SIGNED_AS.length + header.length - (end - start));
  signed.set(SIGNED_AS);
  signed.set(header.subarray(0, start), SIGNED_AS.length);
  signed.set(header.subarray(end), SIGNED_AS.length + start);
  return signed;
}

/** Where the key stands, near the end: a quote within a JSON string is escaped, so the same bytes stand nowhere else. */
function startOfSignature(header: Uint8Array): number {
  for (let at = header.lastIndexOf(QUOTE); at !== -1; at = at === 0 ? -1 : header.lastIndexOf(QUOTE, at - 1)) {
    let length = 1;
    while (length < SIGNATURE_KEY.length && header[at + length] === SIGNATURE_KEY[length]) length += 1;
    if (length === SIGNATURE_KEY.length) return at;
  }
  throw new ProtocolError('malformed', 'not a PDU header: no signature');
}

export function pduIdOf(suite: CryptoSuite, header: Uint8Array): PduId {
  return suite.sha256Hex(header) as PduId;
}

export function deviceIdOf(suite: CryptoSuite, publicKey: Uint8Array): DeviceId {
  return suite.sha256Hex(publicKey).slice(0, 32) as DeviceId;
}

export function bodyOf(suite: CryptoSuite, bytes: Uint8Array): PduBody {
  return { sha256: suite.sha256Hex(bytes), size: bytes.length };
}

function unsignedHeader(content: PduContent): { readonly [key: string]: Json | undefined } {
  return {
    v: 1,
    attached: content.attached?.map(({ list, size }) => ({ list, size })),
    type: content.type,
    conversation: content.conversation,
    author: content.author,
    device: content.device,
    depth: content.depth,
    nonce: content.nonce,
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

/** Empty for what is not UTF-8, which the general way refuses. */
function textOf(header: Uint8Array): string {
  try {
    return fromUtf8(header);
  } catch {
    return '';
  }
}

function issueOf(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? 'invalid' : `${issue.path.join('.') || 'header'}: ${issue.message}`;
}
