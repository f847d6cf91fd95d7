/**
 * The account's OpenPGP key: version 4, Ed25519 primary key that certifies and signs, X25519 subkey to encrypt to, both in
 * the legacy encoding that GnuPG 2.2 and Thunderbird read. A rotation adds a subkey and retires the ones before as
 * superseded: programs that follow the certificate encrypt to the newest, and what was encrypted to older ones is opened
 * as ever, because the secret key keeps them all.
 */
import { encryptKey, enums, generateKey, type PrivateKey, readPrivateKeys, SecretKeyPacket } from 'openpgp';
import { invariant } from '../base/index.ts';
import type { Address } from '../protocol/index.ts';
import type { AccountSecrets } from './account-secrets.ts';
import { latestSelfSignature } from './certificate.ts';
import { FULL_SETTINGS, SETTINGS } from './openpgp-settings.ts';
import { VaultError } from './vault-error.ts';

type AccountKey = Pick<AccountSecrets, 'secretKey' | 'certificate'>;

/** `createdAt` in milliseconds since 1970; OpenPGP counts whole seconds. */
export async function generateAccountKey(account: {
  readonly address: Address;
  readonly createdAt: number;
}): Promise<AccountKey> {
  const { privateKey } = await generateKey({
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [{ email: account.address }],
    date: new Date(account.createdAt),
    format: 'object',
    config: SETTINGS,
  });
  return serialise(privateKey);
}

/** New secrets whose certificate is encrypted to by a new subkey. `now` in milliseconds since 1970. */
export async function rotateEncryptionSubkey(secrets: AccountSecrets, now: number): Promise<AccountSecrets> {
  // From a fresh copy: the key that others are working with stays as it is.
  const current = await readSecretKey(secrets.secretKey);
  // The newest subkey is the one encrypted to, and OpenPGP counts seconds: the next one must be younger by one, also after
  // a second rotation within the second or a clock set back.
  const date = new Date(Math.max(now, latestSelfSignature(current) + 1000));
  const rotated = await current.addSubkey({ type: 'ecc', curve: 'curve25519Legacy', date, config: SETTINGS });
  const primary = rotated.keyPacket;
  invariant(primary instanceof SecretKeyPacket, 'an account key has its primary secret key');
  const newest = rotated.subkeys.at(-1);
  rotated.subkeys = await Promise.all(
    rotated.subkeys.map(async (subkey) => {
      if (subkey === newest || subkey.revocationSignatures.length > 0) return subkey;
      return subkey.revoke(primary, { flag: enums.reasonForRevocation.keySuperseded }, date, FULL_SETTINGS);
    }),
  );
  return { ...secrets, ...serialise(rotated) };
}

/** ASCII armor for `gpg --import`, locked by `passphrase`: whoever has both can read the account's mail. */
export async function exportSecretKey(secrets: AccountSecrets, passphrase: string): Promise<string> {
  if (passphrase === '') throw new VaultError('empty_password', 'a secret key leaves only under a passphrase');
  const privateKey = await readSecretKey(secrets.secretKey);
  return (await encryptKey({ privateKey, passphrase, config: SETTINGS })).armor(FULL_SETTINGS);
}

const unlocked = new WeakMap<AccountSecrets, Promise<PrivateKey>>();

/** Inside the vault only: the parsed secret key, parsed once for each value of AccountSecrets. */
export function unlockedKeyOf(secrets: AccountSecrets): Promise<PrivateKey> {
  let key = unlocked.get(secrets);
  if (key === undefined) {
    key = readSecretKey(secrets.secretKey);
    unlocked.set(secrets, key);
  }
  return key;
}

// Without the cause: its text could quote what was read.
async function readSecretKey(bytes: Uint8Array): Promise<PrivateKey> {
  const [key, ...others] = await readPrivateKeys({ binaryKeys: bytes.slice(), config: SETTINGS }).catch(() => []);
  if (key === undefined || others.length > 0 || !key.isDecrypted())
    throw new VaultError('malformed', 'not the secret key of an account');
  return key;
}

function serialise(key: PrivateKey): AccountKey {
  return { secretKey: key.write(), certificate: key.toPublic().write() };
}
