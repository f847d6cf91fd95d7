import { expect, test, vi } from 'vitest';
import { concatBytes } from '../../src/base/index.ts';
import type { Client } from '../../src/client/index.ts';
import { Blobs } from '../../src/node/blobs.ts';
import { CHUNK_BYTES, type PduId } from '../../src/protocol/index.ts';
import { all, never } from '../harness/client-world.ts';
import { FleetClients } from '../harness/fleet-client.ts';
import { verified } from '../harness/fleet-people.ts';
import { FleetWorld } from '../harness/fleet-world.ts';

/** More chunks than are fetched from one node alone. */
const SIZE = 5 * CHUNK_BYTES + 5;

async function fetchAll(world: FleetWorld, client: Client, id: PduId): Promise<Uint8Array> {
  const { text } = await client.mail.read(id);
  const manifest = text.attachments[0]?.manifest;
  if (manifest === undefined) throw new Error('the mail has no large attachment');
  return world.moving(
    (async () => {
      await using download = await client.openAttachment(manifest, never);
      return concatBytes(...(await all(download.chunks(1))));
    })(),
  );
}

test('an attachment is copied with its feed, fetched from both nodes, and from one when the other is away', async () => {
  await using world = await FleetWorld.open(['a', 'b']);
  const clients = new FleetClients(world);
  const alice = await clients.createAccount('alice', 'a');
  const content = world.random.bytes(SIZE);
  await world.settled();
  await using client = await clients.open(alice, 'a');
  await client.nodes.pin('a');
  await world.moving(client.connect(never));
  const attachments = [{ name: 'film.mkv', content }];
  const sent = await world.moving(client.send({ to: [client.address], text: 'see there', attachments }));
  expect(sent.status).toBe('accepted');
  await world.settled();
  await world.moving(client.sync({ signal: never }));

  const get = vi.spyOn(Blobs.prototype, 'get');
  expect(Buffer.compare(await fetchAll(world, client, sent.id), content)).toBe(0);
  expect(new Set(get.mock.contexts).size).toBe(2);

  clients.out.add('a');
  await world.stop('a');
  get.mockClear();
  expect(Buffer.compare(await fetchAll(world, client, sent.id), content)).toBe(0);
  expect(new Set(get.mock.contexts).size).toBe(1);
  get.mockRestore();
  await verified(world, 'b');
});
