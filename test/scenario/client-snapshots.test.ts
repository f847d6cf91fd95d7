/** Notes between a person's devices do not pile up: after many, one snapshot says it all and the others are erased. */
import { expect, test } from 'vitest';
import { toHex } from '../../src/base/index.ts';
import { FLAGGED, READ } from '../../src/client/index.ts';
import { BodyState, EntryKind, parsePduId } from '../../src/protocol/index.ts';
import { drive } from '../harness/cheat.ts';
import { all, ClientWorld, never } from '../harness/client-world.ts';

const NOTES_BEFORE_SNAPSHOT = 256;
const ROOM_FOR_SMALL_NOTES = 30_000;

test('a snapshot takes the place of the notes before it, at the home and for a new device', async () => {
  await using world = await ClientWorld.open();
  const alice = await world.newPerson('alice');
  await using client = alice.client;
  await client.connect(never);
  const { id } = await client.send({ to: [client.address], subject: 'x', text: 'x' });
  await client.sync({ signal: never });
  await client.mail.mark([id], { [READ]: true, 'label:kept': true });
  for (let notes = 0; notes < NOTES_BEFORE_SNAPSHOT; notes++) {
    await client.mail.mark([id], { [FLAGGED]: notes % 2 === 0 });
    await drive(world, client.flush(never));
  }
  await drive(world, client.sync({ signal: never }));

  // The next change finds that a snapshot is due; once it is held, what it repeats goes.
  await client.mail.mark([id], { 'label:last': true });
  for (let rounds = 0; rounds < 4; rounds++) {
    await world.node.clock.advance(3_000);
    await drive(world, client.flush(never));
    await drive(world, client.sync({ signal: never }));
  }
  const states: BodyState[] = [];
  world.tamper = (message) => {
    if (message.oneofKind === 'entries')
      for (const { bodyState, kind } of message.entries.entries) if (kind === EntryKind.NOTE) states.push(bodyState);
    return message;
  };
  await using fresh = (await world.newDevice(alice.created.profile)).client;
  await drive(world, fresh.sync({ signal: never }));
  expect(states.length).toBeGreaterThan(NOTES_BEFORE_SNAPSHOT);
  expect(states.filter((state) => state === BodyState.ERASED).length).toBeGreaterThanOrEqual(NOTES_BEFORE_SNAPSHOT);
  const [message] = await all(fresh.mail.list());
  expect(message?.keywords).toEqual((await all(client.mail.list()))[0]?.keywords);
  expect(message?.keywords).toEqual(['label:kept', 'label:last', 'read']);
});

test('a snapshot of which the home refuses a part takes the place of nothing', async () => {
  await using world = await ClientWorld.open();
  const { operator } = world.node.core;
  const alice = await world.newPerson('alice');
  await using client = alice.client;
  await client.connect(never);
  const { id } = await client.send({ to: [client.address], subject: 'x', text: 'x' });
  await client.sync({ signal: never });
  // More registers than one note has, so that the part that names the others is a small one.
  const labels = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`label:${i}`, true]));
  for (let subjects = 0; subjects < 10; subjects++)
    await client.mail.say(parsePduId(toHex(world.random.bytes(32))), labels);
  await client.mail.mark([id], { [READ]: true, 'label:kept': true });
  for (let notes = 0; notes < NOTES_BEFORE_SNAPSHOT; notes++) {
    await client.mail.mark([id], { [FLAGGED]: notes % 2 === 0 });
    await drive(world, client.flush(never));
  }
  await drive(world, client.sync({ signal: never }));

  const { bytes } = await operator.setQuota(client.address, undefined);
  await operator.setQuota(client.address, bytes + ROOM_FOR_SMALL_NOTES);
  await client.mail.mark([id], { 'label:last': true });
  for (let rounds = 0; rounds < 4; rounds++) {
    await world.node.clock.advance(3_000);
    await drive(world, client.flush(never));
    await drive(world, client.sync({ signal: never }));
  }
  const states: BodyState[] = [];
  world.tamper = (message) => {
    if (message.oneofKind === 'entries')
      for (const { bodyState, kind } of message.entries.entries) if (kind === EntryKind.NOTE) states.push(bodyState);
    return message;
  };
  await using fresh = (await world.newDevice(alice.created.profile)).client;
  await drive(world, fresh.sync({ signal: never }));
  expect(states.filter((state) => state === BodyState.ERASED).length).toBe(0);
  expect((await all(fresh.mail.list()))[0]?.keywords).toEqual(['label:kept', 'label:last', 'read']);
  // Nobody is asked about a part that says nothing new.
  expect(client.outbox.items).toEqual([]);
});
