/** Graphs and sizes without measure, over HTTP: what a home may make others hold, fetch or fold is bounded. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { toHex, utf8 } from '../../src/base/index.ts';
import { SystemRandom } from '../../src/base/system/index.ts';
import { CONVERSATION_PDUS_MAX } from '../../src/conversation/index.ts';
import { FETCH_ROUNDS_MAX } from '../../src/federation/pdu/limits.ts';
import {
  type Address,
  BODY_BYTES_MAX,
  encodePdus,
  type PduId,
  PREVIOUS_PDUS_MAX,
  parsePduId,
  TRANSACTION_ITEMS_MAX,
} from '../../src/protocol/index.ts';
import { codeOf, messagingOf, openHostileWorld, submit } from '../harness/hostile-home.ts';
import type { Person } from '../harness/person.ts';
import { type Said, Thread } from '../harness/thread.ts';

const random = new SystemRandom();
const MINUTE = 60_000;
/** More than one try fetches. */
const PAST = 2_500;
const SOMETHING = parsePduId('ab'.repeat(32));

afterEach(() => void vi.restoreAllMocks());

/** Each following the one before; the first follows what nobody has. */
function chainOf(thread: Thread, author: Person, to: Address, length: number): readonly Said[] {
  const chain: Said[] = [];
  for (let i = 0; i < length; i++) {
    const prev = [chain.at(-1)?.pdu.id ?? SOMETHING];
    chain.push(thread.say(author, [], utf8(`${i}`), { depth: i + 2, prev, recipients: [to] }));
  }
  return chain;
}

describe('a graph without measure', () => {
  test('is refused when it is too deep, and costs nothing when it hangs in the air', async () => {
    await using homes = await openHostileWorld();
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
    await using homes = await openHostileWorld();
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
    await using homes = await openHostileWorld();
    const { a, alice, b, bob, federation, forger, founded, m, mallory, thread } = homes;
    const own = new Thread(random, mallory);
    const past = chainOf(own, mallory, bob.address, PAST);
    const known = new Map(past.map((said, i) => [said.pdu.id, i]));
    let questions = 0;
    vi.spyOn(messagingOf(m), 'backfill').mockImplementation(async (_origin, _conversation, from, limit) => {
      questions += 1;
      const last = Math.max(...from.map((id) => known.get(id) ?? -1));
      const given = past.slice(Math.max(0, last + 1 - limit), last + 1).reverse();
      return encodePdus({
        pdus: given.map(({ pdu, body }) => ({ pdu: pdu.header, body, hasBody: true, isOwed: false })),
        more: true,
      });
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
