import { describe, expect, test } from 'vitest';
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
});
