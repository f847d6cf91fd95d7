/**
 * A person on this device: a folder with who they are and, sealed, their keys.
 *
 *     profile.json   address, node, how the password is stretched, and two sealed parts
 *     store/         mail, ledger and outbox, encrypted at rest
 *
 * A random profile key seals the account's secrets and the device's key; the password seals the profile key (Argon2id), and
 * `unlock` puts it into the system's keyring. Nothing here is ever in the clear on disk.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type CryptoSuite, fromBase64, fromUtf8, type SecureRandom, toBase64, utf8 } from '../base/index.ts';
import { type DeviceProfile, decodeDeviceProfile, encodeDeviceProfile } from '../client/index.ts';
import {
  type Address,
  type EnrolmentParameters,
  encodeEnrolmentParameters,
  parseAddress,
  parseEnrolmentParameters,
} from '../protocol/index.ts';
import { createEnrolmentParameters, derivePasswordKeys, openAtRest, sealAtRest, VaultError } from '../vault/index.ts';
import { CliError } from './cli-error.ts';
import { writeDurably } from './durable-file.ts';

export interface ProfileDeps {
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
}

export interface NewProfile {
  readonly folder: string;
  /** `ws://…` or `wss://…`: where the first connection goes. */
  readonly nodeUrl: string;
  readonly password: string;
  readonly device: DeviceProfile;
}

const base64 = z.string().regex(/^[A-Za-z0-9+/]*$/);
const FILE_VERSION = 1;
const fileSchema = z.strictObject({
  v: z.literal(FILE_VERSION),
  address: z.string(),
  node: z.string(),
  password: z.record(z.string(), z.union([z.string(), z.int()])),
  /** The profile key, sealed by the password. */
  key: base64,
  /** The account's keys and the device's, sealed by the profile key. */
  device: base64,
  /** The program whose keyring has the profile key. */
  keyring: z.string().optional(),
});
type ProfileFile = z.infer<typeof fileSchema>;

const FILE = 'profile.json';

export class Profile {
  readonly folder: string;
  readonly address: Address;
  #file: ProfileFile;

  private constructor(folder: string, file: ProfileFile) {
    this.folder = folder;
    this.address = parseAddress(file.address);
    this.#file = file;
  }

  /** Writes a new one. Throws CliError `profile_exists`. */
  static async create(deps: ProfileDeps, profile: NewProfile): Promise<Profile> {
    await refuseExisting(profile.folder);
    await mkdir(profile.folder, { recursive: true, mode: 0o700 });
    const key = deps.random.bytes(32);
    const created = new Profile(profile.folder, {
      v: 1,
      address: profile.device.address,
      node: profile.nodeUrl,
      ...(await sealKey(deps, profile.device.address, key, profile.password)),
      device: sealDevice(deps, key, profile.device),
    });
    await created.#write();
    return created;
  }

  /** Throws CliError `no_profile` or `bad_profile`. */
  static async open(folder: string): Promise<Profile> {
    const text = await readFile(join(folder, FILE), 'utf8').catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT' && cause.code !== 'ENOTDIR') throw cause;
      throw new CliError('no_profile', `${folder} holds no profile`, {
        fix: 'Make one with `restante account new ADDRESS` or `restante account add ADDRESS`.',
      });
    });
    try {
      refuseNewer(folder, JSON.parse(text));
      return new Profile(folder, fileSchema.parse(JSON.parse(text)));
    } catch (cause) {
      if (cause instanceof CliError) throw cause;
      throw new CliError('bad_profile', `${join(folder, FILE)} cannot be read`, {
        cause,
        fix: 'Add the account to this device again with `restante account add ADDRESS --profile NEW_FOLDER`.',
      });
    }
  }

  get storeFolder(): string {
    return join(this.folder, 'store');
  }

  get nodeUrl(): string {
    return this.#file.node;
  }

  /** The keyring that has the profile's key; undefined: locked. */
  get keyring(): string | undefined {
    return this.#file.keyring;
  }

  /** The profile key. Throws VaultError `wrong_password`. */
  async unseal(deps: ProfileDeps, password: string): Promise<Uint8Array> {
    const parameters = parametersOf(this.#file);
    const sealed = fromBase64(this.#file.key);
    const { vaultKey } = await derivePasswordKeys(deps.suite, password, parameters);
    try {
      return openAtRest(vaultKey, contextOf(this.address, 'key'), sealed);
    } catch (cause) {
      throw new VaultError('wrong_password', 'the password is wrong', { cause });
    }
  }

  /** Throws VaultError `tampered`, also for the key of another profile. */
  deviceOf(deps: ProfileDeps, key: Uint8Array): DeviceProfile {
    const plain = openAtRest(key, contextOf(this.address, 'device'), fromBase64(this.#file.device));
    return decodeDeviceProfile(deps.suite, this.address, plain);
  }

  /** After a rotation, also one that another device made. */
  async saveDevice(deps: ProfileDeps, key: Uint8Array, device: DeviceProfile): Promise<void> {
    const sealed = sealDevice(deps, key, device);
    await this.#change((file) => ({ ...file, device: sealed }));
  }

  async savePassword(deps: ProfileDeps, key: Uint8Array, password: string): Promise<void> {
    const sealed = await sealKey(deps, this.address, key, password);
    await this.#change((file) => ({ ...file, ...sealed }));
  }

  async saveKeyring(name: string | undefined): Promise<void> {
    await this.#change(({ keyring: _, ...file }) => (name === undefined ? file : { ...file, keyring: name }));
  }

  /** The folder and everything in it is gone. */
  async remove(): Promise<void> {
    // The keys first: what is left after a crash cannot be read any more.
    await rm(join(this.folder, FILE), { force: true });
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Of what is on disk now: `unlock` and `lock` change the file while another command has the profile. */
  async #change(change: (file: ProfileFile) => ProfileFile): Promise<void> {
    this.#file = change((await Profile.open(this.folder)).#file);
    await this.#write();
  }

  async #write(): Promise<void> {
    await writeDurably(join(this.folder, FILE), `${JSON.stringify(this.#file, undefined, 2)}\n`);
  }
}

function refuseNewer(folder: string, file: unknown): void {
  const { v } = file as { readonly v?: unknown };
  if (typeof v === 'number' && v > FILE_VERSION)
    throw new CliError('newer_schema', `${join(folder, FILE)} was written by a newer version of Restante`, {
      fix: 'Use that version again.',
    });
}

/** Throws CliError `profile_exists`: a second set of keys would replace the first, which may be the only one. */
export async function refuseExisting(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (names.includes(FILE))
    throw new CliError('profile_exists', `${folder} holds a profile already`, {
      fix: 'Use it, or name another folder with --profile.',
    });
}

function sealDevice(deps: ProfileDeps, key: Uint8Array, device: DeviceProfile): string {
  return toBase64(sealAtRest(deps.random, key, contextOf(device.address, 'device'), encodeDeviceProfile(device)));
}

async function sealKey(
  deps: ProfileDeps,
  address: Address,
  key: Uint8Array,
  password: string,
): Promise<Pick<ProfileFile, 'password' | 'key'>> {
  // A salt of its own: what this device derives from the password is of no use at the home, nor the other way round.
  const parameters = createEnrolmentParameters(deps.random);
  const { vaultKey } = await derivePasswordKeys(deps.suite, password, parameters);
  return {
    password: JSON.parse(fromUtf8(encodeEnrolmentParameters(parameters))),
    key: toBase64(sealAtRest(deps.random, vaultKey, contextOf(address, 'key'), key)),
  };
}

function parametersOf(file: ProfileFile): EnrolmentParameters {
  return parseEnrolmentParameters(utf8(JSON.stringify(file.password)));
}

function contextOf(address: Address, part: 'key' | 'device'): Uint8Array {
  return utf8(`restante profile 1\n${part}\n${address}`);
}
