import { describe, expect, test } from 'vitest';
import { equalBytes, utf8 } from '../../src/base/index.ts';
import type { Deliveries } from '../../src/client/deliveries/deliveries.ts';
import { type Client, type DeliveryReport, FLAGGED, filingMarks, foldersOf, READ } from '../../src/client/index.ts';
import { FOLDER_ROLES, type NodeMessage, parseHomeName } from '../../src/protocol/index.ts';
import { MemoryStore } from '../../src/store/index.ts';
import { drive } from '../harness/cheat.ts';
import { all, ClientWorld, never, PASSWORD } from '../harness/client-world.ts';

/** Answers what `act` did, once the event has come that was listened for from before. */
async function until<Result>(
  client: Client,
  event: 'changed' | 'arrived' | 'profile' | 'said',
  act: () => Promise<Result>,
): Promise<Result> {
  const heard = new Promise<void>((resolve) => client.events.on(event, () => resolve()));
  const result = await act();
  await heard;
  return result;
}

function refusalOf(request: number): NodeMessage {
  return {
    oneofKind: 'refused',
    refused: { request, code: 'rate_limited', message: '', fix: '', fatal: false, retryAfterMs: 1_000 },
  };
}

async function twoDevices() {
  const world = await ClientWorld.open();
  const alice = await world.newPerson('alice');
  const second = await world.newDevice(alice.created.profile);
  return {
    world,
    alice,
    first: alice.client,
    second: second.client,
    secondProfile: second.profile,
    async [Symbol.asyncDispose]() {
      await alice.client[Symbol.asyncDispose]();
      await second.client[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

const AWAY_AGAIN_MS = 15_000;
const CONTACT_FRESH_MS = 5 * 60_000;
const NOTE_DELAY_MS = 2_000;

describe('the devices of a person', () => {
  test('agree on what is read, flagged and labelled, whichever said it', async () => {
    await using setting = await twoDevices();
    const { world, first, second } = setting;
    await Promise.all([first.connect(never), second.sync({ signal: never })]);
    const sent = { id: (await first.send({ to: [first.address], subject: 'x', text: 'x' })).id };
    await Promise.all([first.sync({ signal: never }), second.sync({ signal: never })]);
    expect(await all(second.mail.list({ unread: true }))).toHaveLength(1);
    await first.mail.mark([sent.id], { [READ]: true, [FLAGGED]: true, 'label:work': true });
    expect(await all(first.mail.list({ unread: true }))).toEqual([]);
    await until(second, 'changed', () => world.node.clock.advance(3_000));
    expect(await all(second.mail.list({ unread: true }))).toEqual([]);
    await second.mail.mark([sent.id], { [FLAGGED]: false });
    await until(first, 'changed', () => world.node.clock.advance(3_000));
    for (const client of [first, second]) {
      const [message] = await all(client.mail.list({ keyword: 'label:work' }));
      expect(message?.keywords).toEqual(['label:work', 'read']);
    }
  });

  test('hear what another changed while the home refused to be asked, over the same connection', async () => {
    await using setting = await twoDevices();
    const { world, first, second } = setting;
    await Promise.all([first.connect(never), second.sync({ signal: never })]);
    const { id } = await first.send({ to: [first.address], subject: 'x', text: 'x' });
    await Promise.all([first.sync({ signal: never }), second.sync({ signal: never })]);
    let connects = 0;
    first.events.on('mailserverAvailable', () => connects++);
    let onRefused: () => void = () => undefined;
    const refused = (): Promise<void> => new Promise((resolve) => (onRefused = resolve));
    world.tamper = (message) => {
      if (message.oneofKind !== 'chain') return message;
      onRefused();
      return refusalOf(message.chain.request);
    };
    // What is known of the own certificate is old by then: the note asks for it.
    const watched = refused();
    await world.node.clock.advance(CONTACT_FRESH_MS);
    await drive(world, watched);
    await first.mail.mark([id], { [READ]: true });
    const asked = refused();
    await world.node.clock.advance(NOTE_DELAY_MS);
    await drive(world, asked);
    world.tamper = undefined;
    await drive(
      world,
      until(second, 'changed', () => world.node.clock.advance(AWAY_AGAIN_MS)),
    );
    expect(await all(second.mail.list({ unread: true }))).toEqual([]);
    expect(connects).toBe(0);
  });

  test('show what became of a blind copy beside the mail that it is of, and nobody else’s do', async () => {
    await using setting = await twoDevices();
    const { world, first, second } = setting;
    await using bob = (await world.newPerson('bob')).client;
    await using carol = (await world.newPerson('carol')).client;
    await Promise.all([first.connect(never), second.sync({ signal: never })]);
    const letter = { to: [bob.address], bcc: [carol.address], subject: 'x', text: 'x' };
    const sent = await until(second, 'arrived', () => first.send(letter));
    await Promise.all([first.flush(never), bob.sync({ signal: never }), carol.sync({ signal: never })]);
    await second.sync({ signal: never });
    const [copy] = await all(carol.mail.list());
    const recipients = [carol.address];
    if (copy === undefined) throw new Error('the blind copy has not come');
    const said = { recipients, status: 'refused', code: 'banned', detail: '', at: 2, queuedAt: 1 } as const;
    const report: DeliveryReport = { ...said, home: parseHomeName('other.example'), pdu: copy.id };
    // As a node of the home would say it, had Carol been of another.
    for (const { deliveries } of [first, second, bob]) await (deliveries as Deliveries).take([report]);
    for (const { deliveries } of [first, second])
      expect(await deliveries.of(sent.id)).toEqual([{ ...report, pdu: sent.id }]);
    expect(await bob.deliveries.of(sent.id)).toEqual([]);
  });

  test('agree in which folders a message is, and how a folder is called', async () => {
    await using setting = await twoDevices();
    const { world, first, second } = setting;
    await Promise.all([first.connect(never), second.sync({ signal: never })]);
    const { id } = await first.send({ to: [first.address], subject: 'x', text: 'x' });
    await Promise.all([first.sync({ signal: never }), second.sync({ signal: never })]);
    await first.folders.describe('label:bills', { isThere: true, name: 'Bills', parent: 'archive', sortOrder: 3 });
    await first.mail.mark([id], filingMarks(['inbox'], ['label:bills']));
    await until(second, 'changed', () => world.node.clock.advance(3_000));
    expect((await second.folders.list()).at(-1)).toEqual({
      id: 'label:bills',
      name: 'Bills',
      parent: 'archive',
      sortOrder: 3,
      isSubscribed: true,
    });
    const [message] = await all(second.mail.list());
    expect(message && foldersOf(message, second.address)).toEqual(['label:bills']);
    await second.folders.describe('label:bills', { isThere: false });
    await until(first, 'said', () => world.node.clock.advance(3_000));
    expect((await first.folders.list()).map((folder) => folder.id)).toEqual(FOLDER_ROLES);
  });

  test('tell who follows one of them what changed, until it was taken', async () => {
    await using setting = await twoDevices();
    const { world, first, alice } = setting;
    const store = new MemoryStore();
    await using followed = await world.openClient(store, alice.created.profile, { isFollowed: true });
    await first.connect(never);
    const { id } = await first.send({ to: [first.address], subject: 'x', text: 'x' });
    await followed.sync({ signal: never });
    const [arrived] = await followed.mail.changes(10);
    expect(arrived?.summary).toMatchObject({ id, subject: 'x', keywords: [] });
    await followed.mail.mark([id], { [READ]: true });
    // What was taken is the message before it was marked: the mark comes again.
    await followed.mail.taken(arrived === undefined ? [] : [arrived]);
    const [marked] = await followed.mail.changes(10);
    expect(marked?.summary.keywords).toEqual([READ]);
    await followed.mail.taken(marked === undefined ? [] : [marked]);
    expect(await followed.mail.changes(10)).toEqual([]);
    expect(await first.mail.changes(10)).toEqual([]);
  });

  test('forget what one of them deleted, and so does the home', async () => {
    await using setting = await twoDevices();
    const { world, first, second } = setting;
    await first.connect(never);
    const { id } = await first.send({ to: [first.address], subject: 'x', text: 'secret' });
    await Promise.all([first.sync({ signal: never }), second.sync({ signal: never })]);
    await first.mail.delete([id]);
    await until(second, 'changed', () => world.node.clock.advance(3_000));
    for (const client of [first, second]) {
      expect(await all(client.mail.list())).toEqual([]);
      expect(await all(client.mail.search('secret'))).toEqual([]);
      await expect(client.mail.raw(id)).rejects.toMatchObject({ code: 'not_here' });
    }
    await world.node.clock.advance(3_000);
    const third = (await world.newDevice(setting.alice.created.profile)).client;
    await using _ = third;
    expect(await third.sync({ signal: never })).toMatchObject({ new: 0, complete: true });
  });

  test('file what blocked people write, on all of them', async () => {
    await using setting = await twoDevices();
    const { world, first, second } = setting;
    const bob = await world.newPerson('bob');
    await using b = bob.client;
    await Promise.all([first.connect(never), b.connect(never)]);
    await first.mail.block(b.address);
    await first.sync({ signal: never });
    await b.send({ to: [first.address], subject: 'buy', text: 'x' });
    for (const client of [first, second]) {
      await client.sync({ signal: never });
      expect(await client.mail.blocked()).toEqual([b.address]);
      expect(await all(client.mail.list())).toEqual([]);
      expect(await all(client.mail.list({ junk: true }))).toHaveLength(1);
    }
  });

  test('follow a rotated key without being asked, and read old and new mail', async () => {
    await using setting = await twoDevices();
    const { world, first, second } = setting;
    await first.connect(never);
    const before = await first.send({ to: [first.address], subject: 'before', text: 'x' });
    const fingerprint = await first.account.rotateCertificate();
    expect(fingerprint).toBe(setting.alice.created.fingerprint);
    const after = await first.send({ to: [first.address], subject: 'after', text: 'x' });
    await second.sync({ signal: never });
    await second.sync({ signal: never });
    for (const { id } of [before, after])
      expect((await second.mail.raw(id)).verification).toMatchObject({ status: 'verified' });
    await using third = (await world.newDevice({ ...setting.alice.created.profile })).client;
    await third.sync({ signal: never });
    expect((await all(third.mail.list())).map(({ subject }) => subject).sort()).toEqual(['after', 'before']);
  });

  test('are revoked one by one, and the password changes for those to come', async () => {
    await using setting = await twoDevices();
    const { world, first, second, secondProfile } = setting;
    await Promise.all([first.connect(never), second.connect(never)]);
    const devices = await first.account.devices();
    expect(devices).toMatchObject([{ name: 'first', isThis: true }]);
    await first.sync({ signal: never });
    const other = (await refreshed(first)).find(({ isThis }) => !isThis);
    await first.account.revokeDevice(other?.id as never);
    await expect(
      second.send({ to: [second.address], text: 'x' }).then(() => second.flush(timeout(world))),
    ).rejects.toBeDefined();
    await expect(world.openClient(setting.alice.store, secondProfile).then(connectOnce)).rejects.toMatchObject({
      code: 'unknown_device',
    });
    await first.account.changePassword('new password');
    await expect(world.joinAccount('alice', PASSWORD)).rejects.toMatchObject({ code: 'wrong_password' });
    const { enrolled } = await world.joinAccount('alice', 'new password');
    expect(equalBytes(enrolled.profile.contentKey, setting.alice.created.profile.contentKey)).toBe(true);
  });

  test('keep nothing readable on disk', async () => {
    await using world = await ClientWorld.open();
    const alice = await world.newPerson('alice');
    await using a = alice.client;
    await a.connect(never);
    const canary = 'CANARY-7f3a9c';
    await a.send({ to: [a.address], subject: `about ${canary}`, text: `text ${canary}` });
    await a.sync({ signal: never });
    const [message] = await all(a.mail.search(canary));
    await a.mail.mark([message?.id as never], { [`label:${canary}`]: true });
    const rows = await alice.store.range({ from: Uint8Array.of(0), to: Uint8Array.of(255), limit: 100_000 });
    expect(rows.length).toBeGreaterThan(10);
    for (const { key, value } of rows)
      for (const bytes of [key, value]) expect(Buffer.from(bytes).includes(Buffer.from(utf8(canary)))).toBe(false);
  });
});

async function refreshed(client: Client) {
  await client.people.lookUp(client.address);
  return client.account.devices();
}

async function connectOnce(client: Client): Promise<void> {
  await using opened = client;
  await opened.connect(never);
}

function timeout(_: ClientWorld): AbortSignal {
  return AbortSignal.timeout(500);
}
