/**
 * The account's OpenPGP key is rotated while people write, are away, and have mail waiting: nothing is unreadable at either side,
 * and nobody is alarmed. (A change that nobody signed is: cheating-chains.test.ts.)
 */
import { expect, test } from 'vitest';
import type { Client, KeyChange } from '../../src/client/index.ts';
import { InThreadBodyWorker, type OpenedBody } from '../../src/vault/index.ts';
import { all, ClientWorld, never } from '../harness/client-world.ts';
import { FleetClients } from '../harness/fleet-client.ts';
import { FleetWorld } from '../harness/fleet-world.ts';
import { until } from '../harness/until.ts';

const HOUR_MS = 3_600_000;

/** Alice with two devices, and Bob, who has written to her before. */
async function setup() {
  const world = await ClientWorld.open();
  const alice = await world.newPerson('alice');
  const second = await world.newDevice(alice.created.profile);
  const bob = (await world.newPerson('bob')).client;
  const laptop = alice.client;
  await Promise.all([laptop, bob].map((client) => client.connect(never)));
  await bob.send({ to: [laptop.address], subject: 'before', text: 'x' });
  const heard: KeyChange[] = [];
  bob.events.on('key_changed', (change) => heard.push(change));
  return {
    ...{ world, laptop, second, bob, heard, fingerprint: alice.created.fingerprint },
    async [Symbol.asyncDispose]() {
      await Promise.all([laptop, second.client, bob].map((client) => client[Symbol.asyncDispose]()));
      await world[Symbol.asyncDispose]();
    },
  };
}

/** Every one of these is there, opens, and is by who it says; nothing is wrong in this client's eyes. */
async function expectReadable(client: Client, subjects: readonly string[]): Promise<void> {
  // Once to follow the rotation, and once more for what could not be opened before it.
  for (let time = 0; time < 2; time++) await client.sync({ signal: never });
  const summaries = await all(client.mail.list());
  expect(summaries.map(({ subject }) => subject).sort()).toEqual([...subjects].sort());
  for (const { id } of summaries)
    expect((await client.mail.raw(id)).verification).toMatchObject({ status: 'verified' });
  expect(client.alarms).toEqual([]);
}

test('what is written while a key is rotated is read, whichever key it was encrypted to', async () => {
  await using setting = await setup();
  const { bob, laptop } = setting;
  const subjects = Array.from({ length: 8 }, (_, index) => `during ${index}`);
  const [fingerprint] = await Promise.all([
    laptop.account.rotateCertificate(),
    ...subjects.map((subject) => bob.send({ to: [laptop.address], subject, text: 'x' })),
  ]);
  expect(fingerprint).toBe(setting.fingerprint);
  for (const client of [laptop, setting.second.client, bob]) await expectReadable(client, ['before', ...subjects]);
});

test('a device that was away for several rotations reads all that came, before, between and after them', async () => {
  await using setting = await setup();
  const { bob, laptop, second, world } = setting;
  await second.client.sync({ signal: never });
  await second.client[Symbol.asyncDispose]();
  const subjects = ['before'];
  for (const subject of ['between', 'after']) {
    await laptop.account.rotateCertificate();
    await world.node.clock.advance(HOUR_MS); // Bob looks anew
    await bob.send({ to: [laptop.address], subject, text: 'x' });
    await laptop.send({ to: [bob.address], subject: `${subject}, by Alice`, text: 'x' });
    subjects.push(subject, `${subject}, by Alice`);
  }
  await using back = await world.openClient(second.store, second.profile);
  for (const client of [back, laptop, bob]) await expectReadable(client, subjects);
});

test('mail that waited, encrypted to the certificate before, is read, and the next is encrypted to the new one', async () => {
  await using setting = await setup();
  const { bob, heard, laptop, world } = setting;
  const known = await bob.people.certificate(laptop.address);
  world.isCut = true;
  world.cutAll();
  await world.node.clock.advance(1);
  expect((await bob.send({ to: [laptop.address], subject: 'waited', text: 'x' })).status).toBe('queued');
  world.isCut = false;
  await world.reconnect(laptop);
  await laptop.account.rotateCertificate();
  await bob.flush(never);
  await world.node.clock.advance(HOUR_MS);
  await bob.connect(never); // without a node, what was known an hour ago is what there is
  await bob.send({ to: [laptop.address], subject: 'after', text: 'x' });
  for (const client of [laptop, setting.second.client, bob])
    await expectReadable(client, ['before', 'waited', 'after']);
  // The chain leads from the one certificate to the other: it is the same key to a person, and no event.
  expect(heard).toEqual([]);
  expect(await bob.people.find(laptop.address)).toMatchObject({ fingerprint: setting.fingerprint });
  expect(await bob.people.certificate(laptop.address)).not.toBe(known);
});

test('a device that is killed when it has just kept the new key reads with it what it could not read before', async () => {
  await using setting = await setup();
  const { bob, laptop, second, world } = setting;
  await second.client[Symbol.asyncDispose]();
  await laptop.account.rotateCertificate();
  await world.node.clock.advance(HOUR_MS);
  await bob.connect(never); // to look anew
  await bob.send({ to: [laptop.address], subject: 'after', text: 'x' });
  let kept = second.profile;
  const killed = await world.openClient(
    second.store,
    second.profile,
    {},
    {
      saveProfile: async (profile) => {
        kept = profile;
        throw new Error('killed');
      },
    },
  );
  await killed.sync({ signal: never });
  expect((await all(killed.mail.list())).map(({ subject }) => subject)).toContain('');
  await killed[Symbol.asyncDispose]();
  expect(kept).not.toBe(second.profile);
  await using back = await world.openClient(second.store, kept);
  await expectReadable(back, ['before', 'after']);
});

test('mail that is being opened with the key before while the new one is taken up is tried with that one too', async () => {
  await using setting = await setup();
  const { laptop, second, world } = setting;
  await second.client.sync({ signal: never });
  await second.client[Symbol.asyncDispose]();
  const before = second.profile.secrets;
  let goOn: () => void = () => undefined;
  const rotated = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let opening = 0;
  class SlowWorker extends InThreadBodyWorker {
    override async open(...job: Parameters<InThreadBodyWorker['open']>): Promise<OpenedBody> {
      opening += 1;
      const opened = await Promise.allSettled([super.open(...job), rotated]);
      if (opened[0].status === 'rejected') throw opened[0].reason;
      return opened[0].value;
    }
  }
  const deps = { clock: world.node.clock, random: world.random };
  await using slow = await world.openClient(
    second.store,
    second.profile,
    {},
    {
      openVault: async (secrets) =>
        secrets === before ? new SlowWorker(deps, { secrets }) : new InThreadBodyWorker(deps, { secrets }),
    },
  );
  const profile = new Promise((resolve) => slow.events.on('profile', resolve));
  await slow.connect(never);
  await laptop.account.rotateCertificate();
  await using carol = (await world.newPerson('carol')).client;
  await carol.connect(never);
  await carol.send({ to: [laptop.address], subject: 'new', text: 'x' });
  await until(() => opening === 1);
  await world.reconnect(slow);
  await profile;
  goOn();
  await expectReadable(slow, ['before', 'new']);
});

test('a key that is rotated at one node of a home is the key at the other, for both sides', async () => {
  await using world = await FleetWorld.open(['a', 'b']);
  const clients = new FleetClients(world);
  const [alice, bob] = [await clients.createAccount('alice', 'a'), await clients.createAccount('bob', 'a')];
  const to = [alice.created.profile.address];
  const at = async (who: typeof alice, node: string, act: (client: Client) => Promise<unknown>): Promise<void> => {
    await using client = await clients.open(who, node);
    await client.nodes.pin(node);
    await world.moving(client.connect(never));
    await world.until(() => client.nodes.list().some(({ name, state }) => name === node && state === 'connected'));
    await world.moving(act(client));
  };
  const write = (subject: string, node: string) =>
    at(bob, node, (client) => client.send({ to, subject, text: subject }));
  await world.settled();
  await write('before', 'b');
  await at(alice, 'a', (client) => client.account.rotateCertificate());
  await write('at once', 'b'); // which may not have heard of it
  await world.settled();
  await world.pass(HOUR_MS);
  await write('after', 'b');
  await write('after, at the other', 'a');
  await world.settled();
  for (const node of ['a', 'b'])
    await at(alice, node, (client) => expectReadable(client, ['before', 'at once', 'after', 'after, at the other']));
});
