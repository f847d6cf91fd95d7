/**
 * OpenPGP certificates: what is published of an account's keys. A `Certificate` exists only after its self-signatures were
 * verified, so its addresses and its encryption key are what its owner signed. Version 4 is what accounts have; version 6
 * (RFC 9580) is accepted from others. Whether a certificate belongs to an address is for the account chain to say.
 *
 * Parsing reads no clock: a certificate is judged at the latest moment that its owner's signatures name, so a clock that
 * is wrong, here or there, makes no good certificate bad. `expiresAt` is held against a clock when something is encrypted.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { armor, enums, type Key, PublicKey, readKeys, type Subkey } from 'openpgp';
import { invariant, toHex } from '../base/index.ts';
import { type Address, parseAddress } from '../protocol/index.ts';
import { CERTIFICATE_BYTES_MAX } from './limits.ts';
import { FULL_SETTINGS, SETTINGS } from './openpgp-settings.ts';
import { VaultError } from './vault-error.ts';

export interface Certificate {
  /** Of the primary key: 40 hexadecimal digits (version 4) or 64 (version 6), lower case. */
  readonly fingerprint: string;
  readonly version: 4 | 6;
  /** The addresses in user ids that the primary key has signed and not revoked. */
  readonly addresses: readonly Address[];
  /** As they were parsed: what an account document holds. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes, hexadecimal: one certificate after a rotation is another one. */
  readonly hash: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Milliseconds since 1970; undefined: never. */
  readonly expiresAt: number | undefined;
  /** Fingerprint of the key that is encrypted to; undefined when none in it can (it still verifies). */
  readonly encryptionKey: string | undefined;
}

interface Parsed {
  readonly key: PublicKey;
  readonly latestAt: number;
}

const parsed = new WeakMap<Certificate, Parsed>();

/** Throws VaultError `too_large`, `malformed`, `secret_key` or `unusable_certificate`. */
export async function parseCertificate(received: Uint8Array): Promise<Certificate> {
  if (received.length > CERTIFICATE_BYTES_MAX)
    throw new VaultError('too_large', `a certificate has at most ${CERTIFICATE_BYTES_MAX} bytes`);
  // openpgp.js keeps views into what it reads; a copy keeps the certificate whole when a caller reuses its buffer.
  const bytes = received.slice();
  const key = await readPublicKey(bytes);
  const latestAt = latestSelfSignature(key);
  const at = new Date(latestAt);
  try {
    await key.verifyPrimaryKey(at, undefined, FULL_SETTINGS);
  } catch (cause) {
    throw new VaultError('unusable_certificate', 'the primary key is revoked or its self-signature is wrong', {
      cause,
    });
  }
  const encryptionKey = await findEncryptionKey(key, at);
  const certificate: Certificate = {
    fingerprint: key.getFingerprint(),
    version: key.keyPacket.version === 6 ? 6 : 4,
    addresses: await signedAddresses(key, at),
    bytes,
    hash: toHex(sha256(bytes)),
    createdAt: key.getCreationTime().getTime(),
    expiresAt: await expiryOf(key, encryptionKey, at),
    encryptionKey: encryptionKey?.getFingerprint(),
  };
  parsed.set(certificate, { key, latestAt });
  return certificate;
}

/** ASCII armor, for GnuPG and people. */
export function armorCertificate(certificate: Certificate): string {
  return armor(enums.armor.publicKey, certificate.bytes, undefined, undefined, undefined, certificate.version === 4);
}

/** Inside the vault only: the key that a certificate was parsed to. */
export function publicKeyOf(certificate: Certificate): PublicKey {
  return parsedOf(certificate).key;
}

/** Inside the vault only: the moment at which to judge a certificate, never before its owner's own signatures. */
export function momentFor(certificate: Certificate, now: number): Date {
  return new Date(Math.max(now, parsedOf(certificate).latestAt));
}

/**
 * Milliseconds of the latest key, self-signature or revocation of a part. Not of a revocation of the whole key: one that
 * only retires it leaves what it signed before right, so such a certificate still parses, and is not encrypted to.
 */
export function latestSelfSignature(key: Key): number {
  const ofUsers = key.users.flatMap((user) => [...user.selfCertifications, ...user.revocationSignatures]);
  const ofSubkeys = key.subkeys.flatMap((subkey) => [...subkey.bindingSignatures, ...subkey.revocationSignatures]);
  const times = [...ofUsers, ...ofSubkeys].map((signature) => signature.created?.getTime() ?? 0);
  return Math.max(...times, ...key.getKeys().map((part) => part.getCreationTime().getTime()));
}

function parsedOf(certificate: Certificate): Parsed {
  const known = parsed.get(certificate);
  invariant(known !== undefined, 'a certificate comes from parseCertificate, not from a copy');
  return known;
}

async function readPublicKey(bytes: Uint8Array): Promise<PublicKey> {
  let keys: Key[];
  try {
    keys = await readKeys({ binaryKeys: bytes, config: SETTINGS });
  } catch (cause) {
    throw new VaultError('malformed', 'not an OpenPGP certificate', { cause });
  }
  const [key, ...others] = keys;
  if (key === undefined || others.length > 0) throw new VaultError('malformed', 'not exactly one OpenPGP certificate');
  if (key.isPrivate()) throw new VaultError('secret_key', 'this is a secret key: it must not leave its owner');
  if (!(key instanceof PublicKey)) throw new VaultError('malformed', 'not an OpenPGP certificate');
  return key;
}

async function findEncryptionKey(key: PublicKey, at: Date): Promise<Key | Subkey | undefined> {
  try {
    return await key.getEncryptionKey(undefined, at, undefined, FULL_SETTINGS);
  } catch {
    return undefined; // no key that may encrypt: the certificate is good for verifying only
  }
}

async function expiryOf(
  key: PublicKey,
  encryptionKey: Key | Subkey | undefined,
  at: Date,
): Promise<number | undefined> {
  const ofPrimary = await key.getExpirationTime(undefined, FULL_SETTINGS);
  const ofSubkey =
    encryptionKey !== undefined && 'mainKey' in encryptionKey
      ? await encryptionKey.getExpirationTime(at, FULL_SETTINGS)
      : null;
  const times = [ofPrimary, ofSubkey].filter((time) => time instanceof Date).map((time) => time.getTime());
  return times.length === 0 ? undefined : Math.min(...times);
}

async function signedAddresses(key: PublicKey, at: Date): Promise<Address[]> {
  const judged = await key.verifyAllUsers(undefined, at, FULL_SETTINGS);
  const addresses = judged.filter((user) => user.valid === true).flatMap((user) => addressIn(user.userID));
  return [...new Set(addresses)];
}

/** `Alice <alice@home.example>`, `<alice@home.example>` or the bare address; nothing for a user id without one. */
function addressIn(userId: string | null): Address[] {
  const bracketed = /<([^<>]*)>\s*$/.exec(userId ?? '');
  try {
    return [parseAddress(bracketed?.[1] ?? userId ?? '')];
  } catch {
    return []; // a name, a picture or a foreign form: not an address of ours
  }
}
