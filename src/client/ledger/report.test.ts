import { describe, expect, test } from 'vitest';
import { parseAddress, parseFeedId } from '../../protocol/index.ts';
import { Ledger } from './ledger.ts';
import { completenessOf, headsOf, reportOf, sentenceOf } from './report.ts';

const ALICE = parseAddress('alice@home.example');
const NONE: ReadonlySet<string> = new Set();
const LINK = new Uint8Array(32);
const [ONE, TWO] = [parseFeedId('01'.repeat(32)), parseFeedId('02'.repeat(32))];

function ledger(feed: typeof ONE, heads: Readonly<Record<string, number>>): Ledger {
  return Object.entries(heads).reduce(
    (before, [node, number]) => before.noteHead({ node, number, link: LINK, at: 5 }),
    Ledger.create(ALICE, feed),
  );
}

describe('the report', () => {
  test('says how far the mail is complete, and on how many nodes', () => {
    const whole = ledger(ONE, { a: 1_042, b: 1_042, c: 900 }).markHeld(1, 1_042);
    const report = reportOf([whole], ['a', 'b', 'c'], NONE);
    expect(report.complete).toBe(true);
    expect(sentenceOf(report)).toBe('complete up to 1 042 on 2 of 3 nodes');
    const without = reportOf([whole], ['a', 'b', 'c'], new Set(['b']));
    expect(without.complete).toBe(true);
    expect(sentenceOf(without)).toBe('complete up to 1 042 on 1 of 3 nodes');
  });

  test('has the published form, with what was asked of whom, found, missing and filled', () => {
    const asked = ledger(ONE, { a: 100 })
      .markHeld(1, 80)
      .markAsked({ node: 'a', from: 1, to: 100, at: 9, found: 80 })
      .markHeld(91, 95)
      .markExpired(96, 97);
    expect(reportOf([asked], ['a', 'b'], NONE)).toEqual({
      complete: false,
      report: [
        {
          feed: ONE,
          upTo: 100,
          held: 85,
          missing: [
            [81, 90],
            [98, 100],
          ],
          expired: [[96, 97]],
          nodes: [
            {
              node: 'a',
              upTo: 100,
              isAway: false,
              asked: [{ from: 1, to: 100, at: 9, found: 80, missing: 20, filled: 5 }],
            },
            { node: 'b', upTo: undefined, isAway: false, asked: [] },
          ],
        },
      ],
    });
    expect(sentenceOf(reportOf([asked], ['a', 'b'], NONE))).toBe(
      '13 of 100 missing (81–90, 98–100) on 1 of 2 nodes; expired: 96–97',
    );
  });

  test('tells what expired apart from what is held', () => {
    const expired = ledger(ONE, { a: 42 }).markHeld(43, 43).markExpired(10, 42).markHeld(1, 9);
    const report = reportOf([expired], ['a'], NONE);
    expect(report.report[0]).toMatchObject({ held: 10, missing: [], expired: [[10, 42]] });
    expect(sentenceOf(report)).toBe('complete up to 42 on 1 of 1 node; expired: 10–42');
  });

  test('claims nothing before a head is known', () => {
    expect(reportOf([], [], NONE)).toEqual({ complete: false, report: [] });
    expect(sentenceOf(reportOf([], [], NONE))).toBe('nothing is known yet on 0 of 0 nodes');
    expect(reportOf([Ledger.create(ALICE, ONE), ledger(TWO, { a: 0 })], ['a'], NONE).complete).toBe(false);
    expect(reportOf([ledger(TWO, { a: 0 })], ['a'], NONE).complete).toBe(true);
  });

  test('sums feeds', () => {
    const ledgers = [ledger(ONE, { a: 10, b: 10 }).markHeld(1, 10), ledger(TWO, { a: 5, b: 4 }).markHeld(1, 5)];
    expect(sentenceOf(reportOf(ledgers, ['a', 'b'], NONE))).toBe('complete up to 15 on 1 of 2 nodes');
  });
});

describe('the completeness of a node', () => {
  test('is measured against the heads that were known before, not against what came since', () => {
    const before = headsOf([ledger(ONE, { a: 100 }), ledger(TWO, { a: 10 })]);
    const now = [ledger(ONE, { a: 150, b: 120 }), ledger(TWO, { a: 10, b: 4 })];
    expect(completenessOf(now, 'a', before)).toEqual({ held: 110, known: 110 });
    expect(completenessOf(now, 'b', before)).toEqual({ held: 104, known: 110 });
    expect(completenessOf(now, 'c', before)).toEqual({ held: 0, known: 110 });
  });
});
