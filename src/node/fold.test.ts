import { describe, expect, test } from 'vitest';
import { createPerson } from '../../test/harness/person.ts';
import { SeededPrng, SeededSecureRandom, toHex } from '../base/index.ts';
import { SodiumSuite } from '../base/system/index.ts';
import {
  type Address,
  accountContentJson,
  bodyOf,
  createConversation,
  deviceIdOf,
  EntryHeader,
  EntryKind,
  EraseReason,
  type FeedId,
  feedIdOf,
  type HomeName,
  parseAccountDocument,
  signDocument,
  signPdu,
} from '../protocol/index.ts';
import { MemoryStore, type Row } from '../store/index.ts';
import { type FoldedEntry, foldEntry, keysOf } from './fold.ts';
import { ViewBuffer } from './view-buffer.ts';
import { erasedKey, headKey, VIEWS } from './view-keys.ts';
import { decodeMailboxState } from './view-rows.ts';

const suite = new SodiumSuite();
const deps = { suite, home: 'home.example' as HomeName };
const ALICE = 'alice@home.example' as Address;
const BOB = 'bob@home.example' as Address;
const CAROL = 'carol@other.example' as Address;
const device = suite.keyPair(new Uint8Array(32).fill(1));

/** The header of a mail that Alice writes to `recipients`. */
function header(random: SeededSecureRandom, recipients: readonly Address[], list?: Uint8Array): Uint8Array {
  const place = { ...createConversation({ suite, random }, ALICE), depth: 1, prev: [] };
  const body = bodyOf(suite, random.bytes(10));
  const said = { type: 'mail', author: ALICE, device: deviceIdOf(suite, device.publicKey), time: 1 } as const;
  const attached = list === undefined ? {} : { attached: [{ list: toHex(list), size: 1_000 }] };
  return signPdu(suite, { ...said, ...place, recipients, body, ...attached }, device.secretKey).header;
}

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
      await views.prefetch(keysOf(deps, entries.slice(i, i + batch)));
      for (const next of entries.slice(i, i + batch)) await foldEntry(deps, views, next);
      views.flush();
    });
  return store.range({ ...VIEWS, limit: 100_000 });
}

/** Two feeds with mail, some of it in both, and erasures that name either. */
function twoFeeds(seed: number): { a: FoldedEntry[]; b: FoldedEntry[] } {
  const random = new SeededSecureRandom(seed);
  const prng = new SeededPrng(seed);
  const [feedA, feedB] = [feedIdOf(random.bytes(32)), feedIdOf(random.bytes(32))];
  const lists = [random.bytes(32), random.bytes(32)];
  const pdus = Array.from({ length: 12 }, (_, i) =>
    header(random, i % 3 === 0 ? [ALICE, CAROL] : [ALICE, BOB], i % 4 === 0 ? lists[(i % 8) >> 2] : undefined),
  );
  const make = (feed: FeedId): FoldedEntry[] => {
    const entries: FoldedEntry[] = [];
    let number = 0;
    for (let index = 0; index < 40; index += 2) {
      if (number > 3 && prng.below(4) === 0) {
        // Of either feed: the other's entries may be folded before this or after.
        const from = 1 + prng.below(10);
        const of = prng.below(2) === 0 ? feedA : feedB;
        const erased = [{ feed: Buffer.from(of, 'hex'), account: ALICE, from, to: from + prng.below(3) }];
        entries.push(entry(feed, index, { kind: EntryKind.ERASE, erased, reason: EraseReason.DELETED }));
      } else if (prng.below(4) === 0) {
        // Pieces may come before the mail that names them and after, and be in both feeds.
        const piece = { list: lists[prng.below(2)] as Uint8Array, number: prng.below(3), bodySize: 32, hasBody: true };
        entries.push(entry(feed, index, { kind: EntryKind.BLOB, accounts: [ALICE], ...piece }));
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

/** Two nodes that are cut off go on with one account: each version follows one that its own node has. */
function rivalChains(seed: number): { a: FoldedEntry[]; b: FoldedEntry[] } {
  const random = new SeededSecureRandom(seed);
  const prng = new SeededPrng(seed);
  const person = createPerson(random, ALICE);
  const [feedA, feedB] = [feedIdOf(random.bytes(32)), feedIdOf(random.bytes(32))];
  const first = entry(feedA, 0, { kind: EntryKind.ACCOUNT, document: person.document, hasBody: true, bodySize: 10 });
  const go = (feed: FeedId, from: number): FoldedEntry[] => {
    let current = parseAccountDocument(suite, person.document);
    return Array.from({ length: 1 + prng.below(3) }, (_, i) => {
      const next = { ...current, version: current.version + 1, previous: current.signed.hash };
      const document = signDocument(suite, accountContentJson({ ...next, retentionDays: 1 + prng.below(1_000) }), [
        person.identity,
      ]);
      current = parseAccountDocument(suite, document);
      return entry(feed, from + 2 * i, { kind: EntryKind.ACCOUNT, document, hasBody: prng.below(2) === 0 });
    });
  };
  return { a: [first, ...go(feedA, 2)], b: go(feedB, 0) };
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

  test.each([1, 2, 3, 4, 5, 6])(
    'makes the same chain of rival links, whichever feed brings which first (seed %i)',
    async (seed) => {
      const { a, b } = rivalChains(seed);
      const expected = await fold([...a, ...b], 1);
      expect(expected.filter(({ key }) => key[1] === 'A'.charCodeAt(0)).length).toBeGreaterThanOrEqual(2);
      const prng = new SeededPrng(seed);
      for (const order of [[...b, ...a], interleave(a, b, prng), interleave(a, b, prng), interleave(a, b, prng)])
        for (const batch of [1, 3, 100]) expect(await fold(order, batch)).toEqual(expected);
    },
  );

  test('numbers what goes to each other home by feed, and nothing that another home wrote', async () => {
    const feed = feedIdOf(new Uint8Array(32).fill(7));
    const random = new SeededSecureRandom(1);
    const toCarol = [
      mail(feed, 0, [ALICE], header(random, [ALICE, CAROL])),
      mail(feed, 2, [], header(random, [CAROL])),
    ];
    const within = mail(feed, 4, [ALICE, BOB], header(random, [ALICE, BOB]));
    const other = 'other.example' as HomeName;
    const outbox = (rows: readonly Row[]): string[] =>
      rows
        .filter(({ key }) => key[1] === 'O'.charCodeAt(0))
        .map(({ key, value }) => toHex(key.subarray(-8)) + toHex(value.subarray(0, 8)));
    const numbers = ['00000000000000010000000000000000', '00000000000000020000000000000002'];
    expect(outbox(await fold([...toCarol, within], 1))).toEqual(numbers);
    expect(outbox(await fold([...toCarol, within], 3))).toEqual(numbers);
    await using store = new MemoryStore();
    await store.transact(async (transaction) => {
      const views = new ViewBuffer(transaction);
      await views.prefetch(keysOf({ suite, home: other }, toCarol));
      for (const next of toCarol) await foldEntry({ suite, home: other }, views, next);
      views.flush();
    });
    expect(outbox(await store.range({ ...VIEWS, limit: 1_000 }))).toEqual([]);
  });

  test('touching erasures become one range, whatever their order', async () => {
    const feed = feedIdOf(new Uint8Array(32).fill(7));
    const random = new SeededSecureRandom(1);
    const mails = Array.from({ length: 9 }, (_, i) => mail(feed, 2 * i, [ALICE], header(random, [ALICE])));
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
      await views.prefetch(keysOf(deps, mails));
      for (const next of [...mails, ...erasures]) await foldEntry(deps, views, next);
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
