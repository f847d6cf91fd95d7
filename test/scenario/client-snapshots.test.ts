/** Notes between a person's devices do not pile up: after many, one snapshot says it all and the others are erased. */
import { expect, test } from 'vitest';
import { FLAGGED, READ } from '../../src/client/index.ts';
import { BodyState, EntryKind } from '../../src/protocol/index.ts';
import { drive } from '../harness/cheat.ts';
import { all, ClientWorld, never } from '../harness/client-world.ts';

const NOTES_BEFORE_SNAPSHOT = 256;

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
