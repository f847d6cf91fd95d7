/**
 * From a page of entries to the store: authors looked up, links and signatures checked, and everything of the page written
 * in one transaction together with the ledger. The next page may be verified while this one is on its way to the disk.
 */
import type { CryptoSuite, Log } from '../../base/index.ts';
import type { Address, Entries, FeedId, Pdu } from '../../protocol/index.ts';
import type { Store, StoreTransaction } from '../../store/index.ts';
import type { Alarms } from '../alarms.ts';
import type { NodeConnection } from '../connection/index.ts';
import type { Contacts } from '../contacts/contacts.ts';
import { changeWaiting } from '../index/indexer.ts';
import { entryKey, pendingBodyKey, placeKey, unverifiedKey } from '../keys.ts';
import { decodeEntryRow, decodePlace, encodeEntryRow, encodePlace } from '../mail/entry-row.ts';
import { addNumbers } from '../mail/interval-set.ts';
import { type JudgedEntry, judgeEntry, type ReadEntry, readEntry } from './entry-judge.ts';
import { markErased, takeEntries } from './feed-ledger.ts';
import { feedOf, type Ledgers } from './ledgers.ts';

export interface IntakeDeps {
  readonly log: Log;
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly alarms: Alarms;
  readonly contacts: Contacts;
  readonly ledgers: Ledgers;
}

export interface PageSource {
  readonly connection: NodeConnection;
  /** The node's name. */
  readonly node: string;
}

export interface TakenPage {
  readonly feed: FeedId;
  /** Entries that were not held before. */
  readonly count: number;
  /** Entries that hang on nothing known: a sync finds what lies between. */
  readonly floating: number;
  /** The node contradicts its own signature. */
  readonly isContradiction: boolean;
  /** Resolves when the page is on disk. */
  readonly stored: Promise<void>;
}

const EMPTY = new Uint8Array(0);

export class PageIntake {
  readonly #deps: IntakeDeps;
  readonly #own: Address;

  constructor(deps: IntakeDeps, options: { readonly own: Address }) {
    this.#deps = deps;
    this.#own = options.own;
  }

  /** Verifies a page; one page at a time, in the order in which they came. Throws ConnectionError when authors cannot be asked. */
  async take(source: PageSource, page: Entries): Promise<TakenPage> {
    const { suite, contacts, ledgers, store } = this.#deps;
    const feed = feedOf(page.feed);
    const read = page.entries.map((entry) => readEntry(suite, this.#own, entry)).filter((entry) => entry !== undefined);
    await this.#meetAuthors(source, read);
    const taken = takeEntries(suite, ledgers.of(feed), read);
    const judged = taken.accepted.map((entry) => judgeEntry(suite, entry, contacts.peek(authorOf(entry) ?? this.#own)));
    const erased = judged.filter(({ bodyState }) => bodyState === 'erased').map(({ number }) => number);
    const ledger = markErased(taken.ledger, erased);
    ledgers.set(ledger);
    const stored = store.transact(async (transaction) => {
      if (judged.length > 0) {
        ledgers.write(transaction, ledger);
        await this.#write(transaction, feed, judged);
      }
      if (taken.problem !== undefined)
        this.#deps.alarms.raiseIn(transaction, {
          code: taken.problem.code,
          subject: feed,
          detail: taken.problem.why,
          node: source.node,
        });
      for (const { alarm, number, pduId } of judged)
        if (alarm !== undefined)
          this.#deps.alarms.raiseIn(transaction, {
            code: alarm,
            subject: `${feed} ${number}`,
            detail: `entry ${number} (PDU ${pduId})`,
            node: source.node,
          });
    });
    stored.catch(() => undefined); // whoever waits for the page hears it
    const isContradiction = taken.problem !== undefined;
    return { feed, count: judged.length, floating: taken.floating, isContradiction, stored };
  }

  /** Every author's chain is in memory when the page is judged, as new as it must be to know the devices that signed. */
  async #meetAuthors({ connection, node }: PageSource, read: readonly ReadEntry[]): Promise<void> {
    const { contacts } = this.#deps;
    const devices = new Map<Address, Set<Pdu['device']>>();
    for (const { pdu } of read) {
      if (pdu === undefined) continue;
      const seen = devices.get(pdu.author);
      if (seen === undefined) devices.set(pdu.author, new Set([pdu.device]));
      else seen.add(pdu.device);
    }
    for (const [author, signed] of devices) {
      const known = contacts.peek(author) ?? (await contacts.find(author));
      if (known !== undefined && [...signed].every((device) => known.devices.has(device))) continue;
      await contacts.lookUp(connection, author, { urgent: true, node });
    }
  }

  async #write(transaction: StoreTransaction, feed: FeedId, judged: readonly JudgedEntry[]): Promise<void> {
    const places = await transaction.getMany(judged.map(({ pduId }) => placeKey(pduId)));
    const waiting: number[] = [];
    const seen = new Set<string>();
    for (const [i, entry] of judged.entries()) {
      const first = places[i];
      if (first !== undefined || seen.has(entry.pduId)) {
        await this.#writeCopy(transaction, feed, entry, first);
        continue;
      }
      seen.add(entry.pduId);
      const { number, receivedAt, verdict, bodyState } = entry;
      transaction.put(entryKey(feed, number), rowOf(entry, verdict, bodyState === 'here' ? entry.entry.body : EMPTY));
      if (verdict !== 'malformed') transaction.put(placeKey(entry.pduId), encodePlace({ feed, number, receivedAt }));
      if (verdict !== 'ok') transaction.put(unverifiedKey(feed, number), EMPTY);
      if (bodyState === 'pending') transaction.put(pendingBodyKey(feed, number), EMPTY);
      else if (bodyState === 'here' && verdict === 'ok') waiting.push(number);
    }
    if (waiting.length > 0) await changeWaiting(transaction, feed, (set) => addNumbers(set, waiting));
  }

  /** The same PDU once more. If its body was not to be had before, this one is it. */
  async #writeCopy(
    transaction: StoreTransaction,
    feed: FeedId,
    copy: JudgedEntry,
    firstPlace: Uint8Array | undefined,
  ): Promise<void> {
    transaction.put(entryKey(feed, copy.number), rowOf({ ...copy, bodyState: 'none' }, 'copy', EMPTY));
    if (firstPlace === undefined || copy.bodyState !== 'here') return;
    const place = decodePlace(firstPlace);
    await storeBody(transaction, place, copy.entry.body);
  }
}

/** Puts a body, its hash checked, to an entry that lacks it, and has the entry indexed. */
export async function storeBody(
  transaction: StoreTransaction,
  { feed, number }: { readonly feed: FeedId; readonly number: number },
  body: Uint8Array,
): Promise<boolean> {
  const key = entryKey(feed, number);
  const value = await transaction.get(key);
  if (value === undefined) return false;
  const row = decodeEntryRow(value);
  if (row.bodyState !== 'pending' && row.bodyState !== 'erased') return false;
  transaction.put(key, encodeEntryRow({ ...row, bodyState: 'here', body }));
  transaction.delete(pendingBodyKey(feed, number));
  if (row.verdict === 'ok') await changeWaiting(transaction, feed, (set) => addNumbers(set, [number]));
  return true;
}

/** What an entry turned out to be after all: its author's chain was not known before. */
export async function acceptEntry(
  transaction: StoreTransaction,
  { feed, number }: { readonly feed: FeedId; readonly number: number },
): Promise<void> {
  const key = entryKey(feed, number);
  const value = await transaction.get(key);
  transaction.delete(unverifiedKey(feed, number));
  if (value === undefined) return;
  const row = decodeEntryRow(value);
  transaction.put(key, encodeEntryRow({ ...row, verdict: 'ok' }));
  if (row.bodyState === 'here') await changeWaiting(transaction, feed, (set) => addNumbers(set, [number]));
}

function rowOf(entry: JudgedEntry, verdict: JudgedEntry['verdict'], body: Uint8Array): Uint8Array {
  const { bodyState, index, receivedAt, previousLink } = entry;
  const { kind, pdu } = entry.entry;
  return encodeEntryRow({ verdict, bodyState, kind, index, receivedAt, previousLink, pdu, body });
}

function authorOf({ pdu }: ReadEntry): Address | undefined {
  return pdu?.author;
}
