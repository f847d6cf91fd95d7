/** What a person deleted is erased at the home, however long that takes it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { restoreBackup } from '../../src/node/index.ts';
import { BodyState, EntryKind, type NodeMessage } from '../../src/protocol/index.ts';
import { drive, openClient } from '../harness/cheat.ts';
import { all, ClientWorld, never } from '../harness/client-world.ts';
import { letWorkGoOn, until } from '../harness/until.ts';

async function letPass(world: ClientWorld, minutes: number): Promise<void> {
  // In steps in which no answer is late.
  for (let seconds = 0; seconds < minutes * 60; seconds++) {
    await world.node.clock.advance(1_000);
    await letWorkGoOn();
  }
}

test.each(['unavailable', 'rate_limited', 'unknown_feed'])(
  'an erasure refused as %s is asked for again',
  async (code) => {
    await using world = await ClientWorld.open();
    const { created, store } = await world.createAccount('alice');
    await using opened = await openClient(world, { store, profile: created.profile });
    const { client, sent } = opened;
    await client.connect(never);
    const { id } = await client.send({ to: [client.address], subject: 'x', text: 'x' });
    await client.sync({ signal: never });
    const answers: string[] = [];
    let isRefused = true;
    world.tamper = (message): NodeMessage => {
      if (message.oneofKind !== 'done') return message;
      const { request } = message.done;
      const isErasure = sent.some((one) => one.oneofKind === 'erase' && one.erase.request === request);
      if (!isErasure) return message;
      answers.push(isRefused ? code : 'done');
      if (!isRefused) return message;
      return { oneofKind: 'refused', refused: { request, code, message: '', fix: '', retryAfterMs: 0, fatal: false } };
    };
    await client.mail.delete([id]);
    await world.node.clock.advance(5_000);
    await until(() => answers.includes(code));

    isRefused = false;
    await letPass(world, 6);
    await until(() => answers.includes('done'));
    await drive(world, client.sync({ signal: never }));
    // What the home has done is forgotten here.
    const { length } = answers;
    await letPass(world, 6);
    expect(answers).toHaveLength(length);
  },
);

test('what a restored home has not keeps nothing else from being erased', async () => {
  await using world = await ClientWorld.open();
  const folder = await mkdtemp(join(tmpdir(), 'restante-backup-'));
  const alice = await world.newPerson('alice');
  await using client = alice.client;
  await client.connect(never);
  await client.send({ to: [client.address], subject: 'before', text: 'x' });
  await world.node.core.operator.backup(join(folder, 'backup'));
  await client.send({ to: [client.address], subject: 'after', text: 'x' });
  await client.sync({ signal: never });
  await world.node.stop();
  await restoreBackup(join(folder, 'backup'), join(folder, 'restored'));
  await world.node.start(join(folder, 'restored'));
  await client.sync({ signal: never });

  await client.mail.delete((await all(client.mail.list())).map(({ id }) => id));
  await drive(world, client.flush(never));
  await world.node.clock.advance(5_000);
  await drive(world, client.sync({ signal: never }));
  const states: BodyState[] = [];
  world.tamper = (message) => {
    if (message.oneofKind === 'entries')
      for (const { bodyState, kind } of message.entries.entries) if (kind === EntryKind.MAIL) states.push(bodyState);
    return message;
  };
  await using fresh = (await world.newDevice(alice.created.profile)).client;
  await drive(world, fresh.sync({ signal: never }));
  expect(states).toEqual([BodyState.ERASED, BodyState.ERASED]);
  await rm(folder, { recursive: true, force: true });
});
