/** The own account as a person sees and changes it. What changes it needs a connected node. */
import type { CryptoSuite, SecureRandom } from '../../base/index.ts';
import { type DeviceId, deviceIdOf } from '../../protocol/index.ts';
import { armorCertificate, exportSecretKey, parseCertificate } from '../../vault/index.ts';
import { ClientError } from '../client-error.ts';
import type { NodeConnection } from '../connection/index.ts';
import type { Contacts } from '../contacts/contacts.ts';
import {
  closeAccount,
  revokeDevice,
  rotateCertificate,
  setPassword,
  setRecoveryCode,
  setRetention,
} from './account-changes.ts';
import { fingerprintOf } from './account-setup.ts';
import type { DeviceProfile } from './device-profile.ts';

export interface AccountDeps {
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
  readonly contacts: Contacts;
  readonly now: () => number;
  readonly profile: () => DeviceProfile;
  readonly changeProfile: (profile: DeviceProfile) => Promise<void>;
  /** Throws ClientError `offline`. */
  readonly connection: () => NodeConnection;
}

export interface DeviceInfo {
  readonly id: DeviceId;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly addedAt: number;
  readonly isThis: boolean;
  readonly isRevoked: boolean;
}

export class Account {
  readonly #deps: AccountDeps;

  constructor(deps: AccountDeps) {
    this.#deps = deps;
  }

  async fingerprint(): Promise<string> {
    return fingerprintOf(this.#deps.profile().secrets);
  }

  /** As this device knows them; `sync` first to be up to date. */
  async devices(): Promise<readonly DeviceInfo[]> {
    const { contacts, profile, suite } = this.#deps;
    const contact = await contacts.find(profile().address);
    if (contact === undefined) return [];
    const own = deviceIdOf(suite, profile().device.publicKey);
    const info = (isRevoked: boolean) => (device: { id: DeviceId; name: string; addedAt: number }) => {
      const { id, name, addedAt } = device;
      return { id, name, addedAt, isThis: id === own, isRevoked };
    };
    const { devices, revoked } = contact.document;
    return [...devices.map(info(false)), ...revoked.map(info(true))];
  }

  /** Throws ClientError `unknown_device` or `offline`. */
  async revokeDevice(id: DeviceId): Promise<void> {
    await revokeDevice(this.#deps, this.#deps.connection(), this.#deps.profile(), id);
  }

  async changePassword(password: string): Promise<void> {
    await setPassword(this.#deps, this.#deps.connection(), this.#deps.profile(), password);
  }

  /** A new one, to be shown once; the one before opens nothing any more. */
  async renewRecoveryCode(): Promise<string> {
    return setRecoveryCode(this.#deps, this.#deps.connection(), this.#deps.profile());
  }

  /** New mail is encrypted to a new subkey. Returns the fingerprint, which stays. */
  async rotateCertificate(): Promise<string> {
    const profile = await rotateCertificate(this.#deps, this.#deps.connection(), this.#deps.profile());
    await this.#deps.changeProfile(profile);
    return fingerprintOf(profile.secrets);
  }

  /** Days after which the home erases bodies; 0 keeps them for ever. */
  async setRetention(days: number): Promise<void> {
    await setRetention(this.#deps, this.#deps.connection(), this.#deps.profile(), days);
  }

  /** The home erases everything and gives the address to nobody again. The mail on this device stays. */
  async close(): Promise<void> {
    await closeAccount(this.#deps, this.#deps.connection(), this.#deps.profile());
  }

  /** ASCII armor, for others. */
  async certificate(): Promise<string> {
    return armorCertificate(await parseCertificate(this.#deps.profile().secrets.certificate));
  }

  /** ASCII armor for `gpg --import`, locked by a passphrase. */
  async secretKey(passphrase: string): Promise<string> {
    if (passphrase === '') throw new ClientError('refused', 'a secret key leaves only under a passphrase');
    return exportSecretKey(this.#deps.profile().secrets, passphrase);
  }
}
