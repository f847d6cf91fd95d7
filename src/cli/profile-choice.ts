/** Which person of this device a command is for: --profile, --address, or the only one there is. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Address, parseAddress } from '../protocol/index.ts';
import { CliError } from './cli-error.ts';
import { type Platform, profileFolder, profilesFolder } from './folders.ts';
import { Profile } from './profile.ts';

export interface ProfileOptions {
  readonly profile?: string;
  /** A whole address, or its local part where that is enough. */
  readonly address?: string;
}

/** Throws CliError `no_profile`, `many_profiles` or `bad_profile`. */
export async function chooseProfile(platform: Platform, options: ProfileOptions): Promise<Profile> {
  if (options.profile !== undefined) return Profile.open(options.profile);
  const profiles = await listProfiles(platform);
  const wanted = options.address?.toLowerCase();
  const matching = profiles.filter(
    ({ address }) => wanted === undefined || address === wanted || address.startsWith(`${wanted}@`),
  );
  const [only, ...others] = matching;
  if (only !== undefined && others.length === 0) return only;
  if (only === undefined)
    throw new CliError('no_profile', `this device has no profile${wanted === undefined ? '' : ` of ${wanted}`}`, {
      fix: 'Make one with `restante account new ADDRESS` or `restante account add ADDRESS`.',
    });
  throw new CliError(
    'many_profiles',
    `this device has profiles of ${matching.map(({ address }) => address).join(', ')}`,
    {
      fix: 'Say which with --address.',
    },
  );
}

/** Where a new profile goes. */
export function folderForNew(platform: Platform, address: Address, options: ProfileOptions): string {
  return options.profile ?? profileFolder(platform, address);
}

/** In the order of their addresses. A folder that is no profile is passed over: it may be one that is just being made. */
export async function listProfiles(platform: Platform): Promise<readonly Profile[]> {
  const folder = profilesFolder(platform);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const profiles: Profile[] = [];
  for (const name of names.sort()) {
    const found = await Profile.open(join(folder, name)).catch((error: unknown) => {
      if (error instanceof CliError && error.code === 'no_profile') return undefined;
      throw error;
    });
    if (found !== undefined) profiles.push(found);
  }
  return profiles;
}

/** The address that a command is told, for what concerns no profile yet. Throws ProtocolError. */
export function addressOf(text: string): Address {
  return parseAddress(text.trim());
}
