/**
 * The vault record: secrets sealed to a random content key, and the content key sealed twice, to the password's vault key
 * and to the recovery code's. Each part is bound to the address and to its purpose. A new password or a new code replaces
 * its own seal only, with a new salt, and needs the content key, which whoever opened the record has. A content key that
 * an attacker may know (a stolen device) is got rid of by sealing a new record.
 */
import { type CryptoSuite, equalBytes, type SecureRandom, utf8 } from '../base/index.ts';
import type { Address, EnrolmentParameters, VaultRecord } from '../protocol/index.ts';
import { type AccountSecrets, decodeAccountSecrets, encodeAccountSecrets } from './account-secrets.ts';
import { openAtRest, sealAtRest } from './at-rest.ts';
import type { DerivedKeys } from './derived-keys.ts';
import { VaultError } from './vault-error.ts';

export interface OpenedVault {
  readonly secrets: AccountSecrets;
  /** 32 bytes: what the record's content is sealed to. */
  readonly contentKey: Uint8Array;
}

/** A password in the form that goes into a record: its parameters, and the keys that they make of it. */
export interface PasswordSeal {
  readonly parameters: EnrolmentParameters;
  readonly keys: DerivedKeys;
}

/** Which of the two ways in, with the keys of what the person typed. */
export interface VaultOpener {
  readonly by: 'password' | 'recovery';
  readonly keys: DerivedKeys;
}

/** A record with a new content key. Throws VaultError `too_large`. */
export function sealVaultRecord(
  random: SecureRandom,
  secrets: AccountSecrets,
  seals: { readonly password: PasswordSeal; readonly recovery: DerivedKeys },
): VaultRecord {
  const vault: OpenedVault = { secrets, contentKey: random.bytes(32) };
  return {
    ...passwordPart(random, vault, seals.password),
    ...recoveryPart(random, vault, seals.recovery),
    content: sealContent(random, vault),
  };
}

/** Throws VaultError `wrong_password`, `wrong_recovery_code`, `tampered` or `malformed`. */
export function openVaultRecord(
  suite: CryptoSuite,
  record: VaultRecord,
  address: Address,
  opener: VaultOpener,
): OpenedVault {
  return openVaultContent(suite, record, address, openContentKey(record, address, opener));
}

/** For a device of the account, which has the content key. Throws VaultError `tampered` when it was replaced. */
export function openVaultContent(
  suite: CryptoSuite,
  record: VaultRecord,
  address: Address,
  contentKey: Uint8Array,
): OpenedVault {
  const secrets = decodeAccountSecrets(suite, openAtRest(contentKey, contextOf(address, 'content'), record.content));
  if (secrets.address !== address)
    throw new VaultError('tampered', 'the vault record holds the secrets of another address');
  return { secrets, contentKey };
}

/** The record under another password. */
export function changePassword(
  random: SecureRandom,
  record: VaultRecord,
  vault: OpenedVault,
  password: PasswordSeal,
): VaultRecord {
  return { ...record, ...passwordPart(random, vault, password) };
}

/** The record under another recovery code. */
export function replaceRecoveryCode(
  random: SecureRandom,
  record: VaultRecord,
  vault: OpenedVault,
  recovery: DerivedKeys,
): VaultRecord {
  return { ...record, ...recoveryPart(random, vault, recovery) };
}

/** The record with other secrets of the same account, after a rotation. Throws VaultError `too_large`. */
export function replaceSecrets(random: SecureRandom, record: VaultRecord, vault: OpenedVault): VaultRecord {
  return { ...record, content: sealContent(random, vault) };
}

function openContentKey(record: VaultRecord, address: Address, { by, keys }: VaultOpener): Uint8Array {
  const key = keys.authentication.publicKey;
  if (by === 'password') {
    if (!equalBytes(key, record.enrolmentKey)) throw new VaultError('wrong_password', 'the password is wrong');
    return openAtRest(keys.vaultKey, contextOf(address, by), record.sealedByPassword);
  }
  if (!equalBytes(key, record.recoveryKey))
    throw new VaultError('wrong_recovery_code', 'the recovery code is of another vault');
  return openAtRest(keys.vaultKey, contextOf(address, by), record.sealedByRecovery);
}

function passwordPart(
  random: SecureRandom,
  { secrets, contentKey }: OpenedVault,
  { parameters, keys }: PasswordSeal,
): Pick<VaultRecord, 'parameters' | 'enrolmentKey' | 'sealedByPassword'> {
  return {
    parameters,
    enrolmentKey: keys.authentication.publicKey,
    sealedByPassword: sealAtRest(random, keys.vaultKey, contextOf(secrets.address, 'password'), contentKey),
  };
}

function recoveryPart(
  random: SecureRandom,
  { secrets, contentKey }: OpenedVault,
  keys: DerivedKeys,
): Pick<VaultRecord, 'recoveryKey' | 'sealedByRecovery'> {
  return {
    recoveryKey: keys.authentication.publicKey,
    sealedByRecovery: sealAtRest(random, keys.vaultKey, contextOf(secrets.address, 'recovery'), contentKey),
  };
}

function sealContent(random: SecureRandom, { secrets, contentKey }: OpenedVault): Uint8Array {
  return sealAtRest(random, contentKey, contextOf(secrets.address, 'content'), encodeAccountSecrets(secrets));
}

function contextOf(address: Address, purpose: 'password' | 'recovery' | 'content'): Uint8Array {
  return utf8(`restante vault 1\n${purpose}\n${address}`);
}
