/** A person whom this hub does not know, or who changed their password elsewhere: they are asked for at their home. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Clock,
  CodedError,
  type CryptoSuite,
  type Dialer,
  type Log,
  type SecureRandom,
} from '../../../base/index.ts';
import { joinAccount, unlockAccount } from '../../../client/index.ts';
import type { Address } from '../../../protocol/index.ts';
import { MemoryStore } from '../../../store/index.ts';
import { SqliteStore } from '../../../store/sqlite/index.ts';
import { HubError } from '../../hub-error.ts';
import { AccountFiles } from './account-files.ts';

export interface JoiningDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  readonly dialer: Dialer;
  readonly log: Log;
}

export interface JoiningOptions {
  readonly address: Address;
  readonly password: string;
  readonly nodeUrl: string;
  readonly folder: string;
  readonly cache: 'disk' | 'memory';
}

/** Where the mail agent's client keeps its store. */
export const MAIL_FOLDER = 'mail';
/** As people tell their devices apart. */
export const DEVICE_NAME = 'hub';

/** The hub key: new, when the account is joined, or the one that this account's files are sealed with. Throws HubError `refused` or `home_unreachable`. */
export async function joinUser(deps: JoiningDeps, options: JoiningOptions, signal: AbortSignal): Promise<Uint8Array> {
  const { address, folder, nodeUrl, password } = options;
  const files = new AccountFiles(deps, options);
  try {
    if (files.exist) {
      const where = { address, nodeUrl, password };
      return await files.readHubKey(await unlockAccount({ ...deps, store: new MemoryStore() }, where, signal));
    }
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await using store = await openMailStore(deps.log, options);
    const where = { address, deviceName: DEVICE_NAME, nodeUrl, password };
    const { profile } = await joinAccount({ ...deps, store }, where, signal);
    const hubKey = deps.random.bytes(32);
    await files.writeProfile(hubKey, profile);
    return hubKey;
  } catch (error) {
    // Whoever could not come in leaves nothing here.
    if (!files.exist) await rm(join(folder, MAIL_FOLDER), { recursive: true, force: true });
    signal.throwIfAborted();
    throw refusalOf(error);
  }
}

export function openMailStore(
  log: Log,
  { cache, folder }: Pick<JoiningOptions, 'cache' | 'folder'>,
): Promise<SqliteStore> | MemoryStore {
  if (cache === 'memory') return new MemoryStore();
  // An agent is a thread already, and nobody waits in it but itself: two more would cost each user their memory.
  return SqliteStore.open({ log }, { folder: join(folder, MAIL_FOLDER), isThreaded: false });
}

/** Says no more than it must: whether there is such a person is the home's to tell. */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof CodedError) || error instanceof HubError) return error;
  if (error.code === 'wrong_password') return new HubError('refused', 'address and password do not belong together');
  if (error.retry !== 'never')
    return new HubError('home_unreachable', 'the home of this person does not answer', {
      cause: error,
      retry: 'later',
    });
  return new HubError('refused', 'the account cannot be joined', { cause: error });
}
