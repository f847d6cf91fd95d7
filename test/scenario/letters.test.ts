/** Ordinary mail on its way out, from a person's client to a mail server, on a clock that is moved. */
import { describe, expect, test } from 'vitest';
import { fromUtf8, SILENT_LOG, utf8 } from '../../src/base/index.ts';
import type { DeliveryReport } from '../../src/client/index.ts';
import { OUTBOX } from '../../src/client/keys.ts';
import { Letters } from '../../src/node/index.ts';
import { parseAddress, ReceiptStatus } from '../../src/protocol/index.ts';
import { ClientWorld, never } from '../harness/client-world.ts';
import { openOutbound, relayTo } from '../harness/letter-world.ts';
import { NO_OTHER_HOMES } from '../harness/node-world.ts';
import { SmtpSink } from '../harness/smtp-sink.ts';
import { until } from '../harness/until.ts';

const CAROL = parseAddress('carol@elsewhere.example');
const DAVE = parseAddress('dave@elsewhere.example');

async function setup(sink: SmtpSink) {
  const world = await ClientWorld.open({ abroad: NO_OTHER_HOMES });
  const outbound = await openOutbound(world.node, { relay: relayTo(sink.settings.port) });
  const alice = await world.newPerson('alice');
  await alice.client.connect(never);
  const reports: DeliveryReport[] = [];
  alice.client.events.on('delivery', (report) => reports.push(report));
  return {
    world,
    outbound,
    alice,
    client: alice.client,
    reports,
    async [Symbol.asyncDispose]() {
      await alice.client[Symbol.asyncDispose]();
      await outbound[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

describe('a letter', () => {
  test('that is written while its author just connects waits for the node that says whether the home sends it', async () => {
    await using sink = await SmtpSink.open();
    await using setting = await setup(sink);
    const { created } = await setting.world.newPerson('bob');
    await using bob = (await setting.world.newDevice(created.profile)).client;
    const connecting = new Promise<void>((resolve) => void bob.events.on('state', () => resolve()));
    const connected = bob.connect(never);
    await connecting;
    expect(bob.state.connection).not.toBe('connected');
    const sent = bob.send({ to: [CAROL], subject: 'Friday', text: 'Lunch?', ordinary: 'plain' });
    expect(await sent).toMatchObject({ ordinary: { to: [CAROL], encrypted: false } });
    await connected;
    await until(() => sink.taken.length === 1);
  });

  test('leaves once, with what its author wrote and nothing of blind copies, and its author hears of each recipient', async () => {
    await using sink = await SmtpSink.open({ recipients: { [DAVE]: { code: 550, text: '5.1.1 no Dave' } } });
    await using setting = await setup(sink);
    const { client, reports, world } = setting;
    const draft = { to: [CAROL], bcc: [DAVE], subject: 'Friday', text: 'Lunch?' };
    await expect(client.send(draft)).rejects.toMatchObject({ code: 'not_encrypted' });
    const sent = await client.send({ ...draft, ordinary: 'plain' });
    expect(sent).toMatchObject({ status: 'accepted', ordinary: { to: [CAROL, DAVE], encrypted: false } });
    await until(() => reports.length === 2);
    expect(sink.taken).toHaveLength(1);
    expect(sink.taken[0]).toMatch(/^Autocrypt: addr=alice@home\.example; .*From: <alice@home\.example>\r\n/s);
    expect(sink.taken[0]).not.toMatch(/dave|bcc/i);
    expect(new Set(reports)).toEqual(
      new Set([
        expect.objectContaining({ pdu: sent.id, recipients: [CAROL], status: 'delivered' }),
        expect.objectContaining({ pdu: sent.id, recipients: [DAVE], status: 'refused', reply: '550 5.1.1 no Dave' }),
      ]),
    );
    // A device that hears of it later hears the same, once it knows which mail the letter is of.
    await client.flush(never);
    const other = await world.newDevice(setting.alice.created.profile);
    await other.client.sync({ signal: never });
    expect(await other.client.deliveries.of(sent.id)).toHaveLength(2);
    await other.client[Symbol.asyncDispose]();
  });

  test('waits on its author’s device sealed, whatever its size, and goes when it can', async () => {
    await using sink = await SmtpSink.open();
    await using setting = await setup(sink);
    const { alice, client, outbound, world } = setting;
    world.node.letters.carry(outbound)[Symbol.dispose]();
    for (const bytes of [0, 1_000_000, 3_000_000]) {
      const attachments = bytes === 0 ? [] : [{ name: 'photo', content: world.random.bytes(bytes) }];
      const sending = client.send({ to: [CAROL], text: `with ${bytes}`, ordinary: 'plain', attachments });
      await expect(sending).rejects.toMatchObject({ code: 'refused' });
    }
    const rows = await alice.store.range({ ...OUTBOX, limit: 10 });
    const letters = rows.map(({ value }) => JSON.parse(fromUtf8(value)) as { letter: object });
    expect(letters.map(({ letter }) => letter)).toEqual(Array(3).fill({ recipients: [CAROL], returnsNothing: false }));
    world.node.letters.carry(outbound);
    await world.node.clock.advance(1_000);
    for (const { id } of client.outbox.items) await client.outbox.retry(id);
    await client.flush(never);
    await until(() => sink.taken.length === 3);
    const sizes = sink.taken.map((text) => /^with (\d+)\r$/m.exec(text)?.[1]);
    expect(new Set(sizes)).toEqual(new Set(['0', '1000000', '3000000']));
  });

  test('whose answer was lost is not sent twice', async () => {
    await using sink = await SmtpSink.open();
    await using setting = await setup(sink);
    const { client, world } = setting;
    let lost = 0;
    world.tamper = (message) => {
      if (message.oneofKind !== 'receipt' || message.receipt.feed.length > 0) return message;
      lost += 1;
      return undefined;
    };
    const sending = client.send({ to: [CAROL], text: 'once', ordinary: 'plain' });
    await until(() => lost === 1 && sink.taken.length === 1);
    world.tamper = undefined;
    await world.reconnect(client);
    await sending;
    await world.node.clock.advance(10 * 60_000);
    await client.flush(never);
    expect(client.outbox.items).toEqual([]);
    expect(sink.taken).toHaveLength(1);
  });

  test('says whose it is, or is refused; and nothing is taken that is nobody’s to send', async () => {
    await using sink = await SmtpSink.open();
    await using setting = await setup(sink);
    const { world } = setting;
    const mallory = await world.node.signIn(await world.node.person('mallory'));
    const from = (sender: string): Uint8Array => utf8(`From: ${sender}\r\nTo: ${CAROL}\r\n\r\nhello\r\n`);
    const hand = (text: Uint8Array, changes: object = {}) =>
      mallory.ask((request) => ({
        oneofKind: 'letter',
        letter: {
          ...{ request, id: world.random.bytes(32), recipients: [CAROL], returnsNothing: false },
          ...{ size: text.length, text, withText: true, ...changes },
        },
      }));
    const rejected = { receipt: { status: ReceiptStatus.REJECTED } };
    for (const sender of [
      'alice@home.example',
      'mallory@home.example, alice@home.example',
      '"mallory@home.example" <x@y.example>',
    ])
      expect(await hand(from(sender))).toMatchObject(rejected);
    expect(await hand(utf8('To: x@y.example\r\n\r\nno From\r\n'))).toMatchObject(rejected);
    const twice = utf8('From: mallory@home.example\r\nFrom: alice@home.example\r\n\r\nx\r\n');
    expect(await hand(twice)).toMatchObject(rejected);
    for (const recipients of [
      [],
      ['nobody'],
      ['alice@home.example'],
      Array.from({ length: 101 }, (_, i) => `a${i}@b.example`),
    ])
      expect(await hand(from('mallory@home.example'), { recipients })).toMatchObject(rejected);
    expect(await hand(from('mallory@home.example'), { id: new Uint8Array(31) })).toMatchObject(rejected);
    const tooLarge = { text: new Uint8Array(0), withText: false, size: 2 ** 31 };
    expect(await hand(from('mallory@home.example'), tooLarge)).toMatchObject({
      receipt: { status: ReceiptStatus.TOO_LARGE },
    });
    expect(setting.outbound.status.queued).toBe(0);
    expect(await hand(from('Mallory <mallory@home.example>'))).toMatchObject({ receipt: { status: ReceiptStatus.OK } });
    await until(() => sink.taken.length === 1);
  });

  test('that the home does not take any more is told as refused, and kept', async () => {
    await using sink = await SmtpSink.open();
    await using setting = await setup(sink);
    const { client, outbound, reports, world } = setting;
    world.node.letters.carry(outbound)[Symbol.dispose]();
    const sending = client.send({ to: [CAROL], text: 'too late', ordinary: 'plain' });
    await expect(sending).rejects.toMatchObject({ code: 'refused', details: { refusal: 'no_letters' } });
    await until(() => reports.length === 1);
    expect(reports).toMatchObject([{ recipients: [CAROL], status: 'refused', code: 'no_letters' }]);
    expect(client.outbox.items).toMatchObject([{ letter: { recipients: [CAROL] }, refused: { code: 'no_letters' } }]);
    const [item] = client.outbox.items;
    world.node.letters.carry(outbound);
    await world.node.clock.advance(1_000);
    expect(item && (await client.outbox.retry(item.id))).toBe(true);
    await client.flush(never);
    await until(() => reports.length === 2);
    expect(reports[1]).toMatchObject({ recipients: [CAROL], status: 'delivered' });
    expect(sink.taken).toHaveLength(1);
  });

  test('that comes before the home is ready waits, and is not refused', async () => {
    const letters = new Letters({ log: SILENT_LOG }, { bytesMax: 1_000 });
    expect(letters.bytesMax).toBe(1_000);
    const letter = { request: 1, id: new Uint8Array(32), recipients: [CAROL], returnsNothing: false };
    const receipt = await letters.take(DAVE, { ...letter, size: 1, text: utf8('x'), withText: true });
    expect(receipt).toMatchObject({ status: ReceiptStatus.UNAVAILABLE });
  });

  test('that is too large for ordinary mail names whom it is too large for, and nothing of it leaves', async () => {
    await using sink = await SmtpSink.open();
    await using setting = await setup(sink);
    const { client } = setting;
    await using bob = (await setting.world.newPerson('bob')).client;
    const large = { name: 'film', content: new Uint8Array(20_000_000) };
    const draft = { to: [CAROL, bob.address], text: 'look', ordinary: 'plain', attachments: [large] } as const;
    await expect(client.send(draft)).rejects.toMatchObject({ code: 'too_large', details: { addresses: [CAROL] } });
    expect(client.outbox.items).toEqual([]);
  });

  test('is refused with its own code where the home sends none', async () => {
    await using world = await ClientWorld.open();
    await world.newPerson('alice');
    const client = await world.node.signIn(await world.node.person('bob'));
    const text = utf8('From: bob@home.example\r\n\r\nx\r\n');
    const letter = { id: world.random.bytes(32), recipients: [CAROL], returnsNothing: false, text, withText: true };
    expect(
      await client.ask((request) => ({ oneofKind: 'letter', letter: { ...letter, request, size: text.length } })),
    ).toMatchObject({ oneofKind: 'refused', refused: { code: 'no_letters' } });
    expect((await client.serverInfo()).letterBytes).toBe(0);
  });
});
