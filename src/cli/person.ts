/** How commands reach a person: the profile is chosen and unlocked, the client opened, and all of it closed again. */
import { hostname } from 'node:os';
import { CodedError, fromHex } from '../base/index.ts';
import { letPass, SystemResolver, ThreadedSignatureChecker, WsDialer } from '../base/system/index.ts';
import type { Client, SetupDeps } from '../client/index.ts';
import type { KeyFinder } from '../client/node/index.ts';
import { FRAME_BYTES_MAX, isPrivateUrl } from '../protocol/index.ts';
import { SqliteStore } from '../store/sqlite/index.ts';
import { type BodyWorker, GrowingBodyWorker, InThreadBodyWorker } from '../vault/index.ts';
import { VaultPool } from '../vault/node/index.ts';
import { CliError, HandedOver } from './cli-error.ts';
import type { Context, Person } from './context.ts';
import { openKeyring } from './keyring.ts';
import { DIAL_TIMEOUT_MS, LOCKED_RETRY_MS, LOCKED_TRIES_MAX, PASSWORD_MEMORY_BYTES } from './limits.ts';

import type { PersonOptions } from './options.ts';
import type { Profile } from './profile.ts';
import { chooseProfile } from './profile-choice.ts';
import { handOver } from './sharing/hand-over.ts';
import { ProfileHost } from './sharing/profile-host.ts';
import { PASSWORD } from './terminal/questions.ts';

export interface PersonNeeds {
  /** Whether to wait for a node first. Commands on what is here work without a network, and leave it alone. */
  readonly isOnline: boolean;
  /** Much may be encrypted or decrypted: in threads, once there is much. */
  readonly isBulk?: boolean;
  /** Nothing else may use the profile meanwhile. */
  readonly isAlone?: boolean;
}

/**
 * The person that the options name, with the mail on this device. Where another process has the profile, the command runs
 * there instead (`sharing/`), and this one ends with it: then HandedOver is thrown. Throws ClientError `offline` where a
 * node is needed.
 */
export async function withPerson<Result>(
  context: Context,
  options: PersonOptions,
  needs: PersonNeeds,
  work: (person: Person) => Promise<Result>,
): Promise<Result> {
  if (context.shared !== undefined) return withAlarms(context, needs, context.shared.person, work);
  const { Client } = await loadClient();
  const profile = await chooseProfile(context.platform, options);
  const profileKey = await unlockProfile(context, profile);
  await using store = await acquireStore(context, needs, profile, profileKey);
  // Its threads start with the first page of mail, if one comes.
  await using signatures = new ThreadedSignatureChecker(context.deps.suite);
  await using client = await Client.open(
    {
      ...context.deps,
      signatures,
      store,
      log: context.log,
      dialer: openDialer(context, profile.nodeUrl),
      openVault: (secrets) => openVault(context, needs, secrets),
      findOrdinaryKey: async (address, signal) => (await openKeyFinder(context, profile.nodeUrl))(address, signal),
      saveProfile: (next) => profile.saveDevice(context.deps, profileKey, next),
    },
    {
      profile: profile.deviceOf(context.deps, profileKey),
      nodeUrl: profile.nodeUrl,
      fleets: await (await loadEdge()).readFleets(profile.folder),
      autoConnect: needs.isOnline,
    },
  );
  const person = { client, profile, profileKey };
  if (needs.isAlone === true) return await withAlarms(context, needs, person, work);
  const { log, run, signal } = context;
  await using _ = await ProfileHost.open({ ...context.deps, log, run }, person, signal);
  return await withAlarms(context, needs, person, work);
}

async function withAlarms<Result>(
  context: Context,
  needs: PersonNeeds,
  person: Person,
  work: (person: Person) => Promise<Result>,
): Promise<Result> {
  using _ = person.client.events.on('alarm', ({ code, subject, detail }) => {
    context.output.warn(`${code} ${subject}: ${detail}`);
  });
  using _changes = person.client.events.on('key_changed', ({ address, before, fingerprint }) => {
    const now = `the key of ${address} is another one now: ${fingerprint ?? 'none'}, before ${before ?? 'none'}`;
    context.output.warn(`key_changed ${address}: ${now}. Compare it with its owner before you trust it`);
  });
  if (needs.isOnline) await person.client.connect(context.signal);
  return await work(person);
}

/** The profile's store; or this command runs where it is open. Throws HandedOver, or StoreError `locked`. */
async function acquireStore(
  context: Context,
  needs: PersonNeeds,
  profile: Profile,
  profileKey: Uint8Array,
): Promise<SqliteStore> {
  for (let tries = 1; ; tries++) {
    context.signal.throwIfAborted();
    try {
      return await openStore(context, profile.storeFolder);
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'locked') throw error;
      if (needs.isAlone === true || tries > LOCKED_TRIES_MAX) throw inUse(error);
    }
    const outcome = await handOver(context, profile, profileKey);
    if (outcome.status === 'ended') throw new HandedOver(outcome.code);
    // It is just being opened or closed, or the other command has let it go.
    await context.deps.clock.sleep(LOCKED_RETRY_MS, context.signal);
  }
}

function inUse(cause: unknown): CliError {
  return new CliError('locked', 'another command has this profile', {
    fix: 'Wait for the other command to end, or stop it',
    cause,
  });
}

/** The key of a profile: from the keyring where `unlock` put it, else by the password. */
export async function unlockProfile(context: Context, profile: Profile): Promise<Uint8Array> {
  const { questions, deps, platform } = context;
  if (profile.keyring !== undefined && !questions.hasPassword) {
    const found = await (await openKeyring(platform)).find(profile.address);
    // A restart may have emptied it: then it is as if the profile had never been unlocked.
    if (found !== undefined) return fromHex(found);
  }
  const key = await profile.unseal(deps, await questions.secret(PASSWORD));
  letPass(PASSWORD_MEMORY_BYTES);
  return key;
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

function loadEdge(): Promise<typeof import('../client/node/index.ts')> {
  return import('../client/node/index.ts');
}

async function openKeyFinder({ deps, log }: Context, nodeUrl: string): Promise<KeyFinder> {
  const { createKeyFinder } = await loadEdge();
  return createKeyFinder({ ...deps, log }, { allowPrivate: isPrivateUrl(nodeUrl) });
}

async function openVault(
  { deps, log }: Context,
  needs: PersonNeeds,
  secrets: ConstructorParameters<typeof InThreadBodyWorker>[1]['secrets'],
): Promise<BodyWorker> {
  const few = new InThreadBodyWorker(deps, { secrets });
  if (needs.isBulk !== true) return few;
  const onThreadLost = (error: Error): void => log.warn({ error }, 'a thread of the vault was lost');
  return new GrowingBodyWorker({ few, openMany: () => VaultPool.open({ onThreadLost }, { secrets }) });
}

function openDialer(context: Context, nodeUrl: string): WsDialer {
  return new WsDialer(
    { clock: context.deps.clock, resolver: new SystemResolver() },
    { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: DIAL_TIMEOUT_MS, allowPrivate: isPrivateUrl(nodeUrl) },
  );
}

/** For what works without a network too, and says more with one. */
export async function connectIfPossible(client: Client, context: Context): Promise<void> {
  try {
    await client.connect(context.signal);
  } catch (error) {
    context.signal.throwIfAborted();
    context.log.info({ error }, 'no node is connected');
  }
}
