import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import { ReceiptStatus } from '../../src/protocol/index.ts';
import { readAll, verified, write } from '../harness/fleet-people.ts';
import { FleetWorld } from '../harness/fleet-world.ts';
import { writePdu } from '../harness/person.ts';

describe('two nodes of a home', () => {
  test('a mail that one of them takes is pushed by the other, whole', async () => {
    await using world = await FleetWorld.open(['a', 'b']);
    const alice = await world.person('alice');
    const reader = await world.signIn(alice, 'b');
    await reader.follow();
    const writer = await world.signIn(alice, 'a');
    const body = utf8('hello');
    const pdu = writePdu(world.random, alice, [alice.address], body);
    expect((await writer.submit(pdu, body)).status).toBe(ReceiptStatus.OK);
    await world.until(() => (reader.entries.get(0)?.length ?? 0) > 0, 'the mail at the other node');
    expect(reader.entries.get(0)?.[0]?.pdu).toEqual(pdu.header);
    expect(reader.entries.get(0)?.[0]?.body).toEqual(body);
    await verified(world, 'a', 'b');
  });

  test('an account made at the node that does not keep the keys is everywhere when it is answered', async () => {
    await using world = await FleetWorld.open(['a', 'b']);
    const bob = await world.person('bob', 'b');
    for (const name of ['a', 'b']) {
      expect((await world.core(name).accounts.find(bob.address))?.version).toBe(1);
      expect(world.core(name).keyLog.length).toBe(world.core('a').keyLog.length);
    }
    const client = await world.signIn(bob, 'a');
    await write(world, client, bob, 'at once');
  });

  test('cut off from each other both go on taking mail; healed, both have all of it, each once', async () => {
    await using world = await FleetWorld.open(['a', 'b']);
    const alice = await world.person('alice');
    const [atA, atB] = [await world.signIn(alice, 'a'), await world.signIn(alice, 'b')];
    const before = await write(world, atA, alice, 'before');
    await world.settled();
    world.cut('a', 'b');
    const left = [await write(world, atA, alice, 'left 1'), await write(world, atA, alice, 'left 2')];
    const right = [await write(world, atB, alice, 'right 1'), await write(world, atB, alice, 'right 2')];
    expect(await readAll(world, alice, 'a')).toEqual([before, ...left]);
    expect(await readAll(world, alice, 'b')).toEqual(expect.arrayContaining([before, ...right]));
    await world.heal();
    const all = [before, ...left, ...right].sort();
    for (const name of ['a', 'b']) expect((await readAll(world, alice, name)).sort()).toEqual(all);
    await verified(world, 'a', 'b');
  });

  test('the same mail handed to both while they are cut off is in two feeds, and told as a duplicate afterwards', async () => {
    await using world = await FleetWorld.open(['a', 'b']);
    const alice = await world.person('alice');
    const [atA, atB] = [await world.signIn(alice, 'a'), await world.signIn(alice, 'b')];
    world.cut('a', 'b');
    const body = utf8('twice');
    const pdu = writePdu(world.random, alice, [alice.address], body);
    for (const client of [atA, atB]) expect((await client.submit(pdu, body)).status).toBe(ReceiptStatus.OK);
    await world.heal();
    for (const client of [atA, atB]) expect((await client.submit(pdu, body)).status).toBe(ReceiptStatus.DUPLICATE);
    expect(new Set(await readAll(world, alice, 'a'))).toEqual(new Set([pdu.id]));
    await verified(world, 'a', 'b');
  });

  test('what is erased at one node is erased at the other, also when its body comes after', async () => {
    await using world = await FleetWorld.open(['a', 'b']);
    const alice = await world.person('alice');
    const [atA, atB] = [await world.signIn(alice, 'a'), await world.signIn(alice, 'b')];
    await write(world, atA, alice, 'to be erased');
    await world.settled();
    const feed = world.core('a').feeds.current;
    const erase = await atB.ask((request) => ({
      oneofKind: 'erase',
      erase: { request, feed: feed.discoveryKey, numbers: [{ from: 1, to: 1 }], superseded: false },
    }));
    expect(erase.oneofKind).toBe('done');
    await world.settled();
    await world.join('c', 'a');
    for (const name of ['a', 'b', 'c']) {
      const log = world.core(name).feeds.all.get(feed.id);
      expect([...(log?.cleared() ?? [])]).toHaveLength(1);
    }
    await verified(world, 'a', 'b', 'c');
  });
});

describe('receipts with durability 2', () => {
  test('are OK when the other node has the entry on its disk, and pending when it is away', async () => {
    await using world = await FleetWorld.open(['a', 'b'], { durability: 2 });
    const alice = await world.person('alice');
    const client = await world.signIn(alice, 'a');
    const id = await write(world, client, alice, 'on two disks');
    expect(await readAll(world, alice, 'b')).toEqual([id]);
    world.cut('a', 'b');
    const body = utf8('on one');
    const pdu = writePdu(world.random, alice, [alice.address], body);
    expect((await world.moving(client.submit(pdu, body))).status).toBe(ReceiptStatus.PENDING);
    await world.heal();
    expect((await world.moving(client.submit(pdu, body))).status).toBe(ReceiptStatus.DUPLICATE);
    expect(await readAll(world, alice, 'b')).toEqual([id, pdu.id]);
  });
});
