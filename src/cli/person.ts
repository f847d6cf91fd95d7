/** How commands reach a person: the profile's key, its store, and the way to its home. */
import { hostname } from 'node:os';
import { SystemResolver, WsDialer } from '../base/system/index.ts';
import type { SetupDeps } from '../client/index.ts';
import { FRAME_BYTES_MAX } from '../protocol/index.ts';
import { SqliteStore } from '../store/sqlite/index.ts';
import type { Context } from './context.ts';
import { openKeyring } from './keyring.ts';
import { DIAL_TIMEOUT_MS } from './limits.ts';
import { isPrivateUrl } from './node-url.ts';
import type { Profile } from './profile.ts';
import { PASSWORD } from './terminal/questions.ts';

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
