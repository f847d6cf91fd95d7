import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import { restoreBackup } from '../../src/node/index.ts';
import { VIEWS } from '../../src/node/view-keys.ts';
import { ReceiptStatus } from '../../src/protocol/index.ts';
import { readAll, verified, write } from '../harness/fleet-people.ts';
import { FleetWorld } from '../harness/fleet-world.ts';
import { writePdu } from '../harness/person.ts';

describe('a node whose disk is lost', () => {
  test('joins again under its name, begins a new feed, and is complete', async () => {
    await using world = await FleetWorld.open(['a', 'b']);
    const alice = await world.person('alice');
    const atB = await world.signIn(alice, 'b');
    const ids = [await write(world, atB, alice, 'one'), await write(world, atB, alice, 'two')];
    await world.settled();
    const lost = world.core('b').feeds.current.id;
    await world.loseDisk('b');
    await world.join('b', 'a');
    const node = world.core('a').home.current?.nodes.find(({ name }) => name === 'b');
    expect(node?.feed).not.toBe(lost);
    expect(node?.retired).toEqual([lost]);
    expect((await readAll(world, alice, 'b')).sort()).toEqual(ids.sort());
    const again = await world.signIn(alice, 'b');
    const third = await write(world, again, alice, 'three');
    await world.settled();
    expect((await readAll(world, alice, 'a')).sort()).toEqual([...ids, third].sort());
    await verified(world, 'a', 'b');
  });
});

describe('a node that is restored from a backup', () => {
  test('begins a new feed, and gets back from the others what it had written since', async () => {
    await using world = await FleetWorld.open(['a', 'b']);
    const alice = await world.person('alice');
    const atB = await world.signIn(alice, 'b');
    const ids = [await write(world, atB, alice, 'in the backup')];
    const backup = world.pathOf('backup');
    await world.core('b').operator.backup(backup);
    ids.push(await write(world, atB, alice, 'after it'));
    await world.settled();
    const old = world.core('b').feeds.current.id;
    const { length } = world.core('b').feeds.current;
    await world.loseDisk('b');
    await restoreBackup(backup, world.pathOf(world.node('b').folder));
    await world.start('b');
    await world.settled();
    await world.until(() => world.core('b').fleet.copies.here(old) === length, 'the old feed, whole');
    expect((await readAll(world, alice, 'b')).sort()).toEqual([...ids].sort());
    const again = await world.signIn(alice, 'b');
    ids.push(await write(world, again, alice, 'in the new feed'));
    await world.settled();
    expect((await readAll(world, alice, 'a')).sort()).toEqual([...ids].sort());
    const all = { ...VIEWS, limit: 100_000 };
    expect(await world.storeOf('b').range(all)).toEqual(await world.storeOf('a').range(all));
    await verified(world, 'a', 'b');
    await world.stop('b');
    await world.start('b');
    await world.settled();
    await verified(world, 'b');
  });
});

describe('who joins', () => {
  test('needs a token that was not used, within an hour', async () => {
    await using world = await FleetWorld.open(['a', 'b']);
    const used = await world.core('a').fleet.createToken();
    await world.joinWith('c', 'a', used);
    await expect(world.joinWith('d', 'a', used)).rejects.toMatchObject({ code: 'bad_token' });
    const old = await world.core('a').fleet.createToken();
    await world.clock.advance(3_600_001);
    await expect(world.joinWith('d', 'a', old)).rejects.toMatchObject({ code: 'bad_token' });
    await expect(world.core('b').fleet.createToken()).rejects.toMatchObject({ code: 'not_here' });
  });

  test('takes no name of a node that is there', async () => {
    await using world = await FleetWorld.open(['a', 'b']);
    const token = await world.core('a').fleet.createToken();
    await expect(world.joinWith('a', 'a', token, 'other')).rejects.toMatchObject({ code: 'refused' });
  });
});

describe('a node that is removed', () => {
  test('takes nothing new, what it wrote stays, and its feed is left to who removed it', async () => {
    await using world = await FleetWorld.open(['a', 'b', 'c']);
    const alice = await world.person('alice');
    const atC = await world.signIn(alice, 'c');
    const id = await write(world, atC, alice, 'by c');
    await world.settled();
    const feed = world.core('c').feeds.current.id;
    const before = world.core('c');
    await world.core('a').operator.fleetRemove('c');
    await world.until(() => world.node('c').core?.fleet.membership.isRemoved === true, 'c knows');
    await world.reopened('c', before);
    const body = utf8('too late');
    const client = await world.signIn(alice, 'c');
    const receipt = await client.submit(writePdu(world.random, alice, [alice.address], body), body);
    expect(receipt.status).toBe(ReceiptStatus.UNAVAILABLE);
    await world.until(() => world.core('a').feeds.ours.has(feed), 'a goes on with it');
    expect(world.core('a').feeds.isRetired(feed)).toBe(true);
    for (const name of ['a', 'b']) expect(await readAll(world, alice, name)).toEqual([id]);
    await verified(world, 'a', 'b', 'c');
  });

  test('was the registrar: its successor keeps the keys, and it signs nothing when it comes back', async () => {
    await using world = await FleetWorld.open(['a', 'b']);
    const alice = await world.person('alice');
    await world.settled();
    await expect(world.core('b').operator.fleetRemove('a')).rejects.toMatchObject({ code: 'refused' });
    const keyLog = world.core('b').home.current?.keyLog;
    await world.stop('a');
    const before = world.core('b');
    await before.operator.fleetRemove('a');
    await world.reopened('b', before);
    await world.until(() => world.core('b').home.current?.registrar === 'b', 'b keeps the keys');
    expect(world.core('b').home.current?.keyLog).not.toEqual(keyLog);
    expect(world.core('b').keyLog.length).toBeGreaterThanOrEqual(3);
    await world.person('bob', 'b');
    const again = await world.start('a');
    await world.reopened('a', again);
    expect(world.core('a').fleet.membership.isRemoved).toBe(true);
    expect(world.core('a').home.current?.registrar).toBe('b');
    expect(await readAll(world, alice, 'b')).toEqual([]);
    await verified(world, 'b');
  });

  test('a registrar that was started anew signs nothing before another node has told it how things stand', async () => {
    await using world = await FleetWorld.open(['a', 'b']);
    await world.stop('a');
    await world.stop('b');
    await world.start('a');
    expect(world.core('a').fleet.membership.mayActAsRegistrar).toBe(false);
    await expect(world.person('alice')).rejects.toThrow('registrar_away');
    await world.start('b');
    await world.until(() => world.core('a').fleet.membership.mayActAsRegistrar, 'a may');
    await world.person('alice');
  });
});
