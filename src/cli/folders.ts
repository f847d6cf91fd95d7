/** Where things are kept unless told otherwise: the platform's data folder, a folder for the server, one for each person. */
import { createHash } from 'node:crypto';
import { homedir, platform } from 'node:os';
import { join } from 'node:path';
import type { Address } from '../protocol/index.ts';
import { FOLDER_NAME_CHARACTERS_MAX } from './limits.ts';

export interface Platform {
  readonly os: NodeJS.Platform;
  readonly home: string;
  readonly environment: NodeJS.ProcessEnv;
}

export function currentPlatform(environment: NodeJS.ProcessEnv): Platform {
  return { os: platform(), home: homedir(), environment };
}

/** XDG base directories, Apple's and Microsoft's conventions. */
export function dataFolder({ os, home, environment }: Platform): string {
  if (os === 'darwin') return join(home, 'Library', 'Application Support', 'restante');
  if (os === 'win32') return join(environment.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'restante');
  return join(environment.XDG_DATA_HOME || join(home, '.local', 'share'), 'restante');
}

export function serverFolder(of: Platform): string {
  return join(dataFolder(of), 'server');
}

export function profilesFolder(of: Platform): string {
  return join(dataFolder(of), 'profiles');
}

export function profileFolder(of: Platform, address: Address): string {
  return join(profilesFolder(of), folderName(address));
}

/** An address may hold characters that no folder name does (`/`, `*`, `:`): they are spelled as in a URL. */
function folderName(address: Address): string {
  const name = address.replace(/[^a-z0-9.@_+-]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);
  if (name.length <= FOLDER_NAME_CHARACTERS_MAX) return name;
  return `${name.slice(0, FOLDER_NAME_CHARACTERS_MAX - 17)}~${createHash('sha256').update(address).digest('hex').slice(0, 16)}`;
}
