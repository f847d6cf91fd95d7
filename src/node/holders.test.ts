import { describe, expect, test } from 'vitest';
import { SeededPrng, toHex } from '../base/index.ts';
import { type Address, EntryKind, type FeedId, feedIdOf, type PduId } from '../protocol/index.ts';
import { MemoryStore, type StoreReader } from '../store/index.ts';
import { eraseNumbers } from './erasure.ts';
import { areHeld, type DeliveredEntry } from './holders.ts';
import { ViewBuffer } from './view-buffer.ts';
import { headKey, mailboxKey } from './view-keys.ts';
import { EMPTY_MAILBOX, encodeMailboxRow, encodeMailboxState } from './view-rows.ts';

const ACCOUNTS = ['alice', 'bob', 'carol'].map((name) => `${name}@home.example` as Address);
const FEEDS: readonly FeedId[] = [1, 2].map((byte) => feedIdOf(new Uint8Array(32).fill(byte)));

interface Model {
  readonly entries: readonly DeliveredEntry[];
  /** Accounts that have erased an entry. */
  readonly erasedBy: ReadonlyMap<DeliveredEntry, ReadonlySet<Address>>;
}

/** Mailboxes of entries to random accounts, with random erasures. */
async function mailboxes(store: MemoryStore, prng: SeededPrng, erasures: number): Promise<Model> {
  const entries = FEEDS.flatMap((feed) =>
    Array.from({ length: 200 }, (_, i) => ({ feed, index: 2 * i, accounts: ACCOUNTS.filter(() => prng.below(2) > 0) })),
  );
  const erasedBy = new Map(entries.map((entry) => [entry as DeliveredEntry, new Set<Address>()]));
  await store.transact(async (transaction) => {
    const views = new ViewBuffer(transaction);
    for (const feed of FEEDS)
      for (const address of ACCOUNTS) {
        const theirs = entries.filter((entry) => entry.feed === feed && entry.accounts.includes(address));
        for (const [i, { index }] of theirs.entries()) views.append(mailboxKey(address, feed, i + 1), rowOf(index));
        views.put(headKey(address, feed), encodeMailboxState({ ...EMPTY_MAILBOX, number: theirs.length }));
        for (let i = 0; i < erasures; i++) {
          const from = 1 + prng.below(theirs.length);
          const to = Math.min(theirs.length, from + prng.below(8));
          await eraseNumbers(views, address, feed, from, to);
          for (const entry of theirs.slice(from - 1, to)) erasedBy.get(entry)?.add(address);
        }
      }
    views.flush();
  });
  return { entries, erasedBy };
}

function rowOf(index: number): Uint8Array {
  const pduId = toHex(new Uint8Array(32)) as PduId;
  const row = { index, receivedAt: 1, kind: EntryKind.MAIL, bodySize: 1, pduId, previousLink: new Uint8Array(32) };
  return encodeMailboxRow(row);
}

/** How often `work` asks a store. */
async function readsOf(store: MemoryStore, work: (reader: StoreReader) => Promise<unknown>): Promise<number> {
  let reads = 0;
  const count = <Result>(reading: Promise<Result>): Promise<Result> => {
    reads += 1;
    return reading;
  };
  await work({
    get: (key) => count(store.get(key)),
    getMany: (keys) => count(store.getMany(keys)),
    range: (range) => count(store.range(range)),
  });
  return reads;
}

describe('whether somebody holds an entry', () => {
  for (const seed of [1, 2, 3, 4])
    test(`is so when an account that it was delivered to has not erased it (seed ${seed})`, async () => {
      await using store = new MemoryStore();
      const { entries, erasedBy } = await mailboxes(store, new SeededPrng(seed), 6 * seed);
      const expected = entries.map((entry) => entry.accounts.some((account) => !erasedBy.get(entry)?.has(account)));
      expect(await areHeld(store, entries)).toEqual(expected);
      expect(expected).toContain(true);
      expect(expected).toContain(false);
    });

  test('is asked of a page of entries by as many reads as of one to all, where nothing is erased', async () => {
    await using store = new MemoryStore();
    const { entries } = await mailboxes(store, new SeededPrng(5), 0);
    const one = await readsOf(store, (reader) =>
      areHeld(reader, [{ feed: FEEDS[0] as FeedId, index: 0, accounts: ACCOUNTS }]),
    );
    expect(await readsOf(store, (reader) => areHeld(reader, entries))).toBeLessThanOrEqual(FEEDS.length * one);
  });
});
