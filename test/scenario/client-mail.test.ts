import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import { all, ClientWorld, never } from '../harness/client-world.ts';

describe('mail between people', () => {
  test('goes from one to the other, and to every device of both', async () => {
    await using world = await ClientWorld.open();
    const alice = await world.newPerson('alice');
    const bob = await world.newPerson('bob');
    await using a = alice.client;
    await using b = bob.client;
    await a.connect(never);
    const sent = await a.send({ to: [b.address], subject: 'Grüße', text: 'Wie geht es?' });
    expect(sent).toMatchObject({ status: 'accepted', receipts: [{ node: 'a' }] });
    expect(await b.sync({ signal: never })).toMatchObject({ new: 1, missing: 0, complete: true });
    const [message] = await all(b.mail.list());
    expect(message).toMatchObject({ id: sent.id, subject: 'Grüße', author: a.address, proof: 'verified', bound: true });
    expect((await b.mail.read(sent.id)).text.text).toContain('Wie geht es?');
    // The author's own copy, here and on a second device, byte by byte the same.
    await a.sync({ signal: never });
    await using second = (await world.newDevice(alice.created.profile)).client;
    await second.sync({ signal: never });
    const [raw, theirs] = [await second.mail.raw(sent.id), await b.mail.raw(sent.id)];
    expect(raw.mime).toEqual(theirs.mime);
    expect(raw.mime).toEqual((await a.mail.raw(sent.id)).mime);
  });

  test('is told once, in the order of its coming, while the client follows', async () => {
    await using world = await ClientWorld.open();
    const alice = await world.newPerson('alice');
    const bob = await world.newPerson('bob');
    await using a = alice.client;
    await using b = bob.client;
    await Promise.all([a.connect(never), b.sync({ signal: never })]);
    const arrived: string[] = [];
    b.events.on('arrived', ({ subject }) => arrived.push(subject));
    for (const subject of ['one', 'two', 'three']) {
      const came = new Promise<void>((resolve) => b.events.on('arrived', () => resolve()));
      await a.send({ to: [b.address], subject, text: 'x' });
      await came;
      await world.node.clock.advance(1);
    }
    expect(arrived).toEqual(['one', 'two', 'three']);
    expect((await all(b.mail.list())).map(({ subject }) => subject)).toEqual(['three', 'two', 'one']);
    // Live entries are held before a head is signed over them.
    expect((await b.report()).report[0]).toMatchObject({ upTo: 0, held: 3 });
    await b.sync({ signal: never });
    expect((await b.report()).sentence).toBe('complete up to 3 on 1 of 1 node');
  });

  test('keeps a conversation together, and a blind copy to itself', async () => {
    await using world = await ClientWorld.open();
    const [alice, bob, carol] = [
      await world.newPerson('alice'),
      await world.newPerson('bob'),
      await world.newPerson('carol'),
    ];
    await using a = alice.client;
    await using b = bob.client;
    await using c = carol.client;
    await a.connect(never);
    const first = await a.send({ to: [b.address], bcc: [c.address], subject: 'Plan', text: 'secret' });
    await b.sync({ signal: never });
    await world.node.clock.advance(1);
    const reply = await b.send({ to: [a.address], subject: 'Re: Plan', text: 'yes', inReplyTo: first.id });
    expect(reply.conversation).toBe(first.conversation);
    await a.sync({ signal: never });
    const talk = await a.conversations.show(first.conversation);
    expect(talk.members.map(({ address }) => address)).toEqual([a.address, b.address]);
    expect(talk.messages.map(({ subject }) => subject)).toEqual(['Plan', 'Re: Plan']);
    expect(talk.gaps).toEqual([]);
    expect((await a.mail.read(reply.id)).text.references).toEqual([(await a.mail.read(first.id)).text.messageId]);
    await c.sync({ signal: never });
    const [hidden] = await all(c.mail.list());
    expect(hidden?.conversation).not.toBe(first.conversation);
    expect(hidden?.recipients).toEqual([c.address]);
    for (const { id } of await all(b.mail.list()))
      expect(JSON.stringify((await b.mail.read(id)).text)).not.toContain('carol');
  });

  test('too large to come along comes all the same, byte by byte', async () => {
    await using world = await ClientWorld.open();
    const alice = await world.newPerson('alice');
    await using a = alice.client;
    await a.connect(never);
    const content = world.random.bytes(300_000);
    const sent = await a.send({ to: [a.address], text: 'see there', attachments: [{ name: 'x.bin', content }] });
    await a.sync({ signal: never });
    const [attachment] = await a.mail.attachments(sent.id);
    expect(attachment?.content).toEqual(content);
  });

  test('too large to come along is fetched at once by whoever follows', async () => {
    await using world = await ClientWorld.open();
    const [alice, bob] = [await world.newPerson('alice'), await world.newPerson('bob')];
    await using a = alice.client;
    await using b = bob.client;
    await a.connect(never);
    await b.sync({ signal: never });
    const arrived = new Promise((resolve) => b.events.on('arrived', ({ id }) => resolve(id)));
    const attachments = [{ name: 'x.bin', content: world.random.bytes(300_000) }];
    const sent = await a.send({ to: [b.address], text: 'see there', attachments });
    // The clock stands still: nothing that comes round every few minutes has brought it.
    expect(await arrived).toBe(sent.id);
    expect((await b.report()).pendingBodies).toBe(0);
  });

  test('is imported once, as the exact bytes, malformed or not', async () => {
    await using world = await ClientWorld.open();
    const alice = await world.newPerson('alice');
    await using a = alice.client;
    await a.connect(never);
    const files = [
      utf8('From: x\n\nbare line ends\n'),
      Uint8Array.of(0, 255, 254, 10, 13),
      utf8(''),
      utf8('Subject: =?utf-8?B?!!!?=\r\n\r\n'),
    ];
    for (const mime of files) expect(await a.importRaw(mime, a.address)).toMatchObject({ status: 'queued' });
    for (const mime of files) expect(await a.importRaw(mime, a.address)).toMatchObject({ status: 'duplicate' });
    await a.flush(never);
    expect(a.outbox.items).toEqual([]);
    await a.sync({ signal: never });
    const exported = (await all(a.mail.export())).map((item) =>
      item.status === 'opened' ? Buffer.from(item.mime).toString('hex') : item.code,
    );
    expect(exported.sort()).toEqual(files.map((mime) => Buffer.from(mime).toString('hex')).sort());
  });

  test('is refused in words when it cannot be sent, and nothing is kept', async () => {
    await using world = await ClientWorld.open();
    const alice = await world.newPerson('alice');
    await using a = alice.client;
    await expect(a.send({ to: [world.node.address('bob')], text: 'x' })).rejects.toMatchObject({ code: 'offline' });
    await a.connect(never);
    await expect(a.send({ to: [], text: 'x' })).rejects.toMatchObject({ code: 'no_recipient' });
    await expect(a.send({ to: [world.node.address('nobody')], text: 'x' })).rejects.toMatchObject({
      code: 'unknown_recipient',
      details: { addresses: ['nobody@home.example'] },
    });
    // What is attached may be of any size; what is said may not.
    await expect(a.send({ to: [a.address], text: 'x'.repeat(3_000_000) })).rejects.toMatchObject({ code: 'too_large' });
    expect(a.outbox.items).toEqual([]);
  });
});
