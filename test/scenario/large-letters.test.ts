/** Ordinary mail that is larger than a frame: from a person's client in pieces, and out as a stream. */
import { describe, expect, test } from 'vitest';
import { SeededSecureRandom, utf8 } from '../../src/base/index.ts';
import { STAGED_LISTS, STAGED_PIECES } from '../../src/client/keys.ts';
import { parseAddress, type Receipt, ReceiptStatus } from '../../src/protocol/index.ts';
import type { Store } from '../../src/store/index.ts';
import { ClientWorld, never } from '../harness/client-world.ts';
import { type LetterWorldOptions, openOutbound, relayTo } from '../harness/letter-world.ts';
import { NO_OTHER_HOMES } from '../harness/node-world.ts';
import { SmtpSink } from '../harness/smtp-sink.ts';
import { until } from '../harness/until.ts';
import type { WireClient } from '../harness/wire-client.ts';

const MiB = 1024 * 1024;
const HOUR = 3_600_000;
const CAROL = parseAddress('carol@elsewhere.example');
const { DUPLICATE, OK, RATE_LIMITED, REJECTED, SEND_PIECES, TOO_LARGE, UNAVAILABLE } = ReceiptStatus;

async function setup(sink: SmtpSink, options: LetterWorldOptions = {}) {
  const world = await ClientWorld.open({ abroad: NO_OTHER_HOMES });
  const outbound = await openOutbound(world.node, { relay: relayTo(sink.settings.port), ...options });
  return {
    world,
    outbound,
    async [Symbol.asyncDispose]() {
      await outbound[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

/** Bytes that nothing makes smaller, and no line of which looks like another. */
function photograph(bytes: number): Uint8Array {
  return new SeededSecureRandom(11).bytes(bytes);
}

/** The attachment of that name in a message as it came. */
function attachmentIn(text: string, name: string): Buffer {
  const [, encoded = ''] =
    new RegExp(`name="${name}"\r\n(?:\\S.*\r\n)*\r\n((?:[A-Za-z0-9+/=]+\r\n)+)`).exec(text) ?? [];
  return Buffer.from(encoded, 'base64');
}

/** Rows of texts that are on disk, or on their way there. */
async function textRows(store: Store): Promise<number> {
  const rows = await Promise.all(
    ['Ot', 'Op', 'Ou'].map((prefix) => store.range({ from: utf8(prefix), to: utf8(`${prefix}\xff`), limit: 1_000 })),
  );
  return rows.flat().length;
}

/** What a client keeps of what it has yet to send. */
function staged(store: Store): Promise<readonly unknown[]> {
  return store.range({ from: STAGED_PIECES.from, to: STAGED_LISTS.to, limit: 10 });
}

describe('a letter that is larger than a frame', () => {
  test('arrives byte for byte, beside a person of a home who has it encrypted, and leaves nothing behind', async () => {
    await using sink = await SmtpSink.open();
    await using setting = await setup(sink);
    const { world } = setting;
    const alice = await world.newPerson('alice');
    await using client = alice.client;
    await client.connect(never);
    await using bob = (await world.newPerson('bob')).client;
    const content = photograph(10 * MiB);
    const photo = { name: 'photo.jpg', type: 'image/jpeg', content };
    const draft = { to: [CAROL, bob.address], subject: 'Look', text: 'There.\n', attachments: [photo] };
    const sent = await client.send({ ...draft, ordinary: 'plain' });
    expect(sent).toMatchObject({ status: 'accepted', ordinary: { to: [CAROL], encrypted: false } });
    await until(() => sink.taken.length === 1);
    const [text = ''] = sink.taken;
    expect(attachmentIn(text, 'photo.jpg').equals(content)).toBe(true);
    expect(text).toMatch(/^Content-Type: image\/jpeg;\r\n name="photo.jpg"\r$/m);
    expect(text).toContain('\r\n\r\nThere.\r\n');
    expect(text).not.toContain('vnd.restante');
    expect(client.outbox.items).toEqual([]);
    await until(() => setting.outbound.status.queued === 0);
    expect(await textRows(world.node.core.doorway.store)).toBe(0);
    expect(await staged(alice.store)).toEqual([]);
    await bob.sync({ signal: never });
    for await (const { id } of bob.mail.list()) expect((await bob.mail.read(id)).text.attachments).toHaveLength(1);
  });

  test('goes on where a cut has left it, and is sent once', async () => {
    await using sink = await SmtpSink.open();
    await using setting = await setup(sink);
    const { world } = setting;
    await using client = (await world.newPerson('alice')).client;
    await client.connect(never);
    const receipts: Receipt[] = [];
    let isLost = false;
    world.tamper = (message) => {
      // A letter's receipts name no feed.
      if (message.oneofKind !== 'receipt' || message.receipt.feed.length > 0) return message;
      receipts.push(message.receipt);
      // The list, and three pieces, of which nobody hears of the last.
      if (receipts.length < 4) return message;
      isLost = true;
      return undefined;
    };
    const content = photograph(6 * MiB);
    const mime = Buffer.from(
      `From: ${client.address}\r\nMessage-ID: <1@x>\r\n\r\n${Buffer.from(content).toString('base64').replace(/.{76}/g, '$&\r\n')}\r\n`,
    );
    await client.sendRaw({ key: 'send 1', mime, shown: [CAROL], hidden: [], ordinary: 'best' });
    await until(() => isLost);
    world.tamper = (message) => {
      if (message.oneofKind === 'receipt' && message.receipt.feed.length === 0) receipts.push(message.receipt);
      return message;
    };
    await world.reconnect(client);
    await client.flush(never);
    await until(() => sink.taken.length === 1);
    expect(receipts.filter(({ status }) => status === SEND_PIECES).map(({ index }) => index)).toEqual([1, 4]);
    expect(receipts.filter(({ status }) => status === DUPLICATE)).toEqual([]);
    expect(sink.taken[0]).toContain(mime.toString('latin1'));
    await world.node.clock.advance(HOUR);
    expect(sink.taken).toHaveLength(1);
  });

  test('that is larger than the home sends is refused before anything of it is kept', async () => {
    await using sink = await SmtpSink.open();
    await using setting = await setup(sink, { bytesMax: 4 * MiB });
    const alice = await setting.world.newPerson('alice');
    await using client = alice.client;
    await client.connect(never);
    const film = { name: 'film', content: photograph(3.5 * MiB) };
    const sending = client.send({ to: [CAROL], text: 'look', ordinary: 'plain', attachments: [film] });
    await expect(sending).rejects.toMatchObject({ code: 'too_large', details: { addresses: [CAROL] } });
    expect(client.outbox.items).toEqual([]);
    expect(await staged(alice.store)).toEqual([]);
    const small = { name: 'film', content: photograph(2.5 * MiB) };
    await client.send({ to: [CAROL], text: 'look', ordinary: 'plain', attachments: [small] });
    await until(() => sink.taken.length === 1);
  });
});

describe('a node that is given a letter in pieces', () => {
  const TEXT = utf8(`From: <alice@home.example>\r\nMessage-ID: <1@x>\r\n\r\n${'line\n'.repeat(500_000)}`);

  async function wire(sink: SmtpSink, options: LetterWorldOptions = {}) {
    const setting = await setup(sink, options);
    const { node } = setting.world;
    const alice = await node.person('alice');
    const signIn = async (): Promise<Hand> => new Hand(await node.signIn(alice));
    return { ...setting, store: node.core.doorway.store, signIn, hand: await signIn() };
  }

  test('says what it wants next, takes nothing else, and sends what came with the ends of its lines made right', async () => {
    await using sink = await SmtpSink.open();
    await using setting = await wire(sink);
    const { hand, store } = setting;
    const id = new Uint8Array(32).fill(1);
    expect(await hand.piece(id, 1, TEXT.subarray(0, MiB))).toMatchObject({ status: UNAVAILABLE });
    expect(await hand.offer(id, TEXT.length)).toMatchObject({ status: SEND_PIECES, index: 1 });
    expect(await hand.piece(id, 2, TEXT.subarray(MiB, 2 * MiB))).toMatchObject({ status: SEND_PIECES, index: 1 });
    expect(await hand.piece(id, 1, TEXT.subarray(0, MiB - 1))).toMatchObject({ status: REJECTED });
    expect(await hand.piece(id, 1, TEXT.subarray(0, MiB))).toMatchObject({ status: OK });
    expect(await hand.piece(id, 1, TEXT.subarray(0, MiB))).toMatchObject({ status: DUPLICATE });
    expect(await hand.offer(id, TEXT.length)).toMatchObject({ status: SEND_PIECES, index: 2 });
    expect(await hand.piece(id, 2, TEXT.subarray(MiB, 2 * MiB))).toMatchObject({ status: OK });
    expect(await hand.piece(id, 3, TEXT.subarray(2 * MiB))).toMatchObject({ status: OK });
    expect(await hand.piece(id, 4, new Uint8Array(1))).toMatchObject({ status: UNAVAILABLE });
    expect(sink.taken).toEqual([]);
    expect(await hand.offer(id, TEXT.length)).toMatchObject({ status: OK });
    expect(await hand.offer(id, TEXT.length)).toMatchObject({ status: DUPLICATE });
    await until(() => sink.taken.length === 1);
    expect(
      sink.taken[0]?.replaceAll('\r\n', '\n').endsWith(Buffer.from(TEXT).toString().replaceAll('\r\n', '\n')),
    ).toBe(true);
    expect(sink.taken[0]).not.toMatch(/[^\r]\n/);
    await until(() => setting.outbound.status.queued === 0);
    expect(await textRows(store)).toBe(0);
  });

  test('refuses who it says to be from another, and forgets what came of it', async () => {
    await using sink = await SmtpSink.open();
    await using setting = await wire(sink);
    const { hand, store } = setting;
    const text = utf8(`From: <bob@home.example>\r\n\r\n${'x'.repeat(3 * MiB)}`);
    expect(await hand.all(2, text)).toMatchObject({ status: REJECTED });
    const headless = utf8(`From: <alice@home.example>\r\nX: ${'x'.repeat(3 * MiB)}\r\n\r\n`);
    expect(await hand.all(3, headless)).toMatchObject({ status: REJECTED });
    expect(await hand.offer(new Uint8Array(32), 26 * MiB)).toMatchObject({ status: TOO_LARGE });
    expect(await textRows(store)).toBe(0);
    expect(sink.taken).toEqual([]);
  });

  test('awaits so much of an account, for so long', async () => {
    await using sink = await SmtpSink.open();
    await using setting = await wire(sink);
    const { hand, store, world } = setting;
    const idOf = (number: number): Uint8Array => new Uint8Array(32).fill(number);
    for (let number = 1; number <= 8; number++)
      expect(await hand.offer(idOf(number), 25 * MiB)).toMatchObject({ status: SEND_PIECES });
    expect(await hand.offer(idOf(9), 3 * MiB)).toMatchObject({ status: RATE_LIMITED });
    // What is announced already is no more than it was.
    expect(await hand.offer(idOf(8), 25 * MiB)).toMatchObject({ status: SEND_PIECES, index: 1 });
    await world.node.clock.advance(71 * HOUR);
    expect(await (await setting.signIn()).piece(idOf(8), 1, new Uint8Array(MiB))).toMatchObject({ status: OK });
    expect(await textRows(store)).toBe(9);
    await world.node.clock.advance(2 * HOUR);
    await expect.poll(() => textRows(store)).toBe(2);
    expect(await (await setting.signIn()).offer(idOf(9), 3 * MiB)).toMatchObject({ status: SEND_PIECES, index: 1 });
  });

  test('counts a recipient as often as the letter is large', async () => {
    await using sink = await SmtpSink.open({ busy: Number.POSITIVE_INFINITY });
    await using setting = await wire(sink);
    const { hand } = setting;
    const recipients = Array.from({ length: 100 }, (_, index) => `a${index}@b.example`);
    const text = utf8(`From: <alice@home.example>\r\n\r\n${'x'.repeat(5 * MiB)}`);
    expect(await hand.all(1, text, recipients)).toMatchObject({ status: OK });
    expect(await hand.all(2, text, recipients)).toMatchObject({ status: OK });
    expect(await hand.all(3, text, recipients)).toMatchObject({ status: RATE_LIMITED });
  });
});

/** Hands letters over as a client does, frame by frame. */
class Hand {
  readonly #client: WireClient;

  constructor(client: WireClient) {
    this.#client = client;
  }

  async offer(id: Uint8Array, size: number, recipients: readonly string[] = [CAROL]): Promise<Receipt> {
    const answer = await this.#client.ask((request) => ({
      oneofKind: 'letter',
      letter: {
        ...{ request, id, recipients: [...recipients], returnsNothing: false, size },
        ...{ text: new Uint8Array(0), withText: false },
      },
    }));
    if (answer.oneofKind !== 'receipt') throw new Error(`answered with ${answer.oneofKind}`);
    return answer.receipt;
  }

  async piece(id: Uint8Array, number: number, text: Uint8Array): Promise<Receipt> {
    const letterPiece = { id, number, text };
    const answer = await this.#client.ask((request) => ({
      oneofKind: 'letterPiece',
      letterPiece: { request, ...letterPiece },
    }));
    if (answer.oneofKind !== 'receipt') throw new Error(`answered with ${answer.oneofKind}`);
    return answer.receipt;
  }

  /** The whole of it; the node's last word. */
  async all(name: number, text: Uint8Array, recipients: readonly string[] = [CAROL]): Promise<Receipt> {
    const id = new Uint8Array(32).fill(name);
    expect(await this.offer(id, text.length, recipients)).toMatchObject({ status: SEND_PIECES, index: 1 });
    for (let number = 1; (number - 1) * MiB < text.length; number++)
      expect(await this.piece(id, number, text.subarray((number - 1) * MiB, number * MiB))).toMatchObject({
        status: OK,
      });
    return this.offer(id, text.length, recipients);
  }
}
