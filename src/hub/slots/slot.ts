/**
 * A key slot: the user's hub key, wrapped so that one credential opens it. The hub key seals the user's folder; it exists in
 * the clear in memory only. A password is stretched (Argon2id, with the vault's floor); app passwords and tokens have enough
 * randomness of their own. The slot is all that is stored: presenting the credential again opens it after an idle stop, a
 * restart, or on another host.
 */
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { fromBase64, fromUtf8, type SecureRandom, toBase64, toHex, utf8 } from '../../base/index.ts';
import { type Address, type EnrolmentParameters, isAddress } from '../../protocol/index.ts';
import { createEnrolmentParameters, openAtRest, sealAtRest, VaultError } from '../../vault/index.ts';
import type { HubScope } from '../component/user-server-protocol.ts';

export interface Slot {
  /** 16 hexadecimal digits. */
  readonly id: string;
  /** `app`: an app password; `session`: re-opens a session. */
  readonly kind: 'password' | 'app' | 'session';
  /** What the person calls it. */
  readonly name: string;
  readonly scopes: readonly HubScope[];
  /** Milliseconds since 1970, as are the others. */
  readonly createdAt: number;
  readonly expiresAt?: number | undefined;
  /** Of a session: the slot whose credential opened it first, with which it is revoked. */
  readonly parent?: string | undefined;
  /** Of a password: how it was stretched. */
  readonly stretching?: EnrolmentParameters | undefined;
  /** The hub key, sealed with the key of the credential. */
  readonly wrapped: Uint8Array;
}

/** What the maker of a slot says. */
export interface SlotTerms {
  readonly kind: Slot['kind'];
  readonly name: string;
  readonly scopes: readonly HubScope[];
  readonly createdAt: number;
  readonly expiresAt?: number | undefined;
  readonly parent?: string | undefined;
}

/** What a token says before anything is checked. */
export interface Token {
  readonly user: Address;
  readonly slotId: string;
  readonly secret: Uint8Array;
}

export const HUB_KEY_BYTES = 32;
const ID_BYTES = 8;
/** 192 bits: nobody guesses them, so they need no stretching. */
const TOKEN_SECRET_BYTES = 24;
const TOKEN_PREFIX = 'rst1.';

/** `key` is what the password was stretched to with `stretching`. */
export function createPasswordSlot(
  random: SecureRandom,
  hubKey: Uint8Array,
  terms: SlotTerms,
  stretched: { readonly stretching: EnrolmentParameters; readonly key: Uint8Array },
): Slot {
  const id = toHex(random.bytes(ID_BYTES));
  return {
    id,
    ...terms,
    stretching: stretched.stretching,
    wrapped: sealAtRest(random, stretched.key, place(id), hubKey),
  };
}

/** The slot, and the token that opens it and is shown once. */
export function createTokenSlot(
  random: SecureRandom,
  user: Address,
  hubKey: Uint8Array,
  terms: SlotTerms,
): { readonly slot: Slot; readonly token: string } {
  const id = toHex(random.bytes(ID_BYTES));
  const secret = random.bytes(TOKEN_SECRET_BYTES);
  const token = `${TOKEN_PREFIX}${url(toBase64(utf8(user)))}.${id}.${url(toBase64(secret))}`;
  return { slot: { id, ...terms, wrapped: sealAtRest(random, tokenKey(id, secret), place(id), hubKey) }, token };
}

/** The hub key; undefined when the slot is not this credential's. */
export function openPasswordSlot(slot: Slot, stretchedKey: Uint8Array): Uint8Array | undefined {
  return unwrap(slot, stretchedKey);
}

export function openTokenSlot(slot: Slot, token: Token): Uint8Array | undefined {
  return unwrap(slot, tokenKey(slot.id, token.secret));
}

export function isToken(text: string): boolean {
  return text.startsWith(TOKEN_PREFIX);
}

/** Undefined for what is no token. */
export function parseToken(text: string): Token | undefined {
  const [, user, slotId, secret] = /^rst1\.([\w-]{1,500})\.([0-9a-f]{16})\.([\w-]{32})$/.exec(text) ?? [];
  if (user === undefined || slotId === undefined || secret === undefined) return undefined;
  try {
    const address = fromUtf8(fromBase64(plain(user)));
    return isAddress(address) ? { user: address, slotId, secret: fromBase64(plain(secret)) } : undefined;
  } catch {
    return undefined; // another spelling of base64 or text is no token of ours
  }
}

export function createStretching(random: SecureRandom): EnrolmentParameters {
  return createEnrolmentParameters(random);
}

function tokenKey(id: string, secret: Uint8Array): Uint8Array {
  return hkdf(sha256, secret, utf8(id), utf8('restante hub slot 1'), HUB_KEY_BYTES);
}

function unwrap(slot: Slot, key: Uint8Array): Uint8Array | undefined {
  try {
    return openAtRest(key, place(slot.id), slot.wrapped);
  } catch (error) {
    if (error instanceof VaultError) return undefined;
    throw error;
  }
}

const place = (id: string): Uint8Array => utf8(`restante hub slot\n${id}`);
const url = (base64: string): string => base64.replaceAll('+', '-').replaceAll('/', '_');
const plain = (text: string): string => text.replaceAll('-', '+').replaceAll('_', '/');
