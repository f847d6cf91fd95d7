/**
 * What a hub keeps of an account, in the user's folder:
 *
 *     profile    the account's secrets and the key of this device, sealed with the hub key
 *     hub-key    the hub key, sealed with a key that only the account's secrets yield
 *
 * The second is for a person whose password was changed elsewhere: whoever opens the account at its home has the hub key.
 */
import { existsSync } from 'node:fs';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type CryptoSuite, type SecureRandom, utf8 } from '../../../base/index.ts';
import { type DeviceProfile, decodeDeviceProfile, encodeDeviceProfile } from '../../../client/index.ts';
import type { Address } from '../../../protocol/index.ts';
import { type AccountSecrets, openAtRest, sealAtRest, VaultError } from '../../../vault/index.ts';
import { HubError } from '../../hub-error.ts';

const PROFILE = 'profile';
const HUB_KEY = 'hub-key';

export interface AccountFilesDeps {
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
}

export class AccountFiles {
  readonly #deps: AccountFilesDeps;
  readonly #folder: string;
  readonly #address: Address;

  constructor(deps: AccountFilesDeps, options: { readonly folder: string; readonly address: Address }) {
    this.#deps = deps;
    this.#folder = options.folder;
    this.#address = options.address;
  }

  /** Whether the account was joined here. */
  get exist(): boolean {
    return existsSync(join(this.#folder, PROFILE));
  }

  /** Throws HubError `malformed`. */
  async readProfile(hubKey: Uint8Array): Promise<DeviceProfile> {
    const sealed = await readFile(join(this.#folder, PROFILE));
    const bytes = this.#open(hubKey, PROFILE, sealed);
    return decodeDeviceProfile(this.#deps.suite, this.#address, bytes);
  }

  async writeProfile(hubKey: Uint8Array, profile: DeviceProfile): Promise<void> {
    await this.#write(HUB_KEY, this.#seal(this.#wrappingKey(profile.secrets), HUB_KEY, hubKey));
    await this.#write(PROFILE, this.#seal(hubKey, PROFILE, encodeDeviceProfile(profile)));
  }

  /** Throws HubError `malformed`. */
  async readHubKey(secrets: AccountSecrets): Promise<Uint8Array> {
    return this.#open(this.#wrappingKey(secrets), HUB_KEY, await readFile(join(this.#folder, HUB_KEY)));
  }

  #seal(key: Uint8Array, file: string, bytes: Uint8Array): Uint8Array {
    return sealAtRest(this.#deps.random, key, this.#contextOf(file), bytes);
  }

  #open(key: Uint8Array, file: string, sealed: Uint8Array): Uint8Array {
    try {
      return openAtRest(key, this.#contextOf(file), sealed);
    } catch (cause) {
      if (!(cause instanceof VaultError)) throw cause;
      throw new HubError('malformed', `the file ${file} of a user is damaged, or of another key`, { cause });
    }
  }

  #wrappingKey({ storageKey }: AccountSecrets): Uint8Array {
    return this.#deps.suite.blake2bKeyed(storageKey, utf8('restante hub key wrap 1'));
  }

  #contextOf(file: string): Uint8Array {
    return utf8(`restante hub account 1\n${file}\n${this.#address}`);
  }

  /** Whole or not there at all, readable by the owner only. */
  async #write(name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.#folder, name);
    const file = await open(`${path}.new`, 'w', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
    const folder = await open(this.#folder, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}
