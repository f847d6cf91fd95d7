/** What a device of the account may change over a connection of its own: each is a next version of the chain. */
import { type CryptoSuite, equalBytes, type SecureRandom } from '../../base/index.ts';
import { type AccountDocument, type DeviceId, encodeVaultRecord, type VaultRecord } from '../../protocol/index.ts';
import {
  changePassword,
  createRecoveryCode,
  deriveRecoveryKeys,
  type OpenedVault,
  openVaultContent,
  parseCertificate,
  type RecoveryCode,
  replaceRecoveryCode,
  replaceSecrets,
  rotateEncryptionSubkey,
  VaultError,
} from '../../vault/index.ts';
import { ClientError } from '../client-error.ts';
import type { NodeConnection } from '../connection/index.ts';
import type { Contact } from '../contacts/contact.ts';
import { fetchVaultRecord, sealOf } from './account-setup.ts';
import { type ChainDeps, extendChain, ownContact, vaultNameOf } from './chain-version.ts';
import type { DeviceProfile } from './device-profile.ts';

export interface ChangeDeps extends ChainDeps {
  readonly random: SecureRandom;
}

/** The password that new devices need from now on. Devices that are in stay in. */
export async function setPassword(
  deps: ChangeDeps,
  connection: NodeConnection,
  profile: DeviceProfile,
  password: string,
): Promise<void> {
  const seal = await sealOf(deps.suite, deps.random, password);
  const { record, vault } = await openOwnVault(deps, connection, profile);
  const next = changePassword(deps.random, record, vault, seal);
  await extendChain(deps, connection, profile.secrets, (current) => {
    checkUnchanged(deps.suite, current, record);
    return { content: {}, vault: next };
  });
}

/** The code of before opens nothing any more. */
export async function setRecoveryCode(
  deps: ChangeDeps,
  connection: NodeConnection,
  profile: DeviceProfile,
): Promise<RecoveryCode> {
  const code = createRecoveryCode(deps.random);
  const { record, vault } = await openOwnVault(deps, connection, profile);
  const next = replaceRecoveryCode(deps.random, record, vault, deriveRecoveryKeys(deps.suite, code));
  await extendChain(deps, connection, profile.secrets, (current) => {
    checkUnchanged(deps.suite, current, record);
    return { content: {}, vault: next };
  });
  return code;
}

/** The device may no longer connect or sign; what it signed stays right. Throws ClientError `unknown_device`. */
export async function revokeDevice(
  deps: ChangeDeps,
  connection: NodeConnection,
  profile: DeviceProfile,
  id: DeviceId,
): Promise<Contact> {
  return extendChain(deps, connection, profile.secrets, ({ devices, revoked }) => {
    const device = devices.find((entry) => entry.id === id);
    if (device === undefined)
      throw new ClientError('unknown_device', `the account has no device ${id}`, { fix: 'see `restante device list`' });
    const content = { devices: devices.filter((entry) => entry !== device), revoked: [...revoked, device] };
    return { content, vault: undefined };
  });
}

/** New mail is encrypted to a new subkey; what came before stays readable. The caller keeps the profile that is returned. */
export async function rotateCertificate(
  deps: ChangeDeps,
  connection: NodeConnection,
  profile: DeviceProfile,
): Promise<DeviceProfile> {
  const { record, vault } = await openOwnVault(deps, connection, profile);
  const secrets = await rotateEncryptionSubkey(vault.secrets, deps.now());
  const next = replaceSecrets(deps.random, record, { ...vault, secrets });
  // Only the new certificate stands: it has the primary key, and all subkeys before.
  await extendChain(deps, connection, secrets, (current) => {
    checkUnchanged(deps.suite, current, record);
    return { content: { certificates: [secrets.certificate] }, vault: next };
  });
  return { ...profile, secrets };
}

/** Nothing is accepted for the address any more, its bodies are erased, and nobody gets it again. */
export async function closeAccount(
  deps: ChangeDeps,
  connection: NodeConnection,
  profile: DeviceProfile,
): Promise<void> {
  await extendChain(deps, connection, profile.secrets, () => ({ content: { closed: true }, vault: undefined }));
}

/** Days after which the home erases bodies; 0 keeps them for ever. */
export async function setRetention(
  deps: ChangeDeps,
  connection: NodeConnection,
  profile: DeviceProfile,
  retentionDays: number,
): Promise<void> {
  await extendChain(deps, connection, profile.secrets, () => ({ content: { retentionDays }, vault: undefined }));
}

/** The profile with the secrets that another device rotated to; the same profile when nothing changed. */
export async function followRotation(
  deps: ChangeDeps,
  connection: NodeConnection,
  profile: DeviceProfile,
): Promise<DeviceProfile> {
  const { document } = await ownContact(deps.contacts, connection, profile.secrets);
  const [certificate] = document.certificates;
  if (certificate === undefined || equalBytes(certificate, profile.secrets.certificate)) return profile;
  const { vault } = await openOwnVault(deps, connection, profile);
  const { fingerprint } = await parseCertificate(certificate);
  const found = await parseCertificate(vault.secrets.certificate);
  if (fingerprint !== found.fingerprint)
    throw new ClientError('bad_account', 'the vault record holds another key than the account’s chain names');
  return { ...profile, secrets: vault.secrets };
}

/** Two devices that replace the vault record at one moment must not undo each other. */
function checkUnchanged(suite: CryptoSuite, current: AccountDocument, record: VaultRecord): void {
  if (current.vault.sha256 === vaultNameOf(suite, encodeVaultRecord(record)).sha256) return;
  throw new ClientError('bad_account', 'another device changed the account’s vault at the same moment', {
    fix: 'try again',
    retry: 'now',
  });
}

async function openOwnVault(
  deps: ChangeDeps,
  connection: NodeConnection,
  profile: DeviceProfile,
): Promise<{ record: VaultRecord; vault: OpenedVault }> {
  const { document } = await ownContact(deps.contacts, connection, profile.secrets);
  const record = await fetchVaultRecord(deps.suite, connection, document);
  try {
    return { record, vault: openVaultContent(deps.suite, record, profile.address, profile.contentKey) };
  } catch (error) {
    if (!(error instanceof VaultError) || error.code !== 'tampered') throw error;
    throw new ClientError('bad_account', 'the account’s vault was sealed anew by another device', {
      fix: 'add this device again with `restante account add`',
      cause: error,
    });
  }
}
