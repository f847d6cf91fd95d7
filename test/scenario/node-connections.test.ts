import { describe, expect, test } from 'vitest';
import { createMemorySocketPair, type FrameSocket, SeededPrng, utf8 } from '../../src/base/index.ts';
import { ReceiptStatus } from '../../src/protocol/index.ts';
import { NodeWorld } from '../harness/node-world.ts';
import { writePdu } from '../harness/person.ts';
import { honestFrames } from '../harness/sample-frames.ts';
import { until } from '../harness/until.ts';
import { WireClient } from '../harness/wire-client.ts';

describe('a node and difficult connections', () => {
  test('a reader that never reads is told and cut, and others are served meanwhile', async () => {
    await using world = await NodeWorld.open();
    const [alice, bob] = [await world.person('alice'), await world.person('bob')];
    const sender = await world.signIn(alice);
    const [ours, theirs] = createMemorySocketPair();
    // The socket takes nothing more once it is jammed, as a full TCP window does.
    let jammed = false;
    let stuck = 0;
    const jam: FrameSocket = {
      send: async (frame) => {
        if (jammed) {
          stuck += 1;
          await theirs.closed;
        }
        await theirs.send(frame);
      },
      get bufferedBytes() {
        return 0;
      },
      incoming: theirs.incoming,
      close: (code, reason) => theirs.close(code, reason),
      terminate: () => theirs.terminate(),
      closed: theirs.closed,
    };
    const serving = world.core.serve(jam, undefined);
    const reader = new WireClient(ours);
    await reader.authenticate(world.random, bob.address, bob.device);
    await reader.follow();
    jammed = true;
    const body = utf8('live');
    expect((await sender.submit(writePdu(world.random, alice, [bob.address], body), body)).status).toBe(
      ReceiptStatus.OK,
    );
    await until(() => stuck > 0);
    await world.clock.advance(60_000);
    await reader.ended();
    await serving;
    expect((await sender.submit(writePdu(world.random, alice, [bob.address], utf8('2')), utf8('2'))).status).toBe(
      ReceiptStatus.OK,
    );
  });

  test('a connection that says nothing is closed, and so is one that went silent', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob');
    const mute = world.connect();
    const silent = await world.signIn(bob);
    await world.clock.advance(50_000);
    await mute.ended();
    await world.clock.advance(150_000);
    await silent.ended();
    expect(world.core.sessions.count).toBe(0);
  });

  test('a lost wake costs until the next sweep and nothing more', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob');
    const reader = await world.signIn(bob);
    await reader.follow();
    // Announcements get lost; the sweep does not rest on them.
    world.core.journal.events.emit = () => {};
    const sender = await world.signIn(bob);
    await sender.submit(writePdu(world.random, bob, [bob.address], utf8('x')), utf8('x'));
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(reader.entries.get(0)).toBeUndefined();
    await world.clock.advance(15_000);
    await until(() => reader.entries.has(0));
    expect(reader.entries.get(0)).toHaveLength(1);
  });

  test('4 000 mutated frames crash nothing, and the node serves on (seed 7)', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob');
    const prng = new SeededPrng(7);
    const honest = honestFrames(world.random, bob);
    let client = await world.signIn(bob);
    let sent = 0;
    while (sent < 4_000) {
      const frame = Uint8Array.from(honest[prng.below(honest.length)] as Uint8Array);
      for (let flips = 1 + prng.below(4); flips > 0; flips--) frame[prng.below(frame.length)] = prng.below(256);
      try {
        await client.socket.send(frame);
        sent += 1;
        if (sent % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
      } catch {
        client = await world.signIn(bob); // the node closed on a frame that is none: connect again
      }
    }
    const after = await world.signIn(bob);
    const body = utf8('body');
    const receipt = await after.submit(writePdu(world.random, bob, [bob.address], body), body);
    expect(receipt.status).toBe(ReceiptStatus.OK);
    expect(await world.core.operator.verify()).toMatchObject({ ok: true, problems: [] });
  });
});
