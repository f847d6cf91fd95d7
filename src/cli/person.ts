/** How commands reach a person: the profile is chosen and unlocked, the client opened, and all of it closed again. */
import { hostname } from 'node:os';
import { fromHex } from '../base/index.ts';
import { SystemResolver, WsDialer } from '../base/system/index.ts';
import type { Client, SetupDeps } from '../client/index.ts';
import { FRAME_BYTES_MAX } from '../protocol/index.ts';
import { SqliteStore } from '../store/sqlite/index.ts';
import { type BodyWorker, InThreadBodyWorker } from '../vault/index.ts';
import { VaultPool } from '../vault/node/index.ts';
import type { Context } from './context.ts';
import { openKeyring } from './keyring.ts';
import { DIAL_TIMEOUT_MS } from './limits.ts';
import { isPrivateUrl } from './node-url.ts';
import type { PersonOptions } from './options.ts';
import type { Profile } from './profile.ts';
import { chooseProfile } from './profile-choice.ts';
import { PASSWORD } from './terminal/questions.ts';

export interface Person {
  readonly client: Client;
  readonly profile: Profile;
  /** Opens what the profile has sealed. */
  readonly profileKey: Uint8Array;
}

export interface PersonNeeds {
  /** Whether to wait for a node first. Commands on what is here work without a network, and leave it alone. */
  readonly isOnline: boolean;
  /** Much is encrypted or decrypted: in threads, which take a moment to start. */
  readonly isBulk?: boolean;
}

/** The person that the options name, with the mail on this device. Throws ClientError `offline` where a node is needed. */
export async function withPerson<Result>(
  context: Context,
  options: PersonOptions,
  needs: PersonNeeds,
  work: (person: Person) => Promise<Result>,
): Promise<Result> {
  const { Client } = await loadClient();
  const profile = await chooseProfile(context.platform, options);
  const profileKey = await unlockProfile(context, profile);
  await using store = await openStore(context, profile.storeFolder);
  await using client = await Client.open(
    {
      ...context.deps,
      store,
      log: context.log,
      dialer: openDialer(context, profile.nodeUrl),
      openVault: (secrets) => openVault(context, needs, secrets),
      saveProfile: (next) => profile.saveDevice(context.deps, profileKey, next),
    },
    {
      profile: profile.deviceOf(context.deps, profileKey),
      nodeUrl: profile.nodeUrl,
      autoConnect: needs.isOnline,
    },
  );
  using _ = client.events.on('alarm', ({ code, subject, detail }) => {
    context.output.warn(`${code} ${subject}: ${detail}`);
  });
  if (needs.isOnline) await client.connect(context.signal);
  return await work({ client, profile, profileKey });
}

/** The key of a profile: from the keyring where `unlock` put it, else by the password. */
export async function unlockProfile(context: Context, profile: Profile): Promise<Uint8Array> {
  const { questions, deps, platform } = context;
  if (profile.keyring !== undefined && !questions.hasPassword) {
    const found = await (await openKeyring(platform)).find(profile.address);
    // A restart may have emptied it: then it is as if the profile had never been unlocked.
    if (found !== undefined) return fromHex(found);
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
  return SqliteStore.open({ log: context.log }, { folder });
}

/**
 * Loaded when it is used. In a function of its own: within one that has `await using`, the compiler leaves the name of the
 * source in the import.
 */
function loadClient(): Promise<typeof import('../client/index.ts')> {
  return import('../client/index.ts');
}

async function openVault(
  { deps, log }: Context,
  needs: PersonNeeds,
  secrets: ConstructorParameters<typeof InThreadBodyWorker>[1]['secrets'],
): Promise<BodyWorker> {
  if (needs.isBulk !== true) return new InThreadBodyWorker(deps, { secrets });
  const onThreadLost = (error: Error): void => log.warn({ error }, 'a thread of the vault was lost');
  return VaultPool.open({ onThreadLost }, { secrets });
}

function openDialer(context: Context, nodeUrl: string): WsDialer {
  return new WsDialer(
    { clock: context.deps.clock, resolver: new SystemResolver() },
    { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: DIAL_TIMEOUT_MS, allowPrivate: isPrivateUrl(nodeUrl) },
  );
}
