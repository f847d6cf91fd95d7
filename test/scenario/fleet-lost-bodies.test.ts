/** A node whose disk is lost before its mail was copied whole: what had no receipt is taken again, and nobody waits for the rest. */
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import type { BlockClaim } from '../../src/feed/index.ts';
import { BodyState, type FeedId, type Pdu, pduIdOf, ReceiptStatus } from '../../src/protocol/index.ts';
import { verified } from '../harness/fleet-people.ts';
import { FleetWorld } from '../harness/fleet-world.ts';
import { type Person, writePdu } from '../harness/person.ts';
import { TwoHomes } from '../harness/two-homes.ts';
import type { WireClient } from '../harness/wire-client.ts';

/** What a node has of its own feed. */
async function claimsOf(world: FleetWorld, at: string): Promise<readonly BlockClaim[]> {
  const feed = world.core(at).feeds.current;
  const store = world.storeOf(at);
  const claims: BlockClaim[] = [];
  for (let index = 0; index < feed.length; index++) {
    const [block, proof] = [await feed.getBlock(store, index), await feed.proof(store, index)];
    claims.push({ index, block, nodes: proof.nodes, signature: proof.signature });
  }
  return claims;
}

/** Node a gets all blocks of node b's feed but the last, the body of what b took last; then b's disk is gone, and comes empty. */
async function loseLastBody(world: FleetWorld): Promise<FeedId> {
  const feed = world.core('b').feeds.current;
  const claims = (await claimsOf(world, 'b')).slice(0, -1);
  const copy = await world.core('a').feeds.copy(feed.publicKey);
  await world.core('a').journal.accept(copy, claims);
  // Opened anew, it shows others what it was given.
  await world.stop('a');
  await world.start('a');
  await world.loseDisk('b');
  world.cuts.clear();
  await world.join('b', 'a');
  await world.until(
    () => world.core('b').feeds.all.get(feed.id)?.heldCount === claims.length,
    'what is left of the feed',
  );
  return feed.id;
}

async function submit(world: FleetWorld, client: WireClient, pdu: Pdu, body: Uint8Array): Promise<ReceiptStatus> {
  return (await world.moving(client.submit(pdu, body))).status;
}

/** Of every place at which a person finds a PDU at a node, the body that the node gives. */
async function bodiesOf(world: FleetWorld, person: Person, at: string, { id }: Pdu): Promise<readonly string[]> {
  const client = await world.signIn(person, at);
  const bodies: string[] = [];
  const complete = await world.moving(client.follow());
  if (complete.oneofKind !== 'complete') throw new Error(`not complete: ${complete.oneofKind}`);
  for (const { feed, number } of complete.complete.heads) {
    for (let at = 1; at <= number; at++) {
      const page = await client.ask((request) => ({ oneofKind: 'fetch', fetch: { request, feed, number: at } }));
      const entry = [...client.entries.values()].flat();
      expect(entry.length).toBeGreaterThan(0);
      if (page.oneofKind === 'body') bodies.push(`${BodyState[page.body.state]} ${page.body.body.length}`);
    }
  }
  expect([...client.entries.values()].flat().some(({ pdu }) => pduIdOf(world.suite, pdu) === id)).toBe(true);
  client.close();
  return bodies;
}

describe('a node is lost with a body that nobody had copied', () => {
  test('its mail is no duplicate at another node: it is taken again, and both places of it have the body', async () => {
    await using world = await FleetWorld.open(['a', 'b'], { durability: 2 });
    const alice = await world.person('alice');
    await world.settled();
    world.cut('a', 'b');
    const body = utf8('only on one disk');
    const pdu = writePdu(world.random, alice, [alice.address], body);
    expect(await submit(world, await world.signIn(alice, 'b'), pdu, body)).toBe(ReceiptStatus.PENDING);
    await loseLastBody(world);
    const client = await world.signIn(alice, 'a');
    expect(await submit(world, client, pdu, body)).toBe(ReceiptStatus.OK);
    await world.settled();
    for (const at of ['a', 'b'])
      expect(await bodiesOf(world, alice, at, pdu)).toEqual([`INLINE ${body.length}`, `INLINE ${body.length}`]);
    expect(await submit(world, client, pdu, body)).toBe(ReceiptStatus.DUPLICATE);
    await verified(world, 'a', 'b');
  });

  test('nodes that join then are ready for clients: they have what the others have', async () => {
    await using world = await FleetWorld.open(['a', 'b']);
    const alice = await world.person('alice');
    await world.settled();
    world.cut('a', 'b');
    const body = utf8('lost');
    const pdu = writePdu(world.random, alice, [alice.address], body);
    await submit(world, await world.signIn(alice, 'b'), pdu, body);
    const feed = await loseLastBody(world);
    await world.until(() => world.core('b').fleet.isReady, 'a ready node');
    for (const at of ['a', 'b']) expect(world.core(at).feeds.all.get(feed)?.has(1)).toBe(false);
    expect(await bodiesOf(world, alice, 'b', pdu)).toEqual(['OWED 0']);
  });
});

test('a body that comes while its erasing is being written goes with it', async () => {
  await using world = await FleetWorld.open(['a', 'b']);
  const alice = await world.person('alice');
  await world.settled();
  world.cut('a', 'b');
  const body = utf8('late');
  await submit(world, await world.signIn(alice, 'b'), writePdu(world.random, alice, [alice.address], body), body);
  const claims = await claimsOf(world, 'b');
  const { journal, feeds } = world.core('a');
  const copy = await feeds.copy(world.core('b').feeds.current.publicKey);
  await journal.accept(copy, claims.slice(0, -1));
  const store = world.storeOf('a');
  const last = claims.length - 1;
  await Promise.all([
    store.transact((transaction) => copy.clear(transaction, last)),
    journal.accept(copy, claims.slice(-1)),
  ]);
  expect(copy.has(last)).toBe(false);
  expect(await copy.getBlock(store, last)).toBeUndefined();
});

describe('mail that another node took, handed over again', () => {
  test('is a duplicate when as many disks as a receipt needs have it, and pending until then', async () => {
    await using world = await FleetWorld.open(['a', 'b', 'c'], { durability: 2 });
    const alice = await world.person('alice');
    const body = utf8('by way of b');
    const pdu = writePdu(world.random, alice, [alice.address], body);
    expect(await submit(world, await world.signIn(alice, 'b'), pdu, body)).toBe(ReceiptStatus.OK);
    await world.settled();
    const { id: feed, length } = world.core('b').feeds.current;
    await world.loseDisk('b');
    const client = await world.signIn(alice, 'a');
    // At a and c.
    expect(await submit(world, client, pdu, body)).toBe(ReceiptStatus.DUPLICATE);
    await world.loseDisk('c');
    await world.core('a').operator.fleetRemove('c');
    // At a alone.
    expect(await submit(world, client, pdu, body)).toBe(ReceiptStatus.PENDING);
    await world.join('b', 'a');
    await world.until(() => world.core('a').fleet.waits.isOn(2, feed, length), 'a second disk');
    expect(await submit(world, client, pdu, body)).toBe(ReceiptStatus.DUPLICATE);
    await verified(world, 'a', 'b');
  });

  test('by another home, is not answered for as long as its body is lost', async () => {
    await using homes = await TwoHomes.open(['a', 'b'], { durability: 2 });
    const { fleet, internet } = homes;
    // So the other home knows both nodes.
    const before = await homes.fromBob('to both');
    await homes.untilAliceHas('b', [before]);
    const site = fleet.node('a').site;
    if (site === undefined) throw new Error('node a has a place');
    internet.cut(site);
    fleet.cut('a', 'b');
    const id = await homes.fromBob('to b alone');
    await homes.untilAliceHas('b', [id]);
    internet.mend();
    await loseLastBody(fleet);
    for (const at of ['a', 'b']) await homes.untilAliceHas(at, [before, id]);
  });
});
