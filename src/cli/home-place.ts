/** Where a home is, as its folder and its operator say: what DNS has to say of it follows from that. */
import { access } from 'node:fs/promises';
import { isLoopbackHome } from '../federation/index.ts';
import type { HomePlace } from '../smtp-door/index.ts';
import { CliError } from './cli-error.ts';
import type { Context } from './context.ts';
import { dkimKeysFile, readDkimKeys } from './letters.ts';
import { readStsPolicy } from './mta-sts.ts';
import type { ServerOptions } from './options.ts';
import { dataFolderOf, loadNode } from './server.ts';
import { doorKeysFile } from './smtp-door.ts';

export interface PlaceOptions extends ServerOptions {
  readonly host?: string;
  readonly port: number;
}

/** Throws CliError `no_home` or `usage`. */
export async function homePlaceOf(context: Context, options: PlaceOptions): Promise<HomePlace> {
  const { readHomeConfig } = await loadNode();
  const folder = dataFolderOf(context, options);
  const config = await readHomeConfig(folder);
  if (config === undefined)
    throw new CliError('no_home', `${folder} holds no home`, {
      fix: 'Start one with `restante up`, or name its folder with --data.',
    });
  const { home } = config;
  if (isLoopbackHome(home))
    throw new CliError('usage', `${home} is a name of this machine, and stands in no DNS`, {
      fix: 'Start a home with --home and the domain that you have.',
    });
  const { host = `mail.${home}`, port } = options;
  const [dkim, stsPolicy] = [await readDkimKeys(dkimKeysFile(folder)), await readStsPolicy(folder)];
  const hasDoor = await exists(doorKeysFile(folder));
  return { home, host, port, hasDoor, dkim, stsPolicy };
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
