/**
 * What a hostile home cannot do to others, by what real homes answer it: each attack is refused by name, changes nothing,
 * and is told nothing. What the transport refuses is in federation-refusals.test.ts, what clients see through in
 * client-conversations.test.ts.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { toHex, utf8 } from '../../src/base/index.ts';
import { SodiumSuite, SystemRandom, SystemResolver, UndiciDialer } from '../../src/base/system/index.ts';
import { CONVERSATION_PDUS_MAX } from '../../src/conversation/index.ts';
import { FederationError, type Messaging } from '../../src/federation/index.ts';
import { FETCH_ROUNDS_MAX } from '../../src/federation/pdu/limits.ts';
import { HttpLink } from '../../src/federation/transport/index.ts';
import {
  type Address,
  BODY_BYTES_MAX,
  decodeAnswer,
  decodePdus,
  encodePdus,
  encodeTransaction,
  type FeedId,
  type HomeName,
  ItemStatus,
  type PduId,
  PREVIOUS_PDUS_MAX,
  parseFeedId,
  parsePduId,
  ReceiptStatus,
  TRANSACTION_ITEMS_MAX,
} from '../../src/protocol/index.ts';
import { LiveFederation, type LiveFederationHome } from '../harness/live-federation.ts';
import type { Person } from '../harness/person.ts';
import { type Said, Thread } from '../harness/thread.ts';

const suite = new SodiumSuite();
const random = new SystemRandom();
const never = new AbortController().signal;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** More than one try fetches. */
const PAST = 2_500;
const SOMETHING = parsePduId('ab'.repeat(32));

/** Speaks in the name of a home, with its key, and says what the home's own program would not. */
class Forger {
  readonly link: HttpLink;
  readonly #home: LiveFederationHome;
  readonly #feed: FeedId;
  /** Numbers are counted for each destination. */
  readonly #next = new Map<HomeName, number>();

  constructor(federation: LiveFederation, home: LiveFederationHome) {
    this.#home = home;
    this.#feed = home.core.feeds.current.id;
    const { folder } = home.core;
    const messaging = messagingOf(home);
    const dialer = new UndiciDialer(
      { clock: federation.clock, resolver: new SystemResolver() },
      { allowPrivate: true },
    );
    this.link = new HttpLink(
      { dialer, directory: messaging.directory, suite },
      { home: home.home, signer: { node: folder.config.node, secretKey: folder.nodeKey.secretKey } },
    );
  }

  /** A transaction as it would travel, with the next numbers. */
  transaction(
    to: LiveFederationHome,
    said: readonly Partial<Said>[],
  ): { readonly txn: string; readonly body: Uint8Array } {
    const first = this.#next.get(to.home) ?? 1;
    const last = first + said.length - 1;
    this.#next.set(to.home, last + 1);
    const items = said.map(({ pdu, body }) => ({
      pdu: pdu?.header ?? utf8('no PDU at all'),
      body: body ?? new Uint8Array(0),
      hasBody: body !== undefined,
    }));
    const body = encodeTransaction({
      origin: this.#home.home,
      destination: to.home,
      feed: Uint8Array.from(Buffer.from(this.#feed, 'hex')),
      first,
      items,
      edus: [],
      reach: [],
    });
    return { txn: `${this.#feed}.${first}.${last}.0`, body };
  }

  /** What becomes of each: `ok`, or the code of its refusal. */
  async send(to: LiveFederationHome, said: readonly Partial<Said>[]): Promise<readonly string[]> {
    const { txn, body } = this.transaction(to, said);
    const { results } = decodeAnswer(await this.link.send(to.home, txn, body, never));
    return results.map(({ status, code }) => (code === '' ? (ItemStatus[status] ?? '').toLowerCase() : code));
  }
}

/** A and B hold a thread of alice and bob; mallory's home M has nobody in it. */
async function openHomes() {
  const federation = new LiveFederation();
  const [a, b, m] = [await federation.add(), await federation.add(), await federation.add()];
  const [alice, bob, mallory] = [await a.person('alice'), await b.person('bob'), await m.person('mallory')];
  const thread = new Thread(random, alice);
  const founded = thread.found(alice, [bob.address]);
  await submit(a, alice, founded);
  expect(await federation.until(async () => (await b.mailCount(bob)) === 1, HOUR)).toBe(true);
  return {
    federation,
    ...{ a, b, m, alice, bob, mallory, thread, founded },
    forger: new Forger(federation, m),
    everybody: [alice.address, bob.address, mallory.address],
    /** What B holds and believes. */
    async state(): Promise<string> {
      const fold = await b.core.conversations.get(thread.conversation);
      const members = [...fold.state.members].map(([address, { role }]) => `${address} ${role}`);
      return [...fold.order, ...fold.waiting, ...members, ...(await b.mailbox(bob))].join('\n');
    },
    [Symbol.asyncDispose]: () => federation[Symbol.asyncDispose](),
  };
}

/** Each following the one before; the first follows what nobody has. */
function chainOf(thread: Thread, author: Person, to: Address, length: number): readonly Said[] {
  const chain: Said[] = [];
  for (let i = 0; i < length; i++) {
    const prev = [chain.at(-1)?.pdu.id ?? SOMETHING];
    chain.push(thread.say(author, [], utf8(`${i}`), { depth: i + 2, prev, recipients: [to] }));
  }
  return chain;
}

function messagingOf({ core }: LiveFederationHome): Messaging {
  if (core.messaging === undefined) throw new Error('the home speaks with no other');
  return core.messaging;
}

async function submit(home: LiveFederationHome, person: Person, { pdu, body }: Said): Promise<void> {
  const client = await home.signIn(person);
  expect(await client.submit(pdu, body)).toMatchObject({ status: ReceiptStatus.OK });
  client.close();
}

async function codeOf(asked: Promise<unknown>): Promise<string> {
  const error = await asked.then(
    () => new Error('not refused'),
    (failure: unknown) => failure,
  );
  return error instanceof FederationError ? error.code : String(error);
}

afterEach(() => void vi.restoreAllMocks());

describe('a home that has nobody in a conversation', () => {
  test('is told nothing of it, in the words with which it is told of one that does not exist', async () => {
    await using homes = await openHomes();
    const { b, forger, founded, thread } = homes;
    const { link } = forger;
    const nothing = new Thread(random, homes.mallory).conversation;
    for (const conversation of [thread.conversation, nothing]) {
      expect(await codeOf(link.state(b.home, conversation, undefined, never))).toBe('forbidden');
      expect(await codeOf(link.backfill(b.home, conversation, [founded.pdu.id], 10, never))).toBe('forbidden');
    }
    for (const id of [founded.pdu.id, SOMETHING])
      expect(decodePdus(await link.pdus(b.home, [id], never)).pdus).toEqual([]);
    expect(await link.pull(b.home, b.core.feeds.current.id, 0, never)).toBeUndefined();
  });

  test('cannot write in it, add a reader, take a role or change a setting, at the end or further back', async () => {
    await using homes = await openHomes();
    const { a, alice, b, bob, everybody, federation, forger, founded, mallory, thread } = homes;
    const latest = thread.mail(alice, [founded], [alice.address, bob.address], 'the latest');
    await submit(a, alice, latest);
    expect(await federation.until(async () => (await b.mailCount(bob)) === 2, HOUR)).toBe(true);
    const before = await homes.state();
    const refused = await forger.send(b, [
      thread.mail(mallory, [latest], everybody, 'let me in'),
      thread.member(mallory, [latest], everybody, mallory.address, 'reader'),
      thread.member(mallory, [latest], everybody, mallory.address, 'owner'),
      // Back-dated: beside what came since, with another place and time.
      thread.member(mallory, [founded], everybody, mallory.address, 'member'),
      thread.join(mallory, [founded], everybody, { open: 'member' }),
      thread.say(mallory, [founded], utf8('{"role":"owner"}'), {
        type: 'member',
        stateKey: mallory.address,
        depth: 1,
        time: 0,
        recipients: everybody,
      }),
      // After one of its own that is refused.
      thread.mail(mallory, [thread.mail(mallory, [latest], everybody, 'x')], everybody, 'y'),
    ]);
    expect(refused.slice(0, 6)).toEqual(Array.from({ length: 6 }, () => 'not_a_member'));
    expect(await homes.state()).not.toContain(`${mallory.address} `);
    expect((await homes.state()).split('\n').slice(0, 2)).toEqual(before.split('\n').slice(0, 2));
  });
});

describe('a home that forges', () => {
  test('is refused what is not by its own people, not signed by their device, or not what the header says', async () => {
    await using homes = await openHomes();
    const { alice, b, bob, forger, founded, mallory, thread } = homes;
    const before = await homes.state();
    const to: Address[] = [bob.address];
    const other = new Thread(random, mallory);
    const good = other.found(mallory, to, 'mine');
    const ghost: Person = { ...mallory, address: homes.m.address('nobody') };
    const stolen: Person = { ...mallory, address: alice.address };
    const stranger: Person = { ...mallory, device: alice.device };
    const results = await forger.send(b, [
      thread.mail(alice, [founded], to, 'alice, sent by mallory'),
      thread.mail(stolen, [founded], to, 'signed by mallory, author alice'),
      other.found(ghost, to),
      other.found(stranger, to),
      { pdu: good.pdu, body: founded.body },
      {},
      { pdu: other.found(mallory, [alice.address]).pdu, body: utf8('founded') },
      other.found(mallory, [b.address('nobody')]),
      { pdu: thread.member(mallory, [founded], to, mallory.address, 'owner').pdu },
    ]);
    expect(results).toEqual([
      'forged_author',
      'forged_author',
      'malformed',
      'unknown_device',
      'malformed',
      'malformed',
      'no_recipient',
      'unknown_recipient',
      'malformed',
    ]);
    expect(await homes.state()).toBe(before);
  });

  test('cannot send another’s ciphertext again as its own, into the conversation or in place of the original', async () => {
    await using homes = await openHomes();
    const { b, bob, everybody, forger, founded, mallory, thread } = homes;
    const copied = thread.say(mallory, [founded], founded.body, { recipients: everybody });
    const alone = new Thread(random, mallory).say(mallory, [], founded.body, { recipients: [bob.address] });
    expect(copied.pdu.body.sha256).toBe(founded.pdu.body.sha256);
    const before = await homes.state();
    // A mail of its own may hold any bytes; it is mallory's, in a conversation of its own, beside the original.
    expect(await forger.send(b, [copied, alone])).toEqual(['not_a_member', 'ok']);
    expect(await homes.state()).toBe(`${before}\n${alone.pdu.id}`);
    expect((await b.mailbox(bob)).slice(0, 1)).toEqual([founded.pdu.id]);
  });

  test('cannot hide the original behind a copy without its body', async () => {
    await using homes = await openHomes();
    const { a, alice, b, bob, federation, forger, founded, thread } = homes;
    const original = thread.mail(alice, [founded], [alice.address, bob.address], 'the original');
    expect(await forger.send(b, [{ pdu: original.pdu }])).toEqual(['forged_author']);
    await submit(a, alice, original);
    expect(await federation.until(async () => (await b.mailCount(bob)) === 2, HOUR)).toBe(true);
    expect(await b.mailbox(bob)).toEqual([founded.pdu.id, original.pdu.id]);
  });

  test('cannot use numbers of a feed that its document does not name, or under another id', async () => {
    await using homes = await openHomes();
    const { b, bob, forger, mallory } = homes;
    const { body, txn } = forger.transaction(b, [new Thread(random, mallory).found(mallory, [bob.address])]);
    const foreign = parseFeedId(toHex(random.bytes(32)));
    const before = await homes.state();
    expect(await codeOf(forger.link.send(b.home, txn.replace(/^[0-9a-f]+/, foreign), body, never))).toBe('malformed');
    expect(await codeOf(forger.link.send(b.home, `${txn}1`, body, never))).toBe('malformed');
    expect(await homes.state()).toBe(before);
  });
});

describe('a graph without measure', () => {
  test('is refused when it is too deep, and costs nothing when it hangs in the air', async () => {
    await using homes = await openHomes();
    const { b, bob, federation, forger, founded, mallory, thread } = homes;
    const own = new Thread(random, mallory);
    const root = own.found(mallory, [bob.address]);
    const at = (depth: number, prev: readonly PduId[]): Said =>
      own.say(mallory, [], utf8(`at ${depth}`), { depth, prev, recipients: [bob.address] });
    const [result, ...others] = await forger.send(b, [
      at(CONVERSATION_PDUS_MAX + 1, [SOMETHING]),
      root,
      at(9, [root.pdu.id]),
      at(2, [SOMETHING]),
    ]);
    expect(result).toBe('malformed');
    // Its own conversation is its own affair: a wrong depth does not count, what follows nothing that is here waits.
    expect(others).toEqual(['ok', 'ok', 'ok']);
    const fold = await b.core.conversations.get(own.conversation);
    expect([fold.size, fold.missing]).toEqual([1, [SOMETHING]]);
    await federation.pass(10 * MINUTE, MINUTE);
    // It still answers others, and the conversation of others is as it was.
    expect((await b.core.conversations.get(thread.conversation)).order).toEqual([founded.pdu.id]);
  });
});

describe('what is larger than anything that is said', () => {
  test('is refused by name, each by itself, or the whole transaction when that is too long', async () => {
    await using homes = await openHomes();
    const { b, bob, forger, mallory } = homes;
    const own = new Thread(random, mallory);
    const root = own.found(mallory, [bob.address]);
    const saying = (text: Uint8Array, prev: readonly PduId[]): Said =>
      own.say(mallory, [], text, { depth: 2, prev, recipients: [bob.address] });
    const before = await homes.state();
    const large = saying(new Uint8Array(BODY_BYTES_MAX + 1), [root.pdu.id]);
    // Signed all the same: the size is in the header, whatever comes beside it.
    expect(await forger.send(b, [large, { pdu: large.pdu }])).toEqual(['too_large', 'too_large']);
    const tooMany = Array.from({ length: PREVIOUS_PDUS_MAX + 1 }, () => toHex(random.bytes(32)) as PduId);
    expect(await forger.send(b, [saying(utf8('wide'), tooMany)])).toEqual(['malformed']);
    const many = Array.from({ length: TRANSACTION_ITEMS_MAX + 1 }, (_, i) => saying(utf8(`${i}`), [root.pdu.id]));
    expect(await codeOf(forger.send(b, many))).toMatch(/^(malformed|too_large)$/);
    expect(await homes.state()).toBe(before);
  });

  test('an endless past is fetched in bounded steps, and what others write does not wait for it', async () => {
    await using homes = await openHomes();
    const { a, alice, b, bob, federation, forger, founded, m, mallory, thread } = homes;
    const own = new Thread(random, mallory);
    const past = chainOf(own, mallory, bob.address, PAST);
    const known = new Map(past.map((said, i) => [said.pdu.id, i]));
    let questions = 0;
    vi.spyOn(messagingOf(m), 'backfill').mockImplementation(async (_origin, _conversation, from, limit) => {
      questions += 1;
      const last = Math.max(...from.map((id) => known.get(id) ?? -1));
      const given = past.slice(Math.max(0, last + 1 - limit), last + 1).reverse();
      return encodePdus({ pdus: given.map(({ pdu, body }) => ({ pdu: pdu.header, body, hasBody: true })), more: true });
    });
    expect(await forger.send(b, [past.at(-1) as Said])).toEqual(['ok']);
    const mail = thread.mail(alice, [founded], [alice.address, bob.address], 'meanwhile');
    await submit(a, alice, mail);
    expect(await federation.until(async () => (await b.mailbox(bob)).includes(mail.pdu.id), MINUTE)).toBe(true);
    expect(questions).toBeLessThanOrEqual(FETCH_ROUNDS_MAX);
    await federation.pass(10 * MINUTE, 1_000);
    // Where it began is never told: a hole, which is asked for ever more rarely.
    const fold = await b.core.conversations.get(own.conversation);
    expect([fold.size, fold.missing.length]).toEqual([0, 1]);
    const asked = questions;
    await federation.pass(10 * MINUTE, 1_000);
    expect(questions - asked).toBeLessThanOrEqual(2);
  });
});

describe('a home whose person is a member', () => {
  test('cannot split the views of two others for good by telling each something else', async () => {
    await using homes = await openHomes();
    const { a, alice, b, bob, everybody, federation, forger, founded, mallory, thread } = homes;
    const invited = thread.member(alice, [founded], everybody, mallory.address, 'member');
    await submit(a, alice, invited);
    const views = async (): Promise<readonly string[]> =>
      Promise.all(
        [a, b].map(async ({ core }) => {
          const fold = await core.conversations.get(thread.conversation);
          const members = [...fold.state.members].map(([address, { role }]) => `${address} ${role}`).sort();
          return [...fold.order, '', ...members].join('\n');
        }),
      );
    const agree = async (): Promise<boolean> => {
      const [one, other] = await views();
      return one === other;
    };
    expect(await federation.until(async () => (await b.mailCount(bob)) === 2 && (await agree()), HOUR)).toBe(true);

    // To A that she reads only, to B that she leaves, and a mail each that the other is not told of.
    const demoted = thread.member(mallory, [invited], everybody, mallory.address, 'reader');
    const left = thread.member(mallory, [invited], everybody, mallory.address, 'left');
    const toA = thread.mail(mallory, [invited], everybody, 'yes');
    const toB = thread.mail(mallory, [invited], everybody, 'no');
    expect(await forger.send(a, [toA, demoted])).toEqual(['ok', 'ok']);
    expect(await forger.send(b, [toB, left])).toEqual(['ok', 'ok']);
    const [atA, atB] = await views();
    expect(atA).not.toBe(atB);
    // Nobody writes any more: homes tell each other what they hold.
    expect(await federation.until(agree, DAY)).toBe(true);
    const [view] = await views();
    for (const said of [toA, toB, demoted, left]) expect(view).toContain(said.pdu.id);
    expect(await b.mailbox(bob)).toEqual(expect.arrayContaining([toA.pdu.id, toB.pdu.id]));
    expect(await a.mailbox(alice)).toEqual(expect.arrayContaining([toA.pdu.id, toB.pdu.id]));
  });
});

describe('one transaction', () => {
  test('that comes twice at once is processed once', async () => {
    await using homes = await openHomes();
    const { b, bob, forger, mallory } = homes;
    const mail = new Thread(random, mallory).found(mallory, [bob.address]);
    const { body, txn } = forger.transaction(b, [mail]);
    const answers = await Promise.all(Array.from({ length: 3 }, () => forger.link.send(b.home, txn, body, never)));
    answers.push(await forger.link.send(b.home, txn, body, never));
    expect(new Set(answers.map(toHex)).size).toBe(1);
    expect((await b.mailbox(bob)).filter((id) => id === mail.pdu.id)).toHaveLength(1);
  });

  test('with one bad PDU delivers the others, and says which was bad and why', async () => {
    await using homes = await openHomes();
    const { alice, b, bob, forger, mallory, thread } = homes;
    const mails = ['one', 'two', 'three'].map((text) =>
      new Thread(random, mallory).found(mallory, [bob.address], text),
    );
    const [one, two, three] = mails as [Said, Said, Said];
    const bad = thread.mail(alice, [], [bob.address], 'by alice?');
    const { body, txn } = forger.transaction(b, [one, bad, two, three]);
    const { results } = decodeAnswer(await forger.link.send(b.home, txn, body, never));
    expect(results.map(({ status }) => status)).toEqual([
      ItemStatus.OK,
      ItemStatus.REJECTED,
      ItemStatus.OK,
      ItemStatus.OK,
    ]);
    expect(results[1]).toMatchObject({ code: 'forged_author', detail: expect.stringContaining(alice.address) });
    expect((await b.mailbox(bob)).slice(1)).toEqual(mails.map(({ pdu }) => pdu.id));
  });
});
