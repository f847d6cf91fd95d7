/** The ledgers of all feeds, in memory and in the store: a change is written in the transaction of what it speaks of. */
import { z } from 'zod';
import { fromBase64, fromUtf8, toBase64, toHex, utf8 } from '../../base/index.ts';
import { type FeedId, parseFeedId } from '../../protocol/index.ts';
import type { Store, StoreTransaction } from '../../store/index.ts';
import { ClientError } from '../client-error.ts';
import { LEDGERS, ledgerKey } from '../keys.ts';
import type { IntervalSet } from '../mail/interval-set.ts';
import { createFeedLedger, type FeedLedger, type ShownHead } from './feed-ledger.ts';

/** A home has fewer feeds than this, the retired ones included. */
const FEEDS_MAX = 10_000;

export class Ledgers {
  readonly #store: Store;
  readonly #all = new Map<FeedId, FeedLedger>();

  private constructor(store: Store) {
    this.#store = store;
  }

  static async open(store: Store): Promise<Ledgers> {
    const ledgers = new Ledgers(store);
    await ledgers.reload();
    return ledgers;
  }

  get all(): readonly FeedLedger[] {
    return [...this.#all.values()];
  }

  of(feed: FeedId): FeedLedger {
    return this.#all.get(feed) ?? createFeedLedger(feed);
  }

  /** What is to be built upon from now on; the caller has it written, or, when that fails, calls `reload`. */
  set(ledger: FeedLedger): void {
    this.#all.set(ledger.feed, ledger);
  }

  /** Writes a ledger that was set, together with what it speaks of. */
  write(transaction: StoreTransaction, ledger: FeedLedger): void {
    transaction.put(ledgerKey(ledger.feed), encodeFeedLedger(ledger));
  }

  /** Back to what is on disk. */
  async reload(): Promise<void> {
    const rows = await this.#store.range({ ...LEDGERS, limit: FEEDS_MAX });
    this.#all.clear();
    for (const { value } of rows) this.set(decodeFeedLedger(value));
  }
}

const link = z.string().length(43);
const pair = z.tuple([z.int().min(1), z.int().min(1)]);
const headSchema = z.strictObject({
  number: z.int().min(0),
  link,
  expired: z.int().min(0),
  retired: z.boolean(),
  signature: z.string(),
  at: z.number(),
});
const ledgerSchema = z.strictObject({
  v: z.literal(1),
  feed: z.string(),
  held: z.array(z.tuple([z.int().min(1), z.int().min(1), link, link])),
  erased: z.array(pair),
  offered: z.array(pair),
  shown: z.record(z.string(), headSchema),
  best: headSchema.optional(),
});

export function encodeFeedLedger(ledger: FeedLedger): Uint8Array {
  const record: z.infer<typeof ledgerSchema> = {
    v: 1,
    feed: ledger.feed,
    held: ledger.held.map(({ from, to, below, above }) => [from, to, toBase64(below), toBase64(above)]),
    erased: pairs(ledger.erased),
    offered: pairs(ledger.offered),
    shown: Object.fromEntries(Object.entries(ledger.shown).map(([node, head]) => [node, headRecord(head)])),
    ...(ledger.best === undefined ? {} : { best: headRecord(ledger.best) }),
  };
  return utf8(JSON.stringify(record));
}

/** Throws ClientError `corrupt_store`. */
export function decodeFeedLedger(bytes: Uint8Array): FeedLedger {
  try {
    const record = ledgerSchema.parse(JSON.parse(fromUtf8(bytes)));
    const feed = parseFeedId(record.feed);
    const shown = Object.entries(record.shown).map(([node, head]) => [node, headOf(feed, head)] as const);
    return {
      feed,
      held: record.held.map(([from, to, below, above]) => ({
        from,
        to,
        below: fromBase64(below),
        above: fromBase64(above),
      })),
      erased: record.erased.map(([from, to]) => ({ from, to })),
      offered: record.offered.map(([from, to]) => ({ from, to })),
      shown: Object.fromEntries(shown),
      best: record.best === undefined ? undefined : headOf(feed, record.best),
    };
  } catch (cause) {
    throw new ClientError('corrupt_store', 'a ledger of the store does not read', { cause });
  }
}

function headRecord(head: ShownHead): z.infer<typeof headSchema> {
  const { number, retired, at } = head;
  const signature = toBase64(head.signature);
  return { number, link: toBase64(head.link), expired: head.expiredTo, retired, signature, at };
}

function headOf(feed: FeedId, record: z.infer<typeof headSchema>): ShownHead {
  const { number, retired, at, expired } = record;
  const signature = fromBase64(record.signature);
  return { feed, number, link: fromBase64(record.link), expiredTo: expired, retired, signature, at };
}

function pairs(set: IntervalSet): [number, number][] {
  return set.map(({ from, to }) => [from, to]);
}

export function feedOf(bytes: Uint8Array): FeedId {
  return parseFeedId(toHex(bytes));
}
