import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress, parseFeedId } from '../../protocol/index.ts';
import { type Interval, IntervalSet } from './interval-set.ts';
import { Ledger } from './ledger.ts';
import { decodeLedger, encodeLedger } from './ledger-codec.ts';
import { LedgerError } from './ledger-error.ts';

const ALICE = parseAddress('alice@home.example');
const FEED = parseFeedId('ab'.repeat(32));
const LINK = new Uint8Array(32).fill(7);
const AT = 1_800_000_000_000;

function ledger(head = 0, ...held: readonly Interval[]): Ledger {
  const start = Ledger.create(ALICE, FEED).noteHead({ node: 'a', number: head, link: LINK, at: AT });
  return held.reduce((before, [from, to]) => before.markHeld(from, to), start);
}

describe('a ledger', () => {
  test('owes everything up to the head, newest first', () => {
    expect(ledger(100).missing()).toEqual([[1, 100]]);
    expect(ledger(100, [1, 10], [40, 60]).missing()).toEqual([
      [61, 100],
      [11, 39],
    ]);
    expect(Ledger.create(ALICE, FEED).missing()).toEqual([]);
  });

  test('a live entry opens an interval of its own and moves no cursor', () => {
    const catchingUp = ledger(1_000, [1, 300]).markHeld(1_001, 1_001);
    const live = catchingUp.noteHead({ node: 'a', number: 1_001, link: LINK, at: AT });
    expect(live.cursor).toBe(300);
    expect(live.missing()).toEqual([[301, 1_000]]);
    expect(live.markHeld(301, 1_000).cursor).toBe(1_001);
  });

  test('tells four states apart', () => {
    const asked = ledger(50, [1, 10]).markExpired(5, 20).markAsked({ node: 'a', from: 15, to: 30, at: AT, found: 0 });
    expect([10, 11, 20, 21, 30, 31].map((number) => asked.stateOf(number))).toEqual([
      'complete',
      'expired',
      'expired',
      'incomplete',
      'incomplete',
      'unasked',
    ]);
  });

  test('what is held does not expire, and what expired can still be had from elsewhere', () => {
    const some = ledger(20, [5, 8]).markExpired(1, 10);
    expect(some.fields.expired.intervals).toEqual([
      [1, 4],
      [9, 10],
    ]);
    expect(some.cursor).toBe(10);
    expect(some.markHeld(3, 4).fields.expired.intervals).toEqual([
      [1, 2],
      [9, 10],
    ]);
  });

  test('what is asked is not held, whatever was answered', () => {
    const asked = ledger(30).markAsked({ node: 'a', from: 1, to: 30, at: AT, found: 30 });
    expect(asked.missing()).toEqual([[1, 30]]);
    expect(asked.cursor).toBe(0);
  });

  test('a shorter head of the same node changes nothing; the longest of any node is owed until the node is forgotten', () => {
    const two = ledger(30, [1, 30]).noteHead({ node: 'b', number: 99, link: LINK, at: AT });
    expect(two.noteHead({ node: 'b', number: 98, link: LINK, at: AT + 1 })).toBe(two);
    expect(two.head).toBe(99);
    expect(two.forgetNode('b').missing()).toEqual([]);
  });

  test('pages of one catch-up are one question, with what they left owed', () => {
    let paged = ledger(1_000);
    for (let to = 1_000; to > 0; to -= 100) {
      paged = paged.markHeld(to - 98, to);
      paged = paged.markAsked({ node: 'a', from: to - 99, to, at: AT + to, found: 99 });
    }
    expect(paged.fields.evidence).toHaveLength(1);
    expect(paged.fields.evidence[0]).toMatchObject({ from: 1, to: 1_000, found: 990 });
    expect(paged.fields.evidence[0]?.owed.count).toBe(10);
  });

  test('of many questions the settled are forgotten first, and never more than 64 are kept', () => {
    let many = ledger(10_000).markAsked({ node: 'a', from: 9_999, to: 10_000, at: AT, found: 0 });
    for (let i = 1; i < 200; i++)
      many = many.markHeld(i * 10, i * 10).markAsked({ node: 'a', from: i * 10, to: i * 10, at: AT, found: 1 });
    expect(many.fields.evidence).toHaveLength(64);
    expect(many.fields.evidence[0]).toMatchObject({ from: 9_999 });
    expect(many.fields.asked.count).toBe(201);
  });
});

const act = fc.oneof(
  fc.record({ type: fc.constant('held' as const), from: fc.nat(60), size: fc.nat(9) }),
  fc.record({ type: fc.constant('expired' as const), from: fc.nat(60), size: fc.nat(9) }),
  fc.record({
    type: fc.constant('asked' as const),
    from: fc.nat(60),
    size: fc.nat(9),
    node: fc.constantFrom('a', 'ü'),
  }),
  fc.record({ type: fc.constant('head' as const), node: fc.constantFrom('a', 'ü'), number: fc.nat(70) }),
);

function play(acts: readonly (typeof act extends fc.Arbitrary<infer Act> ? Act : never)[]): Ledger {
  let played = Ledger.create(ALICE, FEED);
  for (const each of acts) {
    if (each.type === 'head') played = played.noteHead({ node: each.node, number: each.number, link: LINK, at: AT });
    else {
      const [from, to] = [each.from + 1, each.from + 1 + each.size];
      if (each.type === 'held') played = played.markHeld(from, to);
      else if (each.type === 'expired') played = played.markExpired(from, to);
      else played = played.markAsked({ node: each.node, from, to, at: AT, found: each.size });
    }
  }
  return played;
}

describe('whatever happens', () => {
  test('each number up to the head is in exactly one of held, expired and owed', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
        const { fields, head, owed, cursor } = play(acts);
        for (let number = 1; number <= head; number++)
          expect([fields.held, fields.expired, owed].filter((set) => set.has(number))).toHaveLength(1);
        for (let number = 1; number <= Math.min(cursor, head); number++) expect(owed.has(number)).toBe(false);
      }),
    );
  });

  test('a ledger of every other entry is written and read too', () => {
    const held = IntervalSet.from(Array.from({ length: 200_000 }, (_, i) => [2 * i + 1, 2 * i + 1] as const));
    const scattered = new Ledger({ ...ledger(400_000).fields, held });
    const bytes = encodeLedger(scattered);
    expect(bytes.length).toBeLessThan(401_000);
    expect(decodeLedger(bytes).owed.count).toBe(200_000);
  });

  test('the bytes in the store are read back as the same ledger', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
        const played = play(acts);
        expect(decodeLedger(encodeLedger(played)).fields).toEqual(played.fields);
      }),
    );
  });
});

describe('bytes that are not a ledger', () => {
  const good = encodeLedger(ledger(100, [1, 10], [40, 60]).markAsked({ node: 'a', from: 1, to: 99, at: AT, found: 3 }));

  test('a newer version is told apart', () => {
    const newer = good.slice();
    newer[0] = 2;
    expect(() => decodeLedger(newer)).toThrowError(expect.objectContaining({ code: 'newer_version' }));
  });

  test('a cut, a longer and a changed one are refused or read as some ledger, never worse', () => {
    for (let size = 0; size < good.length; size++)
      expect(() => decodeLedger(good.subarray(0, size))).toThrow(LedgerError);
    expect(() => decodeLedger(Uint8Array.of(...good, 0))).toThrow(LedgerError);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
        const changed = good.slice();
        changed[at] = byte;
        try {
          decodeLedger(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(LedgerError);
        }
      }),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => decodeLedger(bytes)).toThrow(LedgerError);
      }),
    );
  });
});
