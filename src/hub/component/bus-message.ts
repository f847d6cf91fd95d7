/**
 * What components say to each other: a JSON envelope, signed over its exact bytes. It names sender and receiver, the user
 * and perhaps the session it is about, and carries a number that grows with every message from one sender to one receiver.
 *
 * Form: Ed25519 signature (64) ‖ UTF-8 JSON; signed are the bytes of DOMAIN and the JSON.
 */
import { z } from 'zod';
import { type CryptoSuite, concatBytes, fromUtf8, utf8 } from '../../base/index.ts';
import { type Address, isAddress, type Json } from '../../protocol/index.ts';
import { HubError } from '../hub-error.ts';
import { type InstanceId, parseInstanceId, parseSessionId, type SessionId } from './ids.ts';
import type { ComponentKeys } from './keys.ts';
import { BUS_MESSAGE_BYTES_MAX, NAME_CHARACTERS_MAX } from './limits.ts';

export interface Envelope {
  readonly from: InstanceId;
  readonly to: InstanceId;
  /** From 1, growing, for each pair of sender and receiver. */
  readonly number: number;
  /** Whom it is about; absent between hosts. */
  readonly user?: Address | undefined;
  readonly session?: SessionId | undefined;
  readonly content: Content;
}

export type Content =
  | { readonly type: 'event'; readonly kind: string; readonly body: Json }
  | { readonly type: 'request'; readonly id: number; readonly kind: string; readonly body: Json }
  | { readonly type: 'response'; readonly id: number; readonly body: Json }
  | { readonly type: 'error'; readonly id: number; readonly code: string; readonly message: string };

const DOMAIN = utf8('restante bus 1\n');
const SIGNATURE_BYTES = 64;

const kind = z.string().min(1).max(NAME_CHARACTERS_MAX);
const id = z.int().min(1);
const body = z.json();
const schema = z.strictObject({
  from: z.string().transform(parseInstanceId),
  to: z.string().transform(parseInstanceId),
  number: z.int().min(1),
  user: z.string().refine(isAddress).optional(),
  session: z.string().transform(parseSessionId).optional(),
  content: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('event'), kind, body }),
    z.strictObject({ type: z.literal('request'), id, kind, body }),
    z.strictObject({ type: z.literal('response'), id, body }),
    z.strictObject({ type: z.literal('error'), id, code: z.string().max(NAME_CHARACTERS_MAX), message: z.string() }),
  ]),
});

/** Throws HubError `too_large`. */
export function signEnvelope(suite: CryptoSuite, keys: ComponentKeys, envelope: Envelope): Uint8Array {
  const json = utf8(JSON.stringify(envelope));
  if (json.length + SIGNATURE_BYTES > BUS_MESSAGE_BYTES_MAX)
    throw new HubError('too_large', `a bus message of ${json.length} bytes: mail does not travel on the bus`);
  return concatBytes(suite.sign(concatBytes(DOMAIN, json), keys.signing.secretKey), json);
}

/** What a message claims; nothing of it is proven yet. Throws HubError `malformed` or `too_large`. */
export function parseEnvelope(message: Uint8Array): Envelope {
  if (message.length > BUS_MESSAGE_BYTES_MAX) throw new HubError('too_large', 'a bus message is too long');
  try {
    return schema.parse(JSON.parse(fromUtf8(message.subarray(SIGNATURE_BYTES))));
  } catch (cause) {
    throw new HubError('malformed', `not a bus message (${(cause as Error).name})`);
  }
}

export function isSignedBy(suite: CryptoSuite, signingKey: Uint8Array, message: Uint8Array): boolean {
  const signed = concatBytes(DOMAIN, message.subarray(SIGNATURE_BYTES));
  return suite.verify(message.subarray(0, SIGNATURE_BYTES), signed, signingKey);
}
