/** What a node may try with a mailbox, and the alarm that names it. The node is real, and so is its key. */
import { expect, test } from 'vitest';
import type { Client } from '../../src/client/index.ts';
import { BodyState } from '../../src/protocol/index.ts';
import { changeEntries, changeHeads, drive, driveUntilAlarm, nodeKeyOf, openClient } from '../harness/cheat.ts';
import { ClientWorld, never } from '../harness/client-world.ts';

const SUBJECTS = ['one', 'two', 'three'];

test('an entry that is withheld is missed, by its number', async () => {
  await using setup = await mailWaits();
  const { world, client } = setup;
  world.tamper = changeEntries((entry) => (entry.number === 2 ? undefined : entry));
  await driveUntilAlarm(world, client, 'withheld');
  const report = await client.report();
  expect(report.complete).toBe(false);
  expect(report.report.flatMap(({ missing }) => missing)).toEqual([[2, 2]]);
});

test('a node that comes back to the truth fills the hole, and the alarm is over', async () => {
  await using setup = await mailWaits();
  const { world, client } = setup;
  world.tamper = changeEntries((entry) => (entry.number === 2 ? undefined : entry));
  await driveUntilAlarm(world, client, 'withheld');
  world.tamper = (message) => message;
  await drive(world, untilComplete(client));
  expect((await subjectsOf(client)).sort()).toEqual([...SUBJECTS].sort());
  expect(client.alarms).toEqual([]);
});

test('entries that are renumbered do not fit the signed mailbox', async () => {
  await using setup = await mailWaits();
  const { world, client } = setup;
  world.tamper = changeEntries((entry) => (entry.number < 3 ? { ...entry, number: 3 - entry.number } : entry));
  await driveUntilAlarm(world, client, 'renumbered');
  expect((await client.report()).complete).toBe(false);
});

test('a mail moved to another place of the mailbox does not fit it', async () => {
  await using setup = await mailWaits();
  const { world, client } = setup;
  world.tamper = changeEntries((entry) => (entry.number === 2 ? { ...entry, index: entry.index + 40 } : entry));
  await driveUntilAlarm(world, client, 'renumbered');
});

test('a wrong body is refused, and shown to nobody', async () => {
  await using setup = await mailWaits();
  const { world, client } = setup;
  const spoil = (body: Uint8Array): Uint8Array => body.map((byte, i) => (i === body.length - 1 ? byte ^ 1 : byte));
  const inPages = changeEntries((entry) =>
    entry.number === 2 && entry.bodyState === BodyState.INLINE ? { ...entry, body: spoil(entry.body) } : entry,
  );
  world.tamper = (message) =>
    message.oneofKind === 'body'
      ? { oneofKind: 'body', body: { ...message.body, body: spoil(message.body.body) } }
      : inPages(message);
  await driveUntilAlarm(world, client, 'wrong_body');
  expect((await client.report()).complete).toBe(false);
  expect(await subjectsOf(client)).not.toContain('two');
});

test('a mail whose header the node changed is not its author’s', async () => {
  await using setup = await mailWaits();
  const { world, client } = setup;
  world.tamper = changeEntries((entry) => {
    if (entry.number !== 3) return entry;
    const pdu = Buffer.from(entry.pdu).toString().replace('"depth":1', '"depth":2');
    return { ...entry, pdu: Buffer.from(pdu) };
  });
  await driveUntilAlarm(world, client, 'renumbered');
  expect(await subjectsOf(client)).not.toContain('three');
});

test('two signed heads of one number are two histories', async () => {
  await using setup = await mailWaits();
  const { world, client } = setup;
  await drive(world, client.sync({ signal: never }));
  world.tamper = changeHeads(world, 'bob', await nodeKeyOf(world), ({ link }) => ({
    link: link.map((byte) => byte ^ 1),
  }));
  await driveUntilAlarm(world, client, 'two_heads');
  expect(await subjectsOf(client)).toHaveLength(3);
});

test('a head that goes back is seen, though the node signs it', async () => {
  await using setup = await mailWaits();
  const { world, client } = setup;
  const links = new Map<number, Uint8Array>();
  world.tamper = changeEntries((entry) => {
    links.set(entry.number - 1, entry.previousLink);
    return entry;
  });
  await drive(world, client.sync({ signal: never }));
  const link = links.get(2) as Uint8Array;
  world.tamper = changeHeads(world, 'bob', await nodeKeyOf(world), () => ({ number: 2, link }));
  await driveUntilAlarm(world, client, 'rolled_back');
  expect(await subjectsOf(client)).toHaveLength(3);
});

test('a head that another key signed is no head', async () => {
  await using setup = await mailWaits();
  const { world, client } = setup;
  const stranger = world.node.suite.keyPair(world.random.bytes(32));
  world.tamper = changeHeads(world, 'bob', stranger, () => ({}));
  await driveUntilAlarm(world, client, 'bad_head');
});

/** Three mails from alice wait for bob, whose client is open and has asked for nothing yet. */
async function mailWaits(): Promise<{ world: ClientWorld; client: Client } & AsyncDisposable> {
  const world = await ClientWorld.open();
  const alice = await world.createAccount('alice');
  const bob = await world.createAccount('bob');
  {
    await using sender = await openClient(world, { store: alice.store, profile: alice.created.profile });
    await drive(world, sender.client.connect(never));
    for (const subject of SUBJECTS) {
      const draft = { to: [world.node.address('bob')], subject, text: `the text of ${subject}` };
      expect((await drive(world, sender.client.send(draft, never))).status).toBe('accepted');
    }
  }
  world.tamper = (message) => message;
  const opened = await openClient(world, { store: bob.store, profile: bob.created.profile });
  const close = async (): Promise<void> => {
    await drive(world, opened.close());
    await world[Symbol.asyncDispose]();
  };
  return { world, client: opened.client, [Symbol.asyncDispose]: close };
}

async function subjectsOf(client: Client): Promise<string[]> {
  const subjects: string[] = [];
  for await (const { subject } of client.mail.list()) subjects.push(subject);
  return subjects;
}

async function untilComplete(client: Client): Promise<void> {
  for (;;) {
    const result = await client.sync({ signal: never }).catch(() => undefined);
    if (result?.complete === true) return;
  }
}
