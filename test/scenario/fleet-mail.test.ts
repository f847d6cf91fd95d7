import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import { ReceiptStatus } from '../../src/protocol/index.ts';
import { FleetWorld } from '../harness/fleet-world.ts';
import { writePdu } from '../harness/person.ts';

describe('two nodes of a home', () => {
  test('a mail that one of them takes is read at the other', async () => {
    await using world = await FleetWorld.open(['a', 'b']);
    const alice = await world.person('alice');
    await world.settled();
    const reader = await world.signIn(alice, 'b');
    await reader.follow();
    const writer = await world.signIn(alice, 'a');
    const body = utf8('hello');
    const pdu = writePdu(world.random, alice, [alice.address], body);
    expect((await writer.submit(pdu, body)).status).toBe(ReceiptStatus.OK);
    await world.until(() => (reader.entries.get(0)?.length ?? 0) > 0, 'the mail at the other node');
    expect(reader.entries.get(0)?.[0]?.pdu).toEqual(pdu.header);
    expect(reader.entries.get(0)?.[0]?.body).toEqual(body);
  });
});
