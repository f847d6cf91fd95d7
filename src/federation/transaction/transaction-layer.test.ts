import { describe, expect, test } from 'vitest';
import { fromHex } from '../../base/index.ts';
import {
  decodeAnswer,
  encodeTransaction,
  type FeedId,
  ItemStatus,
  parseConversationId,
  type Transaction,
} from '../../protocol/index.ts';
import { encodeBatch } from './batch.ts';
import { CALM, DAY, disorderOf, feedOf, HOUR, type TestHome, texts, World } from './homes-world.contract.ts';

async function setup(seed = 1) {
  const world = new World(seed);
  const a = await world.add('a');
  const b = await world.add('b');
  return { world, a, b, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

function batch(from: TestHome, to: TestHome, mails: readonly string[], first = 1, feed: FeedId = feedOf(from.letter)) {
  const items = mails.map((text, index) => ({
    number: first + index,
    queuedAt: 0,
    pdu: new TextEncoder().encode(text),
    body: undefined,
    isOwed: false,
  }));
  const txn = `${feed}.${first}.${first + mails.length - 1}.0`;
  return { txn, body: encodeBatch(from.name, to.name, feed, items) };
}

describe('two homes', () => {
  test('what is queued arrives once and in order, in batches of fifty', async () => {
    await using all = await setup();
    const { a, b, world } = all;
    const mails = texts(173);
    await a.write(b, mails);
    await world.pass(2_000);
    expect(await b.delivered()).toEqual(mails);
    expect(a.sent.size).toBe(4);
    expect(await a.layer?.status()).toMatchObject([
      { home: 'b.example', queued: 0, failures: 0, deferred: 0, rejected: 0, nextTryAt: undefined },
    ]);
  });

  test('the next batch is read while one is under way, once, and only if it is full', async () => {
    await using all = await setup();
    const { a, b, world } = all;
    world.faults = { ...CALM, delay: 1 };
    await a.write(b, texts(173));
    expect(await world.until(() => Promise.resolve(a.reads.length > 0), HOUR, 1)).toBe(true);
    expect(a.reads, 'the first is on its way').toEqual([50, 50]);
    expect(await b.delivered()).toEqual([]);
    expect(await world.until(async () => (await b.delivered()).length === 173, HOUR)).toBe(true);
    expect(a.reads).toEqual([50, 50, 50, 23]);
    expect(a.layer?.pageCount, 'and nothing is held after').toBe(0);
  });

  test('a bad item spoils no other, and the status says which and why', async () => {
    await using all = await setup();
    const { a, b, world } = all;
    await a.write(b, ['one', 'bad apple', 'three']);
    await world.pass(2_000);
    expect(await b.delivered()).toEqual(['one', 'three']);
    const [status] = (await a.layer?.status()) ?? [];
    expect(status).toMatchObject({ queued: 0, rejected: 1 });
    expect(status?.rejections).toMatchObject([
      { feed: feedOf('a'), number: 2, code: 'bad_signature', detail: 'bad apple is bad' },
    ]);
  });

  test('an item that is answered later leaves the main line and comes again alone until it is taken', async () => {
    await using all = await setup();
    const { a, b, world } = all;
    b.laterFor.set('two', 3);
    await a.write(b, ['one', 'two', 'three']);
    await world.pass(2_000);
    expect(await b.delivered()).toEqual(['one', 'three']);
    expect(await a.layer?.status()).toMatchObject([{ queued: 1, deferred: 1 }]);
    await a.write(b, ['four']);
    await world.pass(10 * 60_000);
    expect(await b.delivered()).toEqual(['one', 'three', 'four', 'two']);
    expect(await a.layer?.status()).toMatchObject([{ queued: 0, deferred: 0 }]);
    const attempts = [...a.sent.keys()].filter((name) => name.includes('.2.2.'));
    expect(attempts.map((name) => name.at(-1))).toEqual(['1', '2', '3']);
  });

  test('an item that its sender has forgotten is asked for by the one who answered later', async () => {
    await using all = await setup();
    const { a, b, world } = all;
    b.laterFor.set('two', 1);
    await a.write(b, ['one', 'two', 'three']);
    await world.pass(2_000);
    // As a backup from before the answer would: the numbers are acknowledged, the deferred item is not known.
    await a.stop();
    await a.store.transact((rows) => rows.deleteRange(new TextEncoder().encode('Dl'), new TextEncoder().encode('Dm')));
    await a.start();
    await world.pass(3 * HOUR, 60_000);
    expect(await b.delivered()).toEqual(['one', 'three', 'two']);
  });

  test('a home that comes back is sent everything, without anybody sending anything new', async () => {
    await using all = await setup();
    const { a, b, world } = all;
    await b.stop();
    await a.write(b, texts(120));
    await world.pass(3 * DAY, 60_000);
    expect((await a.layer?.status())?.[0]).toMatchObject({ queued: 120, lastError: { code: 'unreachable' } });
    await b.start();
    // b has never had anything from a and cannot ask: a tries at least once an hour.
    expect(await world.until(async () => (await b.deliveredCount()) === 120, HOUR, 10_000)).toBe(true);
    expect(await b.delivered()).toEqual(texts(120));
  });

  test('a contact ends the waiting at once', async () => {
    await using all = await setup();
    const { a, b, world } = all;
    await b.stop();
    await a.write(b, texts(3));
    await world.pass(DAY, 60_000);
    await b.start();
    await b.write(a, ['hello']);
    await world.pass(2_000);
    expect(await b.delivered()).toEqual(texts(3));
    expect(await a.delivered()).toEqual(['hello']);
  });

  test('a home that comes back asks for what waits for it, also when nobody can reach it', async () => {
    await using all = await setup();
    const { a, b, world } = all;
    await a.write(b, ['first']);
    await world.pass(1_000);
    await b.stop();
    await a.write(b, texts(260));
    await world.pass(30 * DAY, HOUR);
    // a's own requests do not get through any more.
    a.fate = (step) => (step === 'request' ? 'fail' : 'go');
    await b.start();
    await world.pass(2_000);
    expect(await b.delivered()).toEqual(['first', ...texts(260)]);
    expect(await a.queuedTo(b)).toBe(0);
  });

  test('two concurrent deliveries of one transaction are processed once and answered alike', async () => {
    await using all = await setup();
    const { a, b } = all;
    const { txn, body } = batch(a, b, ['one', 'two']);
    const deliver = async () => b.layer?.send(a.name, txn, body);
    const answers = await Promise.all([deliver(), deliver()]);
    expect(b.judgedCount).toBe(2);
    expect(answers[0]).toEqual(answers[1]);
    expect(await b.delivered()).toEqual(['one', 'two']);
    await b.stop();
    await b.start();
    expect(await b.layer?.send(a.name, txn, body)).toEqual(answers[0]);
    expect(b.judgedCount).toBe(2);
  });

  test('a gap is refused with the number that is held, and leaves no trace', async () => {
    await using all = await setup();
    const { a, b } = all;
    const late = batch(a, b, ['three'], 3);
    const refusal = decodeAnswer((await b.layer?.send(a.name, late.txn, late.body)) ?? new Uint8Array());
    expect(refusal).toMatchObject({ results: [], heldTo: 0 });
    const early = batch(a, b, ['one', 'two']);
    await b.layer?.send(a.name, early.txn, early.body);
    const answer = decodeAnswer((await b.layer?.send(a.name, late.txn, late.body)) ?? new Uint8Array());
    expect(answer).toMatchObject({ results: [{ status: ItemStatus.OK }], heldTo: 3 });
    expect(await b.delivered()).toEqual(['one', 'two', 'three']);
  });

  test('a receiver that was restored from a backup gets again what it lost', async () => {
    await using all = await setup();
    const { a, b, world } = all;
    await a.write(b, texts(70));
    await world.pass(1_000);
    await b.stop();
    const everything = { from: Uint8Array.of(0), to: Uint8Array.of(255) };
    await b.store.transact((rows) => rows.deleteRange(everything.from, everything.to));
    await b.start();
    await a.write(b, ['after']);
    await world.pass(10_000);
    expect(await b.delivered()).toEqual([...texts(70), 'after']);
  });

  test('a sender that was restored from a backup sends again, and nothing is doubled', async () => {
    await using all = await setup();
    const { a, b, world } = all;
    await a.write(b, texts(70));
    await world.pass(1_000);
    await a.stop();
    await a.store.transact((rows) => rows.deleteRange(new TextEncoder().encode('D'), new TextEncoder().encode('E')));
    a.feeds.push(feedOf('a', 1));
    await a.start();
    await a.write(b, ['of the new feed'], feedOf('a', 1));
    await world.pass(5_000);
    expect(await b.delivered()).toEqual([...texts(70), 'of the new feed']);
    for (const [name, hashes] of a.sent) expect(`${name} ${hashes.size}`).toBe(`${name} 1`);
  });

  test('the retired feed is drained before its successor', async () => {
    await using all = await setup();
    const { a, b, world } = all;
    await b.stop();
    await a.write(b, texts(60, 'old'));
    a.feeds.push(feedOf('a', 1));
    await a.write(b, texts(60, 'new'), feedOf('a', 1));
    await b.start();
    await world.pass(2 * HOUR, 10_000);
    expect(await b.delivered()).toEqual([...texts(60, 'old'), ...texts(60, 'new')]);
  });
});

describe('hints', () => {
  const conversation = parseConversationId('0123456789abcdef0123456789abcdef');

  test('are said once however often they are owed, and survive a restart', async () => {
    await using all = await setup();
    const { a, b, world } = all;
    await b.stop();
    for (let time = 0; time < 5; time++) await a.layer?.hint(b.name, conversation);
    await world.pass(5_000);
    await a.stop();
    await a.start();
    await b.start();
    await world.pass(HOUR, 10_000);
    expect(b.heard).toEqual([`a.example ${conversation}`]);
  });

  test('of a home that has more say so, and it is asked when nothing comes', async () => {
    await using all = await setup();
    const { a, b, world } = all;
    await a.write(b, ['one']);
    await world.pass(1_000);
    // Mail that a's own queue does not know: the layer was never told.
    const { layer } = a;
    a.layer = undefined;
    await a.write(b, ['two']);
    a.layer = layer;
    expect(await b.delivered()).toEqual(['one']);
    await b.write(a, ['something else']);
    await world.pass(15_000);
    expect(await b.delivered()).toEqual(['one', 'two']);
  });
});

describe('a transaction is refused and changes nothing', () => {
  const cases: readonly [string, string, (t: Transaction) => Transaction, string?][] = [
    ['of another origin', 'forbidden', (t) => ({ ...t, origin: 'c.example' })],
    ['for another home', 'wrong_destination', (t) => ({ ...t, destination: 'c.example' })],
    ['of a feed that is not its origin’s', 'forbidden', (t) => ({ ...t, feed: fromHex(feedOf('c')) }), feedOf('c')],
    ['whose id is not that of its items', 'malformed', (t) => ({ ...t, first: 2 })],
    ['of fifty-one items', 'too_large', (t) => ({ ...t, items: Array.from({ length: 51 }, () => item()) })],
    ['of items and EDUs', 'malformed', (t) => ({ ...t, edus: [{ edu: { oneofKind: undefined } }] })],
  ];
  test.each(cases)('%s: %s', async (_, code, change, feed = feedOf('a')) => {
    await using all = await setup();
    const { a, b } = all;
    const transaction: Transaction = {
      origin: a.name,
      destination: b.name,
      feed: fromHex(feedOf('a')),
      first: 1,
      items: [item()],
      edus: [],
      reach: [],
    };
    const body = encodeTransaction(change(transaction));
    await expect(b.layer?.send(a.name, `${feed}.1.1.0`, body)).rejects.toMatchObject({ code });
    expect(await b.delivered()).toEqual([]);
    expect(await b.store.sizeBytes()).toBe(0);
  });

  function item() {
    return { pdu: new TextEncoder().encode('mail'), body: new Uint8Array(0), hasBody: false, isOwed: false };
  }

  test('of a flood, of which others feel nothing', async () => {
    await using all = await setup();
    const { a, b, world } = all;
    const c = await world.add('c');
    const flood = Array.from({ length: 50 }, async (_, index) => {
      const { txn, body } = batch(a, b, [`mail ${index}`], index + 1);
      return b.layer?.send(a.name, txn, body);
    });
    const other = batch(c, b, ['from c']);
    const settled = Promise.allSettled(flood);
    const answer = await b.layer?.send(c.name, other.txn, other.body);
    expect(decodeAnswer(answer ?? new Uint8Array())).toMatchObject({ heldTo: 1 });
    const outcomes = await settled;
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBe(45);
    for (const { reason } of refused as PromiseRejectedResult[]) expect(reason).toMatchObject({ code: 'rate_limited' });
  });
});

test('a dead home slows nobody', async () => {
  await using all = await setup();
  const { a, b, world } = all;
  const dead = await Promise.all(Array.from({ length: 36 }, (_, index) => world.add(`dead${index}`)));
  for (const home of dead) await home.stop();
  for (const home of dead) await a.write(home, ['one']);
  await world.pass(2 * HOUR, 10_000);
  const before = world.clock.monotonic();
  await a.write(b, texts(2_000));
  expect(await world.until(async () => (await b.deliveredCount()) === 2_000, 60_000, 10)).toBe(true);
  expect(world.clock.monotonic() - before).toBeLessThan(1_000);
  expect(disorderOf(await b.delivered(), texts(2_000))).toBeUndefined();
});
