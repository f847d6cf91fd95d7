/** How commands reach a person's mail: the profile is chosen and unlocked, the client opened, and all of it closed again. */
import { hostname } from 'node:os';
import { SystemResolver, WsDialer } from '../base/system/index.ts';
import type { Client, DeviceProfile, SetupDeps } from '../client/index.ts';
import { FRAME_BYTES_MAX } from '../protocol/index.ts';
import { SqliteStore } from '../store/sqlite/index.ts';
import { VaultPool } from '../vault/node/index.ts';
import type { Context } from './context.ts';
import { openKeyring } from './keyring.ts';
import { CONNECT_TIMEOUT_MS, DIAL_TIMEOUT_MS } from './limits.ts';
import { isPrivateUrl } from './node-url.ts';
import type { PersonOptions } from './options.ts';
import type { Profile } from './profile.ts';
import { chooseProfile } from './profile-choice.ts';
import { PASSWORD } from './terminal/questions.ts';

export interface Person {
  readonly client: Client;
  readonly profile: Profile;
  /** Opens the profile's own secrets. */
  readonly profileKey: Uint8Array;
}

export interface PersonNeeds {
  /** Whether the client connects: commands on what is here work without a network, and leave it alone. */
  readonly isOnline: boolean;
}

/** The person that the options name, with the mail on this device. */
export async function withPerson<Result>(
  context: Context,
  options: PersonOptions,
  needs: PersonNeeds,
  work: (person: Person) => Promise<Result>,
): Promise<Result> {
  const profile = await chooseProfile(context.platform, options);
  const profileKey = await unlockProfile(context, profile);
  const device = profile.deviceOf(context.deps, profileKey);
  await using opening = new AsyncDisposableStack();
  const client = opening.use(await openClient(context, opening, { profile, profileKey, device, needs }));
  return await work({ client, profile, profileKey });
}

/** The key of a profile: from the keyring where `unlock` put it, else by the password. */
export async function unlockProfile(context: Context, profile: Profile): Promise<Uint8Array> {
  const { questions, deps, platform } = context;
  if (profile.keyring !== undefined && !questions.hasPassword) {
    const keyring = await openKeyring(platform);
    const found = await keyring.find(profile.address);
    if (found !== undefined) return Buffer.from(found, 'hex');
    // A restart emptied it: then it is as if it had never been unlocked.
  }
  return profile.unseal(deps, await questions.secret(PASSWORD));
}

/** What making, joining and recovering an account lean on; the store is the new profile's. */
export function setupDeps(context: Context, store: SqliteStore, nodeUrl: string): SetupDeps {
  return { ...context.deps, store, log: context.log, dialer: openDialer(context, nodeUrl) };
}

/** As people tell their devices apart. */
export function deviceName(given: string | undefined): string {
  return given ?? (hostname() || 'computer');
}

export function openStore(context: Context, folder: string): Promise<SqliteStore> {
  return SqliteStore.open({ ...context.deps, log: context.log }, { folder });
}

function openDialer(context: Context, nodeUrl: string): WsDialer {
  return new WsDialer(
    { clock: context.deps.clock, resolver: new SystemResolver() },
    { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: DIAL_TIMEOUT_MS, allowPrivate: isPrivateUrl(nodeUrl) },
  );
}
