/**
 * What a hostile home cannot do to others, by what real homes answer it: each attack is refused by name, changes nothing,
 * and is told nothing. What the transport refuses is in federation-refusals.test.ts, what clients see through in
 * client-conversations.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { toHex, utf8 } from '../../src/base/index.ts';
import { SystemRandom } from '../../src/base/system/index.ts';
import {
  type Address,
  decodeAnswer,
  decodePdus,
  ItemStatus,
  parseFeedId,
  parsePduId,
} from '../../src/protocol/index.ts';
import { codeOf, openHostileWorld, submit } from '../harness/hostile-home.ts';
import type { Person } from '../harness/person.ts';
import { type Said, Thread } from '../harness/thread.ts';

const random = new SystemRandom();
const never = new AbortController().signal;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const SOMETHING = parsePduId('ab'.repeat(32));

describe('a home that has nobody in a conversation', () => {
  test('is told nothing of it, in the words with which it is told of one that does not exist', async () => {
    await using homes = await openHostileWorld();
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
    await using homes = await openHostileWorld();
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
    await using homes = await openHostileWorld();
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
    await using homes = await openHostileWorld();
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
    await using homes = await openHostileWorld();
    const { a, alice, b, bob, federation, forger, founded, thread } = homes;
    const original = thread.mail(alice, [founded], [alice.address, bob.address], 'the original');
    expect(await forger.send(b, [{ pdu: original.pdu }])).toEqual(['forged_author']);
    await submit(a, alice, original);
    expect(await federation.until(async () => (await b.mailCount(bob)) === 2, HOUR)).toBe(true);
    expect(await b.mailbox(bob)).toEqual([founded.pdu.id, original.pdu.id]);
  });

  test('cannot use numbers of a feed that its document does not name, or under another id', async () => {
    await using homes = await openHostileWorld();
    const { b, bob, forger, mallory } = homes;
    const { body, txn } = forger.transaction(b, [new Thread(random, mallory).found(mallory, [bob.address])]);
    const foreign = parseFeedId(toHex(random.bytes(32)));
    const before = await homes.state();
    expect(await codeOf(forger.link.send(b.home, txn.replace(/^[0-9a-f]+/, foreign), body, never))).toBe('malformed');
    expect(await codeOf(forger.link.send(b.home, `${txn}1`, body, never))).toBe('malformed');
    expect(await homes.state()).toBe(before);
  });
});

describe('a home whose person is a member', () => {
  test('cannot split the views of two others for good by telling each something else', async () => {
    await using homes = await openHostileWorld();
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
    await using homes = await openHostileWorld();
    const { b, bob, forger, mallory } = homes;
    const mail = new Thread(random, mallory).found(mallory, [bob.address]);
    const { body, txn } = forger.transaction(b, [mail]);
    const answers = await Promise.all(Array.from({ length: 3 }, () => forger.link.send(b.home, txn, body, never)));
    answers.push(await forger.link.send(b.home, txn, body, never));
    expect(new Set(answers.map(toHex)).size).toBe(1);
    expect((await b.mailbox(bob)).filter((id) => id === mail.pdu.id)).toHaveLength(1);
  });

  test('with one bad PDU delivers the others, and says which was bad and why', async () => {
    await using homes = await openHostileWorld();
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
