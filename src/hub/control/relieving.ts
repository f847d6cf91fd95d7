/** Takes what a control server knows to hand it over, and gives it to the one that takes over. */
import type { CryptoSuite, SecureRandom } from '../../base/index.ts';
import type { Component } from '../component/component.ts';
import type { KnownPeer, Self } from '../component/correspondence.ts';
import { createInstanceId } from '../component/ids.ts';
import {
  createComponentKeys,
  decodeKeySeeds,
  decodePublicKeys,
  encodeKeySeeds,
  encodePublicKeys,
} from '../component/keys.ts';
import type { Authenticator } from './authenticator.ts';
import type { KeyRing } from './key-ring.ts';
import type { LivingUserServer, Relief } from './relief.ts';
import type { Reminders } from './reminders.ts';
import type { UserServers } from './user-servers.ts';

export interface Knowing {
  readonly authenticator: Authenticator;
  readonly component: Component;
  readonly keyRing: KeyRing;
  readonly reminders: Reminders;
  readonly servers: UserServers;
}

/** Who a control server is: somebody new, or whom it relieves. */
export function selfOf(suite: CryptoSuite, random: SecureRandom, relief: Relief | undefined): Self {
  if (relief === undefined) return { instance: createInstanceId(random), keys: createComponentKeys(suite, random) };
  const { instance, keys } = relief.self;
  return { instance, keys: decodeKeySeeds(suite, keys) };
}

export function collectRelief(
  { authenticator, component, keyRing, reminders }: Omit<Knowing, 'servers'>,
  userServers: LivingUserServer[],
  { port, runFolder, self }: { readonly self: Self; readonly runFolder: string; readonly port: number },
): Relief {
  const peers = userServers.flatMap(({ instance }) => component.correspondence.known(instance) ?? []);
  return {
    self: { instance: self.instance, keys: encodeKeySeeds(self.keys) },
    runFolder,
    port,
    peers: peers.map(({ keys, ...peer }) => ({ ...peer, keys: encodePublicKeys(keys) })),
    heldKeys: keyRing.held(),
    believed: authenticator.believed(),
    reminders: reminders.all(),
    userServers,
  };
}

/** Whom a control server knows on the bus from the start. */
export function peersOf(relief: Relief | undefined): KnownPeer[] {
  return (relief?.peers ?? []).map(({ keys, user, ...peer }) => ({ ...peer, user, keys: decodePublicKeys(keys) }));
}

/** Before anybody is served. */
export function restoreRelief(knowing: Omit<Knowing, 'component'>, relief: Relief): void {
  const { authenticator, keyRing, reminders, servers } = knowing;
  keyRing.restore(relief.heldKeys);
  authenticator.restore(relief.believed);
  for (const { reminder, user } of relief.reminders) reminders.set(user, reminder);
  servers.adopt(relief.userServers);
}
