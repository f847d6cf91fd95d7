import { describe, expect, test } from 'vitest';
import { toHex, utf8 } from '../../src/base/index.ts';
import {
  BodyState,
  type Entry,
  FIRST_LINK,
  From,
  feedIdOf,
  headBytes,
  linkOf,
  type MailboxHead,
  ReceiptStatus,
} from '../../src/protocol/index.ts';
import { NodeWorld } from '../harness/node-world.ts';
import { bodyText, writePdu } from '../harness/person.ts';
import { until } from '../harness/until.ts';
import type { WireClient } from '../harness/wire-client.ts';

const NOTHING = { version: 1, time: 0, ledger: [], client: 'test', headersOnly: false, newestFirst: false };

async function follow(client: WireClient, from: From, changes: object = {}) {
  const answer = await client.ask((request) => ({
    oneofKind: 'clientInfo',
    clientInfo: { ...NOTHING, from, request, ...changes },
  }));
  if (answer.oneofKind !== 'complete') throw new Error(JSON.stringify(answer));
  return answer.complete;
}

describe('a mailbox on a node', () => {
  test('what was submitted while nobody listened comes in order, linked up to a signed head', async () => {
    await using world = await NodeWorld.open();
    const [alice, bob] = [await world.person('alice'), await world.person('bob')];
    const sender = await world.signIn(alice);
    const bodies = Array.from({ length: 700 }, (_, i) => bodyText(`mail ${i}`));
    const receipts = await Promise.all(
      bodies.slice(0, 200).map((body) => sender.submit(writePdu(world.random, alice, [bob.address], body), body)),
    );
    for (const body of bodies.slice(200))
      receipts.push(await sender.submit(writePdu(world.random, alice, [bob.address], body), body));
    expect(receipts.every((receipt) => receipt.status === ReceiptStatus.OK)).toBe(true);

    const reader = await world.signIn(bob);
    const complete = await follow(reader, From.BEGINNING);
    const [request] = [...reader.entries.keys()];
    const entries = reader.entries.get(request as number) as Entry[];
    expect(entries.map((entry) => entry.number)).toEqual(Array.from({ length: 700 }, (_, i) => i + 1));
    expect(new Set(entries.map((entry) => Buffer.from(entry.body).toString()))).toEqual(
      new Set(bodies.map((body) => Buffer.from(body).toString())),
    );
    const head = complete.heads[0] as MailboxHead;
    let link = FIRST_LINK;
    for (const entry of entries) {
      expect(entry.previousLink).toEqual(link);
      link = linkOf(world.suite, link, {
        ...entry,
        pduId: toHex(world.suite.sha256(entry.pdu)) as Parameters<typeof linkOf>[2]['pduId'],
      });
    }
    expect(link).toEqual(head.link);
    const info = await reader.serverInfo();
    const signed = headBytes(bob.address, { ...head, feed: feedIdOf(head.feed) });
    expect(world.suite.verify(head.signature, signed, info.node)).toBe(true);
  });

  test('newest first delivers the same entries from the other end', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob');
    const sender = await world.signIn(bob);
    for (let i = 0; i < 300; i++)
      await sender.submit(writePdu(world.random, bob, [bob.address], utf8(`${i}`)), utf8(`${i}`));
    const reader = await world.signIn(bob);
    await follow(reader, From.LEDGER, { newestFirst: true, ledger: [] });
    const entries = [...reader.entries.values()].flat();
    expect(entries.map((entry) => entry.number)).toEqual(Array.from({ length: 300 }, (_, i) => 300 - i));
  });

  test('a ledger with holes gets exactly the holes', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob');
    const sender = await world.signIn(bob);
    let feed = new Uint8Array(0);
    for (let i = 1; i <= 20; i++)
      feed = (await sender.submit(writePdu(world.random, bob, [bob.address], utf8(`${i}`)), utf8(`${i}`)))
        .feed as Uint8Array<ArrayBuffer>;
    const reader = await world.signIn(bob);
    const held = [
      { from: 3, to: 7 },
      { from: 5, to: 9 },
      { from: 15, to: 15 },
    ];
    await follow(reader, From.LEDGER, { ledger: [{ feed, held }] });
    const numbers = [...reader.entries.values()].flat().map((entry) => entry.number);
    expect(numbers).toEqual([1, 2, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20]);
  });

  test('live mail is pushed at once, also while a catch-up runs, and nothing comes twice', async () => {
    await using world = await NodeWorld.open();
    const [alice, bob] = [await world.person('alice'), await world.person('bob')];
    const sender = await world.signIn(alice);
    for (let i = 0; i < 600; i++)
      await sender.submit(writePdu(world.random, alice, [bob.address], utf8(`${i}`)), utf8(`${i}`));
    const reader = await world.signIn(bob);
    const caughtUp = follow(reader, From.BEGINNING);
    const live = utf8('live');
    const receipt = await sender.submit(writePdu(world.random, alice, [bob.address], live), live);
    expect(receipt.status).toBe(ReceiptStatus.OK);
    await caughtUp;
    const all = (): Entry[] => [...reader.entries.values()].flat();
    await until(() => all().length >= 601);
    expect(new Set(all().map((entry) => entry.number)).size).toBe(601);
    expect(all().length).toBe(601);
  });

  test('the same PDU is one entry, however often and on however many connections it is submitted', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob');
    const [one, two] = [await world.signIn(bob), await world.signIn(bob)];
    const body = utf8('once');
    const pdu = writePdu(world.random, bob, [bob.address], body);
    const receipts = await Promise.all([one.submit(pdu, body), two.submit(pdu, body), one.submit(pdu, body)]);
    receipts.push(await two.submit(pdu, body));
    expect(receipts.filter((receipt) => receipt.status === ReceiptStatus.OK)).toHaveLength(1);
    expect(receipts.filter((receipt) => receipt.status === ReceiptStatus.DUPLICATE)).toHaveLength(3);
    expect(new Set(receipts.map((receipt) => receipt.index)).size).toBe(1);
    expect((await follow(one, From.NOW)).heads[0]?.number).toBe(1);
  });

  test('a node that stops and starts again goes on with the same feed, numbers and links', async () => {
    await using world = await NodeWorld.open();
    const bob = await world.person('bob');
    const before = await world.signIn(bob);
    await before.submit(writePdu(world.random, bob, [bob.address], utf8('1')), utf8('1'));
    await world.stop();
    await world.start();
    const after = await world.signIn(bob);
    await after.submit(writePdu(world.random, bob, [bob.address], utf8('2')), utf8('2'));
    const { heads } = await follow(after, From.BEGINNING);
    expect(heads).toHaveLength(1);
    expect(heads[0]?.number).toBe(2);
    expect(await world.core.operator.verify()).toMatchObject({ ok: true, problems: [] });
  });

  test('erased bodies are told, their bytes are gone, and numbers stay', async () => {
    await using world = await NodeWorld.open();
    const [alice, bob] = [await world.person('alice'), await world.person('bob')];
    const sender = await world.signIn(alice);
    const body = utf8('shared by two');
    const receipt = await sender.submit(writePdu(world.random, alice, [alice.address, bob.address], body), body);
    const erase = (client: WireClient) =>
      client.ask((request) => ({
        oneofKind: 'erase',
        erase: { request, feed: receipt.feed, numbers: [{ from: 1, to: 1 }], superseded: false },
      }));
    const fetched = async (client: WireClient): Promise<BodyState> => {
      const answer = await client.ask((request) => ({
        oneofKind: 'fetch',
        fetch: { request, feed: receipt.feed, number: 1 },
      }));
      return answer.oneofKind === 'body' ? answer.body.state : BodyState.NONE;
    };
    const reader = await world.signIn(bob);
    await erase(sender);
    expect([await fetched(sender), await fetched(reader)]).toEqual([BodyState.ERASED, BodyState.INLINE]);
    expect(world.core.feeds.current.has(receipt.index + 1)).toBe(true);
    await erase(reader);
    expect(world.core.feeds.current.has(receipt.index + 1)).toBe(false);
    expect(await world.core.operator.verify()).toMatchObject({ ok: true, problems: [] });
  });
});
