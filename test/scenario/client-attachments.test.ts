import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../src/base/index.ts';
import type { AttachmentSource, Client, Manifest } from '../../src/client/index.ts';
import { CHUNK_BYTES, EntryKind, type NodeMessage, type PduId } from '../../src/protocol/index.ts';
import { type Store, under } from '../../src/store/index.ts';
import { all, ClientWorld, never } from '../harness/client-world.ts';
import { until } from '../harness/until.ts';

/** Three chunks, the last of them short. */
const SIZE = 2 * CHUNK_BYTES + 123_456;

async function setup() {
  const world = await ClientWorld.open();
  const [alice, bob] = [await world.newPerson('alice'), await world.newPerson('bob')];
  const content = world.random.bytes(SIZE);
  /** Entries that the node has written. */
  const written = { pieces: 0, erasures: 0 };
  world.node.core.journal.events.on('committed', ({ entries }) => {
    written.pieces += entries.filter(({ header }) => header.kind === EntryKind.BLOB).length;
    written.erasures += entries.filter(({ header }) => header.kind === EntryKind.ERASE).length;
  });
  return {
    world,
    alice,
    bob,
    content,
    written,
    [Symbol.asyncDispose]: async () => {
      await alice.client[Symbol.asyncDispose]();
      await bob.client[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

/** Read in odd pieces, as a file comes. */
function sourceOf(content: Uint8Array, name = 'film.mkv'): AttachmentSource {
  return {
    name,
    type: 'video/x-matroska',
    size: content.length,
    open: async function* () {
      for (let at = 0; at < content.length; at += 700_001) yield content.subarray(at, at + 700_001);
    },
  };
}

async function manifestOf(client: Client, id: PduId): Promise<Manifest> {
  const { text } = await client.mail.read(id);
  const [manifest] = text.attachments.flatMap((attachment) => attachment.manifest ?? []);
  if (manifest === undefined) throw new Error('the mail has no large attachment');
  return manifest;
}

async function fetchAll(client: Client, id: PduId): Promise<Uint8Array> {
  await using download = await client.openAttachment(await manifestOf(client, id), never);
  return concatBytes(...(await all(download.chunks(1))));
}

async function expectErased(client: Client, manifest: Manifest): Promise<void> {
  await expect(client.openAttachment(manifest, never)).rejects.toMatchObject({ code: 'attachment_missing' });
}

/** Rows of what waits to be sent. */
async function stagedCount(store: Store): Promise<number> {
  const rows = await Promise.all(
    ['a', 'b'].map((tag) => store.range({ ...under(new TextEncoder().encode(tag)), limit: 1_000 })),
  );
  return rows.flat().length;
}

describe('a large attachment', () => {
  test('goes with the mail to every device, once however many recipients, and leaves nothing behind', async () => {
    await using at = await setup();
    const { alice, bob, content, world, written } = at;
    const carol = await world.newPerson('carol');
    await using c = carol.client;
    await alice.client.connect(never);
    const told: number[] = [];
    alice.client.events.on('attachment', ({ stage, done }) => stage === 'sending' && told.push(done));
    const sent = await alice.client.send({
      to: [bob.client.address],
      bcc: [c.address],
      subject: 'Film',
      text: 'see there',
      attachments: [sourceOf(content), { name: 'note.txt', content: new Uint8Array([104, 105]) }],
    });
    expect(sent.status).toBe('accepted');
    expect(written.pieces).toBe(4);
    expect(told.at(-1)).toBe(SIZE + 3 * 16);
    expect(await stagedCount(alice.store)).toBe(0);
    await bob.client.sync({ signal: never });
    const { summary, text } = await bob.client.mail.read(sent.id);
    expect(summary.attachmentCount).toBe(2);
    expect(text.text).toContain('see there');
    expect(text.attachments).toMatchObject([
      { name: 'film.mkv', type: 'video/x-matroska', size: SIZE },
      { name: 'note.txt', size: 2 },
    ]);
    expect(Buffer.compare(await fetchAll(bob.client, sent.id), content)).toBe(0);
    // The blind copy, and the author's own on a second device.
    await c.sync({ signal: never });
    const [hidden] = await all(c.mail.list());
    expect(Buffer.compare(await fetchAll(c, hidden?.id as PduId), content)).toBe(0);
    await using second = (await world.newDevice(alice.created.profile)).client;
    await second.sync({ signal: never });
    expect(Buffer.compare(await fetchAll(second, sent.id), content)).toBe(0);
  });

  test('goes on after a cut, and what the node has is not sent again', async () => {
    await using at = await setup();
    const { alice, bob, content, world, written } = at;
    await alice.client.connect(never);
    let isCut = false;
    alice.client.events.on('attachment', ({ stage }) => {
      if (stage !== 'sending' || isCut) return;
      isCut = true;
      world.cutAll();
    });
    const sent = await alice.client.send({ to: [bob.client.address], text: 'x', attachments: [sourceOf(content)] });
    expect(sent.status).toBe('queued');
    const before = written.pieces;
    expect(before).toBeGreaterThan(0);
    await world.reconnect(alice.client);
    await alice.client.flush(never);
    expect(written.pieces).toBe(4);
    await bob.client.sync({ signal: never });
    expect(Buffer.compare(await fetchAll(bob.client, sent.id), content)).toBe(0);
  });

  test('waits on the device while there is no network, through a restart, and without its file', async () => {
    await using at = await setup();
    const { alice, bob, content, world } = at;
    await alice.client.connect(never);
    await alice.client.send({ to: [bob.client.address], text: 'so that Bob is known' });
    world.isCut = true;
    world.cutAll();
    await world.node.clock.advance(1);
    const file = content.slice();
    const sent = await alice.client.send({ to: [bob.client.address], text: 'x', attachments: [sourceOf(file)] });
    expect(sent.status).toBe('queued');
    file.fill(0);
    await alice.client[Symbol.asyncDispose]();
    world.isCut = false;
    await using again = await world.openClient(alice.store, alice.created.profile);
    await again.flush(never);
    expect(await stagedCount(alice.store)).toBe(0);
    await bob.client.sync({ signal: never });
    expect(Buffer.compare(await fetchAll(bob.client, sent.id), content)).toBe(0);
  });

  test('that is not whole, or changes while it is read, is not sent and leaves nothing', async () => {
    await using at = await setup();
    const { alice, bob, content, world, written } = at;
    await alice.client.connect(never);
    for (const size of [SIZE - 1, SIZE + 1]) {
      const source = { ...sourceOf(content), size };
      const sending = alice.client.send({ to: [bob.client.address], text: 'x', attachments: [source] });
      await expect(sending).rejects.toMatchObject({ code: 'attachment_changed' });
    }
    const huge = { ...sourceOf(content), size: 2 ** 53 };
    const sending = alice.client.send({ to: [bob.client.address], text: 'x', attachments: [huge] });
    await expect(sending).rejects.toMatchObject({ code: 'too_large' });
    expect(await stagedCount(alice.store)).toBe(0);
    expect(written.pieces).toBe(0);
    // A program that ended while it encrypted.
    await alice.store.transact((transaction) =>
      transaction.put(concatBytes(Uint8Array.of(97), new Uint8Array(24)), content),
    );
    await alice.client[Symbol.asyncDispose]();
    await using _ = await world.openClient(alice.store, alice.created.profile);
    expect(await stagedCount(alice.store)).toBe(0);
  });

  test('from a node that gives other pieces is named, and never shown', async () => {
    await using at = await setup();
    const { alice, bob, content, world } = at;
    await alice.client.connect(never);
    const sent = await alice.client.send({ to: [bob.client.address], text: 'x', attachments: [sourceOf(content)] });
    await bob.client.sync({ signal: never });
    const tamper = (message: NodeMessage): NodeMessage => {
      if (message.oneofKind !== 'body' || message.body.body.length < 100_000) return message;
      return { ...message, body: { ...message.body, body: message.body.body.with(9, 1).with(10, 2) } };
    };
    world.tamper = tamper;
    await expect(fetchAll(bob.client, sent.id)).rejects.toMatchObject({ code: 'attachment_missing' });
    expect(bob.client.alarms).toMatchObject([{ code: 'wrong_body' }]);
    world.tamper = undefined;
    expect(Buffer.compare(await fetchAll(bob.client, sent.id), content)).toBe(0);
  });

  test('of a mail that says something else than its pieces is refused', async () => {
    await using at = await setup();
    const { alice, bob, content } = at;
    await alice.client.connect(never);
    const sent = await alice.client.send({ to: [bob.client.address], text: 'x', attachments: [sourceOf(content)] });
    await bob.client.sync({ signal: never });
    const manifest = await manifestOf(bob.client, sent.id);
    const read = async (change: Partial<Manifest>): Promise<unknown> => {
      await using download = await bob.client.openAttachment({ ...manifest, ...change }, never);
      return all(download.chunks(1));
    };
    const key = Buffer.from(new Uint8Array(32)).toString('base64').replace('=', '');
    await expect(read({ key })).rejects.toMatchObject({ code: 'attachment_damaged' });
    await expect(read({ size: SIZE + CHUNK_BYTES })).rejects.toMatchObject({ code: 'attachment_damaged' });
    await expect(read({ list: '00'.repeat(32) })).rejects.toMatchObject({ code: 'attachment_missing' });
  });

  test('goes with the mail: deleted by all, it is nowhere', async () => {
    await using at = await setup();
    const { alice, bob, content, world, written } = at;
    await alice.client.connect(never);
    const sent = await alice.client.send({ to: [bob.client.address], text: 'x', attachments: [sourceOf(content)] });
    await Promise.all([alice.client.sync({ signal: never }), bob.client.sync({ signal: never })]);
    const manifest = await manifestOf(bob.client, sent.id);
    await bob.client.mail.delete([sent.id]);
    await world.node.clock.advance(3_000);
    await until(() => written.erasures === 1);
    await expectErased(bob.client, manifest);
    // Its author still has it.
    expect(Buffer.compare(await fetchAll(alice.client, sent.id), content)).toBe(0);
    await alice.client.mail.delete([sent.id]);
    await world.node.clock.advance(3_000);
    await until(() => written.erasures === 2);
    await expectErased(alice.client, manifest);
    expect(await world.node.core.operator.verify({})).toMatchObject({ ok: true });
  });
});
