/**
 * The account's signed chain: who an address is. Each version is signed by the identity key of the version before (in
 * version 1, by its own, and countersigned by the home that admitted it); a version that changes the identity is signed by
 * both. The body of its entry, named by hash in `vault`, is the vault record, which only the account's own keys may fetch.
 */
import { z } from 'zod';
import { type CryptoSuite, fromBase64, toBase64 } from '../base/index.ts';
import type { Json } from './canonical-json.ts';
import { type Address, type DeviceId, parseAddress } from './ids.ts';
import { DEVICES_MAX } from './limits.ts';
import { deviceIdOf } from './pdu.ts';
import { ProtocolError } from './protocol-error.ts';
import { links, parseSignedDocument, type SignedDocument } from './signed-document.ts';

export interface Device {
  readonly id: DeviceId;
  /** Ed25519 public key. */
  readonly key: Uint8Array;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly addedAt: number;
}

export interface AccountContent {
  readonly address: Address;
  readonly version: number;
  readonly previous: string | null;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Ed25519 public key whose holder may write the next version. */
  readonly identity: Uint8Array;
  /** Binary OpenPGP certificates: the first is the one to encrypt to, all may verify. */
  readonly certificates: readonly Uint8Array[];
  readonly devices: readonly Device[];
  /** Devices that once were: they may no longer sign, what they signed stays right. */
  readonly revoked: readonly Device[];
  /** Hash and size of the vault record, the body of this version's entry. */
  readonly vault: { readonly sha256: string; readonly size: number };
  /** Days after which the home erases bodies; 0 keeps them for ever. */
  readonly retentionDays: number;
  /** The account has ended: nothing is accepted for it any more, and the address is not given again. */
  readonly closed: boolean;
}

export interface AccountDocument extends AccountContent {
  readonly signed: SignedDocument;
}

const key = z.string().refine((text) => isKey(text));
const device = z.strictObject({ added_at: z.int().min(0), key, name: z.string().max(200) });
const accountSchema = z.strictObject({
  address: z.string().refine((text) => isAddress(text)),
  certificates: z.array(z.string().max(64 * 1024)).max(8),
  closed: z.boolean(),
  devices: z.array(device).max(DEVICES_MAX),
  identity: key,
  previous: z.string().nullable(),
  retention_days: z.int().min(0).max(36_500),
  revoked: z.array(device).max(DEVICES_MAX),
  time: z.int().min(0),
  type: z.literal('account'),
  vault: z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().min(0) }),
  version: z.int().min(1),
});

/** The document to sign with `signDocument`. */
export function accountContentJson(content: AccountContent): { readonly [key: string]: Json } {
  return {
    type: 'account',
    address: content.address,
    version: content.version,
    previous: content.previous,
    time: content.time,
    identity: toBase64(content.identity),
    certificates: content.certificates.map(toBase64),
    devices: content.devices.map(deviceJson),
    revoked: content.revoked.map(deviceJson),
    vault: { sha256: content.vault.sha256, size: content.vault.size },
    retention_days: content.retentionDays,
    closed: content.closed,
  };
}

/** Form, size and every signature; how it links is `checkAccountLink`'s. Throws ProtocolError. */
export function parseAccountDocument(suite: CryptoSuite, bytes: Uint8Array): AccountDocument {
  const signed = parseSignedDocument(suite, bytes);
  const judged = accountSchema.safeParse(signed.content);
  if (!judged.success) {
    const issue = judged.error.issues[0];
    throw new ProtocolError('malformed', `not an account document: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const fields = judged.data;
  let certificates: Uint8Array[];
  try {
    certificates = fields.certificates.map(fromBase64);
  } catch (cause) {
    throw new ProtocolError('malformed', 'not an account document: a certificate is not base64', { cause });
  }
  const toDevice = (entry: z.infer<typeof device>): Device => {
    const publicKey = fromBase64(entry.key);
    return { id: deviceIdOf(suite, publicKey), key: publicKey, name: entry.name, addedAt: entry.added_at };
  };
  return {
    signed,
    address: fields.address as Address,
    version: fields.version,
    previous: fields.previous,
    time: fields.time,
    identity: fromBase64(fields.identity),
    certificates,
    devices: fields.devices.map(toDevice),
    revoked: fields.revoked.map(toDevice),
    vault: fields.vault,
    retentionDays: fields.retention_days,
    closed: fields.closed,
  };
}

/**
 * Whether `next` may follow `current` (undefined: `next` is version 1). Throws ProtocolError `bad_chain`. The home's
 * countersignature of version 1 is checked apart, by `isCountersigned`, since its key comes from the home document.
 */
export function checkAccountLink(current: AccountDocument | undefined, next: AccountDocument): void {
  const refuse = (why: string): never => {
    throw new ProtocolError('bad_chain', `version ${next.version} of ${next.address}: ${why}`);
  };
  if (!next.signed.signers.has(toBase64(next.identity))) refuse('not signed by its own identity key');
  if (current === undefined) {
    if (next.version !== 1) refuse('the chain begins with version 1');
    return;
  }
  if (current.address !== next.address) refuse('another address');
  if (!links(current.signed, next.signed)) refuse(`does not follow version ${current.version}`);
  if (!next.signed.signers.has(toBase64(current.identity)))
    refuse('not signed by the identity key of the version before');
  if (current.closed) refuse('the account is closed');
}

/** A whole chain from version 1 on; the last document is the account now. Throws ProtocolError. */
export function parseAccountChain(suite: CryptoSuite, documents: readonly Uint8Array[]): readonly AccountDocument[] {
  const chain: AccountDocument[] = [];
  for (const bytes of documents) {
    const next = parseAccountDocument(suite, bytes);
    checkAccountLink(chain.at(-1), next);
    chain.push(next);
  }
  return chain;
}

export function isCountersigned(document: AccountDocument, homeKey: Uint8Array): boolean {
  return document.signed.signers.has(toBase64(homeKey));
}

/** The device of a chain that may sign now. */
export function findDevice(document: AccountDocument, id: DeviceId): Device | undefined {
  return document.devices.find((entry) => entry.id === id);
}

function deviceJson(entry: Device): Json {
  return { key: toBase64(entry.key), name: entry.name, added_at: entry.addedAt };
}

function isKey(text: string): boolean {
  try {
    return fromBase64(text).length === 32;
  } catch {
    return false; // not base64, so not a key
  }
}

function isAddress(text: string): boolean {
  try {
    return parseAddress(text) === text;
  } catch {
    return false; // the parser's refusal is the answer
  }
}
