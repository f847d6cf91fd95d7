/**
 * Everything private that an account has, and the form in which it is sealed into the vault record. Values do not change;
 * a rotation makes new secrets. The identity key signs the account chain, the OpenPGP key signs and opens mail, the storage
 * key encrypts what a device keeps. They are independent of each other, so that one can be replaced without the others.
 */
import { z } from 'zod';
import { type CryptoSuite, fromBase64, type KeyPair, type SecureRandom, toBase64 } from '../base/index.ts';
import { type Address, encodeCanonicalJson, parseAddress, parseCanonicalJson } from '../protocol/index.ts';
import { generateAccountKey } from './account-key.ts';
import { SECRETS_BYTES_MAX } from './limits.ts';
import { VaultError } from './vault-error.ts';

export interface AccountSecrets {
  readonly address: Address;
  /** Ed25519: signs the account chain. */
  readonly identity: KeyPair;
  /** Binary OpenPGP secret key, not locked by a passphrase: the sealed record and the sealed profile protect it. */
  readonly secretKey: Uint8Array;
  /** Binary OpenPGP certificate of `secretKey`. */
  readonly certificate: Uint8Array;
  /** 32 bytes: for `sealAtRest`. */
  readonly storageKey: Uint8Array;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface NewAccount {
  readonly address: Address;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** New keys. The OpenPGP key is drawn by openpgp.js from Web Crypto, the others from `random`. */
export async function createAccountSecrets(
  deps: { readonly suite: CryptoSuite; readonly random: SecureRandom },
  account: NewAccount,
): Promise<AccountSecrets> {
  return {
    ...(await generateAccountKey(account)),
    address: account.address,
    identity: deps.suite.keyPair(deps.random.bytes(32)),
    storageKey: deps.random.bytes(32),
    createdAt: Math.floor(account.createdAt),
  };
}

const base64 = z.string().max(SECRETS_BYTES_MAX);
const key32 = z.string().length(43);
const schema = z.strictObject({
  address: z.string(),
  certificate: base64,
  created_at: z.int().min(0),
  identity_seed: key32,
  secret_key: base64,
  storage_key: key32,
  v: z.literal(1),
});

/** Canonical JSON, in the clear: to be sealed by the caller. Throws VaultError `too_large`. */
export function encodeAccountSecrets(secrets: AccountSecrets): Uint8Array {
  const bytes = encodeCanonicalJson({
    v: 1,
    address: secrets.address,
    created_at: secrets.createdAt,
    identity_seed: toBase64(secrets.identity.secretKey.subarray(0, 32)),
    secret_key: toBase64(secrets.secretKey),
    certificate: toBase64(secrets.certificate),
    storage_key: toBase64(secrets.storageKey),
  });
  if (bytes.length > SECRETS_BYTES_MAX) throw tooLarge();
  return bytes;
}

/** Throws VaultError `too_large` or `malformed`. */
export function decodeAccountSecrets(suite: CryptoSuite, bytes: Uint8Array): AccountSecrets {
  if (bytes.length > SECRETS_BYTES_MAX) throw tooLarge();
  try {
    const fields = schema.parse(parseCanonicalJson(bytes));
    return {
      address: parseAddress(fields.address),
      identity: suite.keyPair(fromBase64(fields.identity_seed)),
      secretKey: fromBase64(fields.secret_key),
      certificate: fromBase64(fields.certificate),
      storageKey: fromBase64(fields.storage_key),
      createdAt: fields.created_at,
    };
  } catch {
    // Without the cause: its text could quote what was read, and what was read are keys.
    throw new VaultError('malformed', 'not the secrets of an account');
  }
}

function tooLarge(): VaultError {
  return new VaultError('too_large', `the secrets of an account have at most ${SECRETS_BYTES_MAX} bytes`);
}
