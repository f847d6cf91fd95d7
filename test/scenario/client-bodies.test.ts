/** What a device holds of a mail stays what its author signed, whatever comes twice, at once, or damaged. */
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import { changeWaiting } from '../../src/client/index/waiting.ts';
import type { Client } from '../../src/client/index.ts';
import { entryKey, INDEXED, LEDGERS, placeKey, verifierKey } from '../../src/client/keys.ts';
import { decodeEntryRow, decodePlace, encodeEntryRow } from '../../src/client/mail/entry-row.ts';
import { type PduId, parseFeedId, ReceiptStatus } from '../../src/protocol/index.ts';
import type { Store } from '../../src/store/index.ts';
import { all, ClientWorld, never } from '../harness/client-world.ts';
import { FleetClients } from '../harness/fleet-client.ts';
import { FleetWorld } from '../harness/fleet-world.ts';
import { GatedStore } from '../harness/gated-store.ts';
import { writePdu } from '../harness/person.ts';

const MINUTE_MS = 60_000;
const ENTRY = 'E'.charCodeAt(0);

test('a mail that comes while the head of a node that lags is judged is kept, with its body', async () => {
  await using world = await FleetWorld.open(['a', 'b']);
  const clients = new FleetClients(world);
  const alice = await clients.createAccount('alice', 'a');
  const bob = await clients.createAccount('bob', 'a');
  const store = new GatedStore(bob.store);
  await using writer = await clients.open(alice, 'a');
  await using reader = await clients.open({ ...bob, store }, 'a');
  for (const client of [writer, reader]) {
    await client.nodes.pin('a');
    await world.moving(client.connect(never));
    await world.until(() => client.nodes.list().some(({ name, state }) => name === 'a' && state === 'connected'));
  }
  const to = [bob.created.profile.address];
  const send = async (subject: string): Promise<void> => {
    const sent = world.moving(writer.send({ to, subject, text: subject }));
    expect(await sent).toMatchObject({ status: 'accepted' });
    const has = async () => (await all(reader.mail.list())).some((mail) => mail.subject === subject);
    await world.until(has, `bob reads ${subject}`);
  };
  await send('1');
  await send('2');
  await world.settled();
  world.cut('a', 'b');
  await send('3');
  // Bob's device compares heads with b, which knows two mails: the link of the second is looked up here.
  store.hold((key) => key[0] === ENTRY);
  await world.until(() => store.waiting > 0, 'a comparison', MINUTE_MS / 12);
  await send('4');
  store.release();
  await world.moving(reader.sync({ signal: never }));
  const mails = await all(reader.mail.list());
  expect(mails.map(({ subject }) => subject).sort()).toEqual(['1', '2', '3', '4']);
  for (const { id } of mails) expect((await reader.mail.raw(id)).mime.length).toBeGreaterThan(0);
  expect(reader.alarms).toEqual([]);
});

/** Bob has three mails of alice's, and is not connected. */
async function setup() {
  const world = await ClientWorld.open();
  const alice = await world.newPerson('alice');
  const bob = await world.newPerson('bob');
  await alice.client.connect(never);
  for (const subject of ['1', '2', '3'])
    await alice.client.send({ to: [bob.client.address], subject, text: subject.repeat(200) });
  await alice.client[Symbol.asyncDispose]();
  await bob.client.sync({ signal: never });
  const ids = (await all(bob.client.mail.list())).map(({ id }) => id);
  await bob.client[Symbol.asyncDispose]();
  const reopened = (): Promise<Client> => world.openClient(bob.store, bob.created.profile);
  return { world, ids, store: bob.store, reopened };
}

/** What is kept of an entry's body becomes something else. */
async function damage(store: Store, id: PduId, change: (body: Uint8Array) => Uint8Array): Promise<void> {
  await store.transact(async (transaction) => {
    const { feed, number } = decodePlace((await transaction.get(placeKey(id))) as Uint8Array);
    const row = decodeEntryRow((await transaction.get(entryKey(feed, number))) as Uint8Array);
    transaction.put(entryKey(feed, number), encodeEntryRow({ ...row, body: change(row.body) }));
  });
}

/** The entry is to be opened once more. */
async function openAgain(store: Store, id: PduId): Promise<void> {
  await store.transact(async (transaction) => {
    const { feed, number } = decodePlace((await transaction.get(placeKey(id))) as Uint8Array);
    await changeWaiting(transaction, feed, (set) => set.add(number, number));
  });
}

const flipped = (body: Uint8Array): Uint8Array => body.map((byte, i) => (i === 40 ? byte ^ 1 : byte));
const cut = (body: Uint8Array): Uint8Array => body.slice(0, body.length / 2);
const emptied = (): Uint8Array => new Uint8Array(0);

describe('a body that is kept here and is not what its author signed', () => {
  test.each([
    ['a bit is another', flipped],
    ['it ends early', cut],
    ['nothing is left of it', emptied],
  ])('is fetched anew, and never shown as malformed: %s', async (_, change) => {
    const { world, ids, store, reopened } = await setup();
    await using _world = world;
    const [first, second] = ids as [PduId, PduId];
    for (const id of [first, second]) await damage(store, id, change);
    await openAgain(store, first);
    await using client = await reopened();
    const shown: string[] = [];
    client.events.on('arrived', ({ subject }) => shown.push(subject));
    // One is to be opened for the list, the other is asked for by somebody who reads.
    await expect(client.mail.raw(second)).rejects.toMatchObject({ code: 'not_here' });
    await client.sync({ signal: never });
    for (const id of ids) {
      expect((await client.mail.raw(id)).verification).toMatchObject({ status: 'verified', bound: true });
      expect((await client.mail.find(id))?.problem).toBeUndefined();
    }
    expect(shown).not.toContain('');
    expect(client.alarms).toEqual([]);
    expect((await client.report()).sentence).toMatch(/^complete up to 3 /);
  });
});

test('a body that is what its author signed, and no OpenPGP message, is listed as malformed', async () => {
  await using world = await ClientWorld.open();
  const { client, created } = await world.newPerson('alice');
  await using _ = client;
  const wire = world.node.connect();
  await wire.authenticate(world.random, client.address, created.profile.device);
  const body = utf8('no OpenPGP message');
  const pdu = writePdu(world.random, { ...created.profile }, [client.address], body);
  expect((await wire.submit(pdu, body)).status).toBe(ReceiptStatus.OK);
  wire.close();
  await client.sync({ signal: never });
  expect(await client.mail.find(pdu.id)).toMatchObject({ proof: 'unreadable', problem: 'malformed' });
  await expect(client.mail.raw(pdu.id)).rejects.toMatchObject({ code: 'malformed' });
  expect(client.alarms).toEqual([]);
});

test('a device that lost its ledger asks for everything again, and keeps what it holds', async () => {
  const { world, ids, store, reopened } = await setup();
  await using _ = world;
  await store.transact(async (transaction) => {
    for (const { key } of await transaction.range({ ...LEDGERS, limit: 10 })) {
      transaction.delete(key);
      transaction.delete(verifierKey(parseFeedId(Buffer.from(key.subarray(1)).toString('hex'))));
    }
  });
  // Two wait to be opened when they come again.
  for (const id of ids.slice(0, 2)) await openAgain(store, id);
  await using client = await reopened();
  await client.sync({ signal: never });
  expect((await all(client.mail.list())).map(({ id, problem }) => [id, problem])).toEqual(
    ids.map((id) => [id, undefined]),
  );
  for (const id of ids) expect((await client.mail.raw(id)).mime.length).toBeGreaterThan(200);
  expect((await client.report()).sentence).toMatch(/^complete up to 3 /);
  expect(await store.range({ ...INDEXED, limit: 1 })).toEqual([]);
  expect(client.alarms).toEqual([]);
});
