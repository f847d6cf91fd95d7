import { describe, expect, test } from 'vitest';
import { concatBytes, toHex } from '../../src/base/index.ts';
import { BodyState, type Receipt, ReceiptStatus, STORED_CHUNK_BYTES } from '../../src/protocol/index.ts';
import { NodeWorld } from '../harness/node-world.ts';
import { bodyText, type Person, writePdu } from '../harness/person.ts';
import { askPieces, createPieces, getPiece, type Pieces, putPiece, putPieces } from '../harness/pieces.ts';
import type { WireClient } from '../harness/wire-client.ts';

const { DUPLICATE, OK, OVER_QUOTA, REJECTED, SEND_BLOBS } = ReceiptStatus;
const DAY_MS = 86_400_000;

async function setup(quotaBytes?: number) {
  const world = await NodeWorld.open(quotaBytes === undefined ? {} : { limits: { quotaBytes } });
  const people = [await world.person('alice'), await world.person('bob'), await world.person('carol')] as const;
  const clients = [
    await world.signIn(people[0]),
    await world.signIn(people[1]),
    await world.signIn(people[2]),
  ] as const;
  return {
    world,
    alice: { person: people[0], client: clients[0] },
    bob: { person: people[1], client: clients[1] },
    carol: { person: people[2], client: clients[2] },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

function send(
  world: NodeWorld,
  { client, person }: { client: WireClient; person: Person },
  recipients: readonly Person[],
  pieces: Pieces,
): Promise<Receipt> {
  const addresses = recipients.map(({ address }) => address);
  const body = bodyText('see there');
  return client.submit(writePdu(world.random, person, addresses, body, 'mail', [pieces.attached]), body);
}

async function eraseFirst(client: WireClient, receipt: Receipt): Promise<void> {
  const numbers = [{ from: 1, to: 1 }];
  const answer = await client.ask((request) => ({
    oneofKind: 'erase',
    erase: { request, feed: receipt.feed, numbers, superseded: false },
  }));
  expect(answer.oneofKind).toBe('done');
}

describe('the pieces of a large attachment', () => {
  test('come before the mail that names them, and go to whoever has that mail', async () => {
    await using at = await setup();
    const { alice, bob, carol, world } = at;
    const pieces = createPieces(world.random, 3);
    // Without them the mail is not taken, and nobody has it.
    expect(await send(world, alice, [bob.person], pieces)).toMatchObject({ status: SEND_BLOBS });
    expect((await putPieces(alice.client, pieces)).map(({ status }) => status)).toEqual([OK, OK, OK, OK]);
    expect(await getPiece(bob.client, pieces.list, 1)).toMatchObject({ state: BodyState.NONE });
    expect(await send(world, alice, [bob.person], pieces)).toMatchObject({ status: OK });
    for (const [number, body] of pieces.bodies.entries()) {
      const piece = await getPiece(bob.client, pieces.list, number);
      expect(piece.state).toBe(BodyState.INLINE);
      expect(Buffer.compare(piece.body, body)).toBe(0);
    }
    expect(await getPiece(carol.client, pieces.list, 1)).toMatchObject({ state: BodyState.NONE });
  });

  test('are told to whoever was interrupted, who brings the others', async () => {
    await using at = await setup();
    const { alice, bob, world } = at;
    const pieces = createPieces(world.random, 4);
    const { bodies, list } = pieces;
    expect(await askPieces(alice.client, list)).toEqual([]);
    for (const number of [0, 1, 3]) await putPiece(alice.client, list, number, bodies[number] as Uint8Array);
    const again = await world.signIn(alice.person);
    expect(await askPieces(again, list)).toEqual([
      { from: 0, to: 1 },
      { from: 3, to: 3 },
    ]);
    expect(await putPiece(again, list, 3, bodies[3] as Uint8Array)).toMatchObject({ status: DUPLICATE });
    expect(await send(world, alice, [bob.person], pieces)).toMatchObject({ status: SEND_BLOBS });
    for (const number of [2, 4]) await putPiece(again, list, number, bodies[number] as Uint8Array);
    expect(await send(world, alice, [bob.person], pieces)).toMatchObject({ status: OK });
  });

  test('are refused where they are not what the list names, and change nothing', async () => {
    await using at = await setup();
    const { alice, bob, world } = at;
    const { client } = alice;
    const { attached, bodies, list } = createPieces(world.random, 3);
    const [chunkList, first, second, last] = bodies as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const refused = async (number: number, body: Uint8Array, of = list): Promise<void> => {
      expect(await putPiece(client, of, number, body)).toMatchObject({ status: REJECTED });
    };
    await refused(1, first); // before the list
    await refused(0, chunkList.subarray(1)); // not whole names
    await refused(0, chunkList, world.random.bytes(32)); // under a foreign name
    await refused(0, new Uint8Array(0));
    await putPiece(client, list, 0, chunkList);
    await refused(1, second); // reordered
    await refused(4, last); // beyond the end
    await refused(0xffff_ffff, last);
    await refused(3, last.subarray(0, 500)); // cut
    await refused(2, second.with(77, (second[77] as number) ^ 1)); // changed
    expect(await askPieces(client, list)).toEqual([{ from: 0, to: 0 }]);
    // A list that names pieces of other sizes: its chunks are not taken.
    const odd = [world.random.bytes(100), world.random.bytes(STORED_CHUNK_BYTES + 1)];
    const oddList = concatBytes(...odd.map((body) => world.suite.sha256(body)));
    const oddName = world.suite.sha256(oddList);
    await putPiece(client, oddName, 0, oddList);
    await refused(1, odd[0] as Uint8Array, oddName);
    await refused(2, odd[1] as Uint8Array, oddName);
    // A mail that says another size than its chunks have.
    for (const number of [1, 2, 3]) await putPiece(client, list, number, bodies[number] as Uint8Array);
    const lies = [attached.size + 1, attached.size + STORED_CHUNK_BYTES, STORED_CHUNK_BYTES];
    for (const size of lies) {
      const pieces = { list, bodies, attached: { list: toHex(list), size } };
      expect(await send(world, alice, [bob.person], pieces)).toMatchObject({ status: SEND_BLOBS });
    }
    expect(await getPiece(bob.client, list, 1)).toMatchObject({ state: BodyState.NONE });
  });

  test('are erased with the last mail that names them, and not before', async () => {
    await using at = await setup();
    const { alice, bob, carol, world } = at;
    const pieces = createPieces(world.random, 2);
    await putPieces(alice.client, pieces);
    // Two mails, the pieces once.
    const first = await send(world, alice, [bob.person], pieces);
    const second = await send(world, alice, [carol.person], pieces);
    expect((await at.world.core.accounts.heldBytes(world.core.store, bob.person.address)).bytes).toBe(
      pieces.attached.size + bodyText('see there').length,
    );
    await eraseFirst(bob.client, first);
    expect(await getPiece(bob.client, pieces.list, 1)).toMatchObject({ state: BodyState.NONE });
    expect((await at.world.core.accounts.heldBytes(world.core.store, bob.person.address)).bytes).toBe(0);
    expect(await getPiece(carol.client, pieces.list, 1)).toMatchObject({ state: BodyState.INLINE });
    await eraseFirst(carol.client, second);
    expect(await askPieces(carol.client, pieces.list)).toEqual([]);
    // What is sent again afterwards is taken again.
    expect((await putPieces(alice.client, pieces)).map(({ status }) => status)).toEqual([OK, OK, OK]);
    expect(await world.core.operator.verify({})).toMatchObject({ ok: true, problems: [] });
  });

  test('count towards the room of whoever announces and whoever gets them', async () => {
    await using at = await setup(5 * STORED_CHUNK_BYTES);
    const { alice, bob, world } = at;
    const large = createPieces(world.random, 6);
    expect(await putPiece(alice.client, large.list, 0, large.bodies[0] as Uint8Array)).toMatchObject({
      status: OVER_QUOTA,
      detail: alice.person.address,
    });
    const small = createPieces(world.random, 3);
    await putPieces(alice.client, small);
    const another = createPieces(world.random, 3);
    expect(await putPiece(alice.client, another.list, 0, another.bodies[0] as Uint8Array)).toMatchObject({
      status: OVER_QUOTA,
    });
    // Named by a mail, it is no longer announced.
    expect(await send(world, alice, [bob.person], small)).toMatchObject({ status: OK });
    expect((await putPieces(alice.client, another)).map(({ status }) => status)).toEqual([OK, OK, OK, OK]);
    expect(await send(world, alice, [bob.person], another)).toMatchObject({ status: OK });
    const third = createPieces(world.random, 2);
    await putPieces(alice.client, third);
    expect(await send(world, alice, [bob.person], third)).toMatchObject({
      status: OVER_QUOTA,
      detail: bob.person.address,
    });
  });

  test('expire with the mail, when its receiver wants it so', async () => {
    await using world = await NodeWorld.open();
    const alice = await world.person('alice');
    const bob = await world.person('bob', { retentionDays: 1 });
    const pieces = createPieces(world.random, 2);
    const sender = await world.signIn(alice);
    await putPieces(sender, pieces);
    await send(world, { client: sender, person: alice }, [bob], pieces);
    expect(await getPiece(await world.signIn(bob), pieces.list, 1)).toMatchObject({ state: BodyState.INLINE });
    await world.stop();
    await world.clock.advance(2 * DAY_MS);
    await world.start();
    await world.core.retention.sweep(new AbortController().signal);
    const reader = await world.signIn(bob);
    expect(await getPiece(reader, pieces.list, 1)).toMatchObject({ state: BodyState.NONE });
    expect(await askPieces(reader, pieces.list)).toEqual([]);
    expect((await world.core.accounts.heldBytes(world.core.store, bob.address)).bytes).toBe(0);
  });

  test('that no mail ever named are removed after thirty days', async () => {
    await using at = await setup();
    const { alice, bob, world } = at;
    const [left, named] = [createPieces(world.random, 2), createPieces(world.random, 2)];
    await putPieces(alice.client, left);
    await putPieces(alice.client, named);
    await send(world, alice, [bob.person], named);
    const { signal } = new AbortController();
    await world.core.blobSweep.sweep(signal);
    expect(await askPieces(alice.client, left.list)).toEqual([{ from: 0, to: 2 }]);
    // Nobody sweeps and pings through a month.
    await world.stop();
    await world.clock.advance(30 * DAY_MS + 1);
    await world.start();
    await world.core.blobSweep.sweep(signal);
    const after = await world.signIn(alice.person);
    expect(await askPieces(after, left.list)).toEqual([]);
    expect(await askPieces(after, named.list)).toEqual([{ from: 0, to: 2 }]);
    // Whoever comes back later begins anew.
    expect((await putPieces(after, left)).map(({ status }) => status)).toEqual([OK, OK, OK]);
    await world.core.blobSweep.sweep(signal);
    expect(await askPieces(after, left.list)).toEqual([{ from: 0, to: 2 }]);
    expect(await world.core.operator.verify({})).toMatchObject({ ok: true, problems: [] });
  });
});
