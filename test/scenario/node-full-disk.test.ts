/** A node whose disk runs full: new mail is refused for now, everything else goes on, and it comes back by itself. */
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import type { DiskSpace } from '../../src/node/index.ts';
import { ROOM_INTERVAL_MS } from '../../src/node/limits.ts';
import { BodyState, ReceiptStatus } from '../../src/protocol/index.ts';
import { FleetWorld } from '../harness/fleet-world.ts';
import { NodeWorld } from '../harness/node-world.ts';
import { type Person, writePdu } from '../harness/person.ts';
import type { WireClient } from '../harness/wire-client.ts';

const GiB = 1024 ** 3;

class TestDisk {
  freeBytes = 50 * GiB;

  async space(): Promise<DiskSpace> {
    return { freeBytes: this.freeBytes, totalBytes: 100 * GiB };
  }
}

async function setup() {
  const disk = new TestDisk();
  const world = await NodeWorld.open({ disk });
  const [alice, bob] = [await world.person('alice'), await world.person('bob')];
  const client = await world.signIn(alice);
  return {
    world,
    alice,
    bob,
    client,
    /** So much is free from now on, and the node has looked. */
    async leave(freeBytes: number): Promise<void> {
      disk.freeBytes = freeBytes;
      await world.clock.advance(ROOM_INTERVAL_MS);
      await world.core.store.get(utf8('x')); // it looks on a thread of its own
    },
    async send(to: Person = bob, text = 'a mail') {
      const body = utf8(text);
      return client.submit(writePdu(world.random, alice, [to.address], body), body);
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

async function stateOf(reader: WireClient): Promise<string> {
  const complete = await reader.follow();
  if (complete.oneofKind !== 'complete') throw new Error('not complete');
  const [head] = complete.complete.heads;
  if (head === undefined) throw new Error('no mailbox');
  const answer = await reader.ask((request) => ({
    oneofKind: 'fetch',
    fetch: { request, feed: head.feed, number: 1 },
  }));
  return answer.oneofKind === 'body' ? (BodyState[answer.body.state] ?? '') : answer.oneofKind;
}

describe('a disk that is nearly full', () => {
  test('refuses new mail for now, and takes it again by itself when there is room', async () => {
    await using setting = await setup();
    const { world, leave, send } = setting;
    expect((await send()).status).toBe(ReceiptStatus.OK);
    await leave(GiB / 4);
    const length = world.core.feeds.current.length;
    const refused = await send();
    expect(refused).toMatchObject({
      status: ReceiptStatus.UNAVAILABLE,
      detail: expect.stringContaining('nearly full'),
    });
    expect(refused.retryAfterMs).toBeGreaterThan(0);
    expect(world.core.feeds.current.length).toBe(length);
    await leave(10 * GiB);
    expect((await send()).status).toBe(ReceiptStatus.OK);
  });

  test('says so to whoever watches the node', async () => {
    await using setting = await setup();
    const { world, leave } = setting;
    expect(await world.core.health()).toEqual([]);
    await leave(GiB / 4);
    expect(await world.core.health()).toEqual([expect.stringContaining('256 MiB are left')]);
    expect(await world.core.operator.status()).toMatchObject({
      freeBytes: GiB / 4,
      problem: expect.stringContaining('nearly full'),
    });
    await leave(10 * GiB);
    expect(await world.core.health()).toEqual([]);
    expect((await world.core.operator.status()).problem).toBeUndefined();
  });

  test('goes on reading and erasing', async () => {
    await using setting = await setup();
    const { world, bob, leave, send } = setting;
    const receipt = await send();
    await leave(GiB / 4);
    const reader = await world.signIn(bob);
    expect(await stateOf(reader)).toBe('INLINE');
    const answer = await reader.ask((request) => ({
      oneofKind: 'erase',
      erase: { request, feed: receipt.feed, numbers: [{ from: 1, to: 1 }], superseded: false },
    }));
    expect(answer.oneofKind).not.toBe('refused');
    expect(await stateOf(await world.signIn(bob))).toBe('ERASED');
  });

  test('refuses pieces of attachments and what the door to the world’s mail brings, as having no room', async () => {
    await using setting = await setup();
    const { world, bob, leave } = setting;
    await leave(GiB / 4);
    expect(await world.core.doorway.admits(bob.address, 1_000)).toBe('no_room');
    const piece = { list: new Uint8Array(32), number: 0, body: new Uint8Array(32) };
    expect(await world.core.doorway.bring(bob.address, piece)).toMatchObject({ status: 'unavailable', why: 'no_room' });
    await leave(10 * GiB);
    expect(await world.core.doorway.admits(bob.address, 1_000)).toBe('ok');
  });
});

describe('a node of a fleet whose disk is nearly full', () => {
  test('takes nothing of the others, who keep it, and has all of it when there is room', async () => {
    const disk = new TestDisk();
    await using world = await FleetWorld.open(['a', 'b'], { disks: new Map([['b', disk]]) });
    const alice = await world.person('alice');
    await world.settled();
    disk.freeBytes = GiB / 4;
    await world.until(() => world.core('b').room.isLow, 'a low disk');
    const client = await world.signIn(alice, 'a');
    const body = utf8('a mail');
    const receipt = await world.moving(client.submit(writePdu(world.random, alice, [alice.address], body), body));
    expect(receipt.status).toBe(ReceiptStatus.OK);
    const feed = world.core('a').feeds.current;
    await world.pass(20_000);
    expect(world.core('b').fleet.copies.here(feed.id)).toBeLessThan(feed.length);
    disk.freeBytes = 10 * GiB;
    await world.settled();
    expect(world.core('b').fleet.copies.here(feed.id)).toBe(feed.length);
  });
});
