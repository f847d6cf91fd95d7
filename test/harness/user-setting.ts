/** A person with a laptop and a hub: what most tests of a user server begin with. */
import type { Client } from '../../src/client/index.ts';
import { ClientWorld, never } from './client-world.ts';
import type { WorldOptions } from './node-world.ts';
import { UserWorld } from './user-world.ts';

export interface UserSetting extends AsyncDisposable {
  readonly world: ClientWorld;
  readonly laptop: Client;
  readonly user: UserWorld;
}

export async function openUserSetting(
  cache: 'disk' | 'memory' = 'disk',
  options: WorldOptions = {},
  prepare: (world: ClientWorld) => Promise<void> = async () => undefined,
): Promise<UserSetting> {
  const world = await ClientWorld.open(options);
  await prepare(world);
  const alice = await world.newPerson('alice');
  await alice.client.connect(never);
  const hub = await world.newDevice(alice.created.profile);
  await hub.client[Symbol.asyncDispose](); // the hub's agent is this device from here on
  const user = await UserWorld.open(world, hub.profile, cache);
  return {
    world,
    laptop: alice.client,
    user,
    async [Symbol.asyncDispose]() {
      await user[Symbol.asyncDispose]();
      await alice.client[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}
