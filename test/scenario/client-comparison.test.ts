/** Heads are compared with a second node: what one node hides in silence, without contradicting itself, another shows. */
import { expect, test } from 'vitest';
import { changeEntries, changeHeads, drive, nodeKeyOf } from '../harness/cheat.ts';
import { all, ClientWorld, NODE_URL, never } from '../harness/client-world.ts';

const OTHER_URL = 'ws://other.home.example/client';
const COMPARE_INTERVAL_MS = 5 * 60_000;

test('a hole that only another node shows is found within five minutes and filled from there, unasked', async () => {
  await using world = await ClientWorld.open();
  const alice = await world.newPerson('alice');
  const bob = await world.newPerson('bob');
  await alice.client.connect(never);
  for (const subject of ['1', '2', '3']) await alice.client.send({ to: [bob.client.address], subject, text: 'x' });
  await alice.client[Symbol.asyncDispose]();
  await using client = bob.client;

  // What the node would say truthfully if the third mail had never come.
  const links = new Map<number, Uint8Array>();
  world.tamper = changeEntries((entry) => {
    links.set(entry.number - 1, entry.previousLink);
    return entry;
  });
  const witness = await world.newDevice(bob.created.profile);
  await witness.client.sync({ signal: never });
  await witness.client[Symbol.asyncDispose]();
  const link = links.get(2) as Uint8Array;
  const hide = changeEntries((entry) => (entry.number > 2 ? undefined : entry));
  const shorten = changeHeads(world, 'bob', await nodeKeyOf(world), () => ({ number: 2, link }));
  world.tamper = (message) => {
    const hidden = hide(message);
    return hidden === undefined ? undefined : shorten(hidden);
  };

  expect(await client.sync({ signal: never })).toMatchObject({ new: 2, complete: true, missing: 0 });
  expect(client.alarms).toEqual([]); // a lie that nothing contradicts
  await client.nodes.pin('a');
  world.otherWires.set(OTHER_URL, (message) => message);
  await client.nodes.add('other', OTHER_URL, undefined);
  expect(client.nodes.list().map(({ url }) => url)).toEqual(expect.arrayContaining([NODE_URL, OTHER_URL]));

  const arrived = new Promise<string>((resolve) => client.events.on('arrived', ({ subject }) => resolve(subject)));
  await world.node.clock.advance(COMPARE_INTERVAL_MS);
  expect(await drive(world, arrived)).toBe('3');
  expect((await all(client.mail.list())).map(({ subject }) => subject).sort()).toEqual(['1', '2', '3']);
  const [feed] = (await client.report()).report;
  expect(feed).toMatchObject({ upTo: 3, held: 3, missing: [] });
  expect(feed?.nodes.find(({ node }) => node === 'other')).toMatchObject({ upTo: 3 });
  expect(feed?.nodes.find(({ node }) => node === 'a')).toMatchObject({ upTo: 2 });
});
