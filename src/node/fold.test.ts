import { describe, expect, test } from 'vitest';
import { SeededPrng, SeededSecureRandom, toHex } from '../base/index.ts';
import { SodiumSuite } from '../base/system/index.ts';
import { type Address, EntryHeader, EntryKind, EraseReason, type FeedId, feedIdOf } from '../protocol/index.ts';
import { MemoryStore, type Row } from '../store/index.ts';
import { type FoldedEntry, foldEntry } from './fold.ts';
import { ViewBuffer } from './view-buffer.ts';
import { erasedKey, headKey, VIEWS } from './view-keys.ts';
import { decodeMailboxState } from './view-rows.ts';

const suite = new SodiumSuite();
const ALICE = 'alice@home.example' as Address;
const BOB = 'bob@home.example' as Address;

function entry(feed: FeedId, index: number, header: Partial<EntryHeader>): FoldedEntry {
  return { feed, index, header: EntryHeader.create({ version: 1, receivedAt: 1_000 + index, ...header }) };
}

function mail(feed: FeedId, index: number, accounts: readonly Address[], pdu: Uint8Array): FoldedEntry {
  return entry(feed, index, { kind: EntryKind.MAIL, accounts: [...accounts], pdu, hasBody: true, bodySize: 10 });
}

/** The rows that folding these entries leaves. */
async function fold(entries: readonly FoldedEntry[], batch: number): Promise<readonly Row[]> {
  await using store = new MemoryStore();
  for (let i = 0; i < entries.length; i += batch)
    await store.transact(async (transaction) => {
      const views = new ViewBuffer(transaction);
      for (const next of entries.slice(i, i + batch)) await foldEntry(suite, views, next);
      views.flush();
    });
  return store.range({ ...VIEWS, limit: 100_000 });
}

/** Two feeds with mail, some of it in both, and erasures that name either. */
function twoFeeds(seed: number): { a: FoldedEntry[]; b: FoldedEntry[] } {
  const random = new SeededSecureRandom(seed);
  const prng = new SeededPrng(seed);
  const [feedA, feedB] = [feedIdOf(random.bytes(32)), feedIdOf(random.bytes(32))];
  const pdus = Array.from({ length: 12 }, () => random.bytes(40));
  const make = (feed: FeedId): FoldedEntry[] => {
    const entries: FoldedEntry[] = [];
    let number = 0;
    for (let index = 0; index < 40; index += 2) {
      if (number > 3 && prng.below(4) === 0) {
        const from = 1 + prng.below(number);
        const to = Math.min(number, from + prng.below(3));
        const erased = [{ feed: Buffer.from(feed, 'hex'), account: ALICE, from, to }];
        entries.push(entry(feed, index, { kind: EntryKind.ERASE, erased, reason: EraseReason.DELETED }));
      } else {
        entries.push(
          mail(feed, index, prng.below(2) === 0 ? [ALICE] : [ALICE, BOB], pdus[prng.below(12)] as Uint8Array),
        );
        number += 1;
      }
    }
    return entries;
  };
  return { a: make(feedA), b: make(feedB) };
}

/** One order in which the entries of both feeds may arrive: each feed's own order is kept. */
function interleave(a: readonly FoldedEntry[], b: readonly FoldedEntry[], prng: SeededPrng): FoldedEntry[] {
  const merged: FoldedEntry[] = [];
  const [left, right] = [[...a], [...b]];
  while (left.length + right.length > 0) {
    const next = right.length === 0 || (left.length > 0 && prng.below(2) === 0) ? left.shift() : right.shift();
    merged.push(next as FoldedEntry);
  }
  return merged;
}

describe('the fold', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'gives the same rows for any order of the feeds and any batches (seed %i)',
    async (seed) => {
      const { a, b } = twoFeeds(seed);
      const expected = await fold([...a, ...b], 1);
      const prng = new SeededPrng(seed);
      for (const order of [[...b, ...a], interleave(a, b, prng), interleave(a, b, prng)])
        for (const batch of [1, 7, 100]) expect(await fold(order, batch)).toEqual(expected);
    },
  );

  test('touching erasures become one range, whatever their order', async () => {
    const feed = feedIdOf(new Uint8Array(32).fill(7));
    const mails = Array.from({ length: 9 }, (_, i) => mail(feed, 2 * i, [ALICE], Uint8Array.of(i)));
    const ranges = [
      [2, 3],
      [6, 7],
      [4, 5],
      [1, 1],
      [3, 6],
    ] as const;
    const erasures = ranges.map(([from, to], i) =>
      entry(feed, 100 + i, {
        kind: EntryKind.ERASE,
        erased: [{ feed: new Uint8Array(32).fill(7), account: ALICE, from, to }],
        reason: EraseReason.DELETED,
      }),
    );
    await using store = new MemoryStore();
    await store.transact(async (transaction) => {
      const views = new ViewBuffer(transaction);
      for (const next of [...mails, ...erasures]) await foldEntry(suite, views, next);
      views.flush();
    });
    const rows = await store.range({ from: erasedKey(ALICE, feed, 0), to: erasedKey(ALICE, feed, 1_000), limit: 10 });
    expect(rows.map(({ key, value }) => [toHex(key.subarray(-8)), toHex(value)])).toEqual([
      ['0000000000000001', '0000000000000007'],
    ]);
    const head = await store.get(headKey(ALICE, feed));
    expect(decodeMailboxState(head as Uint8Array)).toMatchObject({ number: 9, heldBytes: 20 });
  });
});
