import { expect, test } from 'vitest';
import type { Client } from '../../src/client/index.ts';
import { COMPARE_INTERVAL_MS } from '../../src/client/limits.ts';
import { all, never } from '../harness/client-world.ts';
import { FleetClients } from '../harness/fleet-client.ts';
import { verified } from '../harness/fleet-people.ts';
import { FleetWorld } from '../harness/fleet-world.ts';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

test('people write at both sides through an hour of being cut off: each mail once for both, complete on 2 of 2', async () => {
  await using world = await FleetWorld.open(['a', 'b']);
  const clients = new FleetClients(world);
  const alice = await clients.createAccount('alice', 'b');
  const bob = await clients.createAccount('bob', 'a');
  const both = [alice.created.profile.address, bob.created.profile.address];
  /** Somebody connects to one node and to no other, and does something. */
  const at = async (who: typeof alice, node: string, act: (client: Client) => Promise<unknown>): Promise<void> => {
    await using client = await clients.open(who, node);
    await client.nodes.pin(node);
    await world.moving(client.connect(never));
    // The choice may have been on its way to the other node when it was told which to take.
    await world.until(() => client.nodes.list().some(({ name, state }) => name === node && state === 'connected'));
    await act(client);
  };
  const write = async (who: typeof alice, node: string, subject: string): Promise<void> =>
    at(who, node, (client) => world.moving(client.send({ to: both, subject, text: subject })));
  await world.settled();
  await write(alice, 'a', 'before, by alice');
  await write(bob, 'b', 'before, by bob');
  await world.settled();

  world.cut('a', 'b');
  await write(alice, 'a', 'cut off, by alice');
  await write(bob, 'b', 'cut off, by bob');
  await world.pass(HOUR_MS);
  await write(alice, 'a', 'an hour later, by alice');
  await write(bob, 'b', 'an hour later, by bob');
  await world.heal();

  const written = ['before', 'cut off', 'an hour later'].flatMap((when) => [`${when}, by alice`, `${when}, by bob`]);
  for (const who of [alice, bob]) {
    for (const node of ['a', 'b'])
      await at(who, node, async (client) => {
        await world.moving(client.sync({ signal: never }));
        const subjects = async () => (await all(client.mail.list())).map(({ subject }) => subject).sort();
        // The nodes have each other's headers; a body may be on its way between them still.
        await world.until(async () => (await subjects()).length >= written.length, 'all of the mail');
        expect(await subjects()).toEqual([...written].sort());
        expect(client.alarms).toEqual([]);
      });
    await at(who, 'b', async (client) => {
      expect((await client.report()).sentence).toMatch(/^complete up to \d+ on 2 of 2 nodes$/);
    });
  }
  await verified(world, 'a', 'b');
});

test('a client that stays connected knows nodes that join, and finds one when all others are gone for good', async () => {
  await using world = await FleetWorld.open(['a', 'b']);
  const clients = new FleetClients(world);
  const alice = await clients.createAccount('alice', 'a');
  await world.settled();
  await using client = await clients.open(alice, 'a');
  await world.moving(client.connect(never));
  await world.until(() => client.nodes.list().some(({ state }) => state === 'connected'));
  await world.stop('b');
  await world.join('c', 'a');
  await world.settled();
  await world.pass(COMPARE_INTERVAL_MS + SECOND_MS);
  await world.until(() => client.nodes.list().some(({ name }) => name === 'c'), 'the new node');
  await world.stop('a');
  await world.until(
    () => client.nodes.list().some(({ name, state }) => name === 'c' && state === 'connected'),
    'connected to the new node',
  );
});

test('every node of a fleet is heard, and one that is down does not count until it is back', async () => {
  await using world = await FleetWorld.open(['a', 'b', 'c']);
  const clients = new FleetClients(world);
  const alice = await clients.createAccount('alice', 'a');
  await world.settled();
  await using client = await clients.open(alice, 'a');
  const says = (words: RegExp): Promise<void> =>
    world.until(async () => words.test((await client.report()).sentence), String(words));
  await client.nodes.pin('a');
  await world.moving(client.connect(never));
  await says(/^complete up to \d+ on 3 of 3 nodes$/);
  await world.stop('c');
  await world.pass(COMPARE_INTERVAL_MS);
  await says(/^complete up to \d+ on 2 of 3 nodes$/);
  await world.start('c');
  const backAt = world.clock.monotonic();
  await says(/^complete up to \d+ on 3 of 3 nodes$/);
  expect(world.clock.monotonic() - backAt).toBeLessThan(COMPARE_INTERVAL_MS / 2);
  // Also when mail has come, of which the others have yet to speak.
  const sentAt = world.clock.monotonic();
  const upTo = async (): Promise<number> => (await client.report()).report.reduce((sum, feed) => sum + feed.upTo, 0);
  const before = await upTo();
  await world.moving(client.send({ to: [client.address], subject: 'one more', text: 'x' }));
  await world.until(async () => (await upTo()) > before, 'it has come');
  await says(/^complete up to \d+ on 3 of 3 nodes$/);
  expect(world.clock.monotonic() - sentAt).toBeLessThan(COMPARE_INTERVAL_MS / 4);
});

test('a body that comes to the node after its header is with the client seconds later', async () => {
  await using world = await FleetWorld.open(['a', 'b']);
  const clients = new FleetClients(world);
  const alice = await clients.createAccount('alice', 'a');
  const bob = await clients.createAccount('bob', 'a');
  await world.settled();
  world.cut('a', 'b');
  {
    await using client = await clients.open(bob, 'b');
    await client.nodes.pin('b');
    await world.moving(client.connect(never));
    await world.until(() => client.nodes.list().some(({ name, state }) => name === 'b' && state === 'connected'));
    const draft = { to: [alice.created.profile.address], subject: 'late', text: 'its body comes last' };
    expect(await world.moving(client.send(draft))).toMatchObject({ status: 'accepted' });
  }
  clients.out.add('b');
  const feed = world.core('b').feeds.current;
  const claims = await Promise.all(
    Array.from({ length: feed.length }, async (_, index) => {
      const [block, proof] = [
        await feed.getBlock(world.storeOf('b'), index),
        await feed.proof(world.storeOf('b'), index),
      ];
      return { index, block, nodes: proof.nodes, signature: proof.signature };
    }),
  );
  const copy = await world.core('a').feeds.copy(feed.publicKey);
  await world.core('a').journal.accept(copy, claims.slice(0, -1));

  await using client = await clients.open(alice, 'a');
  await world.moving(client.connect(never));
  await world.until(async () => (await client.report()).pendingBodies === 1, 'a header without its body');
  await world.pass(SECOND_MS);
  await world.core('a').journal.accept(copy, claims.slice(-1));
  const cameAt = world.clock.monotonic();
  await world.until(async () => (await all(client.mail.list())).length === 1, 'the body');
  expect(world.clock.monotonic() - cameAt).toBeLessThan(20 * SECOND_MS);
});
