/**
 * From a page of entries to the store, in two steps: `read` looks authors up and has signatures checked, `take` checks links
 * and bodies and writes everything of the page in one transaction together with the ledger. The next pages may be read
 * while one is taken and others are on their way to the disk.
 */
import { LRUCache } from 'lru-cache';
import { type Clock, type CryptoSuite, type Log, type SignatureChecker, toBase64 } from '../../base/index.ts';
import {
  type Address,
  type Entries,
  EntryKind,
  type FeedId,
  type Pdu,
  pduIdOf,
  signedBytesOf,
} from '../../protocol/index.ts';
import type { Store, StoreTransaction } from '../../store/index.ts';
import type { Alarms, NewAlarm } from '../alarms.ts';
import type { NodeConnection } from '../connection/index.ts';
import type { Contacts } from '../contacts/contacts.ts';
import { keepPdu } from '../conversations/conversation-log.ts';
import { changeWaiting } from '../index/waiting.ts';
import { copyKey, entryKey, erasureKey, pendingBodyKey, placeKey, unverifiedKey } from '../keys.ts';
import { checkRun, compareHeld, type Ledger, lastClaimOf } from '../ledger/index.ts';
import { ASKED_IN_VAIN_MS, SIGNERS_REMEMBERED_MAX } from '../limits.ts';
import { decodeEntryRow, decodePlace, encodeEntryRow, encodePlace } from '../mail/entry-row.ts';
import { runsOf, setOf } from '../mail/number-set.ts';
import {
  type AuthorVerdict,
  type JudgedEntry,
  judgeEntry,
  type ReadEntry,
  readEntry,
  type SignedEntry,
  signerOf,
} from './entry-judge.ts';
import { isChange, storeBody } from './held-entry.ts';
import { describeAlarm } from './mailbox-alarms.ts';
import { expire, type FeedMailbox, feedOf, type Mailboxes } from './mailboxes.ts';

export interface IntakeDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly suite: CryptoSuite;
  readonly signatures: SignatureChecker;
  readonly store: Store;
  readonly alarms: Alarms;
  readonly contacts: Contacts;
  readonly mailboxes: Mailboxes;
}

export interface PageSource {
  readonly connection: NodeConnection;
  /** The node's name. */
  readonly node: string;
}

/** Authors are known and signatures checked. */
export interface ReadPage {
  readonly feed: FeedId;
  readonly entries: readonly SignedEntry[];
}

export interface TakenPage {
  readonly feed: FeedId;
  /** Entries that were not held before. */
  readonly count: number;
  /** Entries that hang on nothing known: a sync finds what lies between. */
  readonly floating: number;
  /** Entries whose bodies did not come along. */
  readonly pendingBodies: number;
  /** Resolves when the page is on disk. */
  readonly stored: Promise<void>;
}

const EMPTY = new Uint8Array(0);

export class PageIntake {
  readonly #deps: IntakeDeps;
  readonly #own: Address;
  /** Resolves when the authors of the pages so far have been looked up. */
  #met: Promise<unknown> = Promise.resolve();
  /** Author and device → when the node was asked last, for those that it could not vouch for. */
  readonly #askedInVain = new LRUCache<string, number>({ max: SIGNERS_REMEMBERED_MAX });

  constructor(deps: IntakeDeps, options: { readonly own: Address }) {
    this.#deps = deps;
    this.#own = options.own;
  }

  /** In the order in which pages came; the next may begin before this one ends. Throws ConnectionError when authors cannot be asked. */
  async read(source: PageSource, page: Entries): Promise<ReadPage> {
    const { contacts, suite } = this.#deps;
    const read = page.entries.map((entry) => readEntry(suite, this.#own, entry)).filter((entry) => entry !== undefined);
    // One page after the other, since memory holds the authors of one.
    const met = this.#met.then(async () => {
      await this.#meetAuthors(source, read);
      return read.map(({ pdu }) => (pdu === undefined ? undefined : signerOf(pdu, contacts.peek(pdu.author))));
    });
    this.#met = met.catch(() => undefined); // whoever reads that page hears it
    return { feed: feedOf(page.feed), entries: await this.#checkAuthors(read, await met) };
  }

  async #checkAuthors(
    read: readonly ReadEntry[],
    signers: readonly (ReturnType<typeof signerOf> | undefined)[],
  ): Promise<SignedEntry[]> {
    const signed = read.flatMap(({ pdu }, i) => {
      const publicKey = signers[i];
      if (pdu === undefined || !(publicKey instanceof Uint8Array)) return [];
      return [{ signature: pdu.signature, message: signedBytesOf(pdu), publicKey }];
    });
    const verdicts = await this.#deps.signatures.check(signed);
    let next = 0;
    return read.map((entry, i) => {
      const signer = signers[i];
      const judge = (): AuthorVerdict => (verdicts[next++] === true ? 'ok' : 'bad_signature');
      return { ...entry, author: signer instanceof Uint8Array ? judge() : signer };
    });
  }

  /** Checks and writes a page that was read; one at a time, in the order in which they came. */
  async take(source: PageSource, { feed, entries }: ReadPage): Promise<TakenPage> {
    const { suite, mailboxes, store } = this.#deps;
    const key = toBase64(source.connection.info.node);
    const before = mailboxes.of(feed);
    const verdict = checkRun(suite, before.verified, key, entries);
    const judged = verdict.accepted.map((entry) => judgeEntry(suite, entry));
    const expiredTo = lastClaimOf(verdict.mailbox, key)?.expiredTo ?? 0;
    const mailbox = { ...before, verified: verdict.mailbox, ledger: markTaken(before.ledger, judged, expiredTo) };
    mailboxes.set(mailbox);
    const raised = [
      ...verdict.alarms.map((alarm) => describeAlarm(alarm, source.node)),
      ...judged.filter((entry) => !this.#isAwaited(entry)).flatMap((entry) => entryAlarm(feed, entry, source.node)),
    ];
    const stored = store.transact(async (transaction) => {
      if (judged.length > 0) {
        mailboxes.write(transaction, mailbox);
        await this.#write(transaction, feed, judged);
      }
      raised.push(...(await this.#compareKnown(transaction, mailbox, key, verdict.known, source.node)));
      for (const alarm of raised) this.#deps.alarms.raiseIn(transaction, alarm);
    });
    stored.catch(() => undefined); // whoever waits for the page hears it
    const pendingBodies = judged.filter(({ bodyState }) => bodyState === 'pending').length;
    return { feed, count: judged.length, floating: verdict.unanchored.length, pendingBodies, stored };
  }

  /** Every author's chain is in memory when the page is judged, as new as it must be to know the devices that signed. */
  async #meetAuthors({ connection, node }: PageSource, read: readonly ReadEntry[]): Promise<void> {
    const { clock, contacts } = this.#deps;
    const devices = new Map<Address, Set<Pdu['device']>>();
    for (const { pdu } of read) {
      if (pdu === undefined) continue;
      const seen = devices.get(pdu.author);
      if (seen === undefined) devices.set(pdu.author, new Set([pdu.device]));
      else seen.add(pdu.device);
    }
    for (const [author, signed] of devices) {
      const known = contacts.peek(author) ?? (await contacts.find(author));
      const unknown = [...signed].filter((device) => known?.devices.has(device) !== true);
      if (unknown.every((device) => this.#isAskedInVain(author, device))) continue;
      await contacts.lookUp(connection, author, { urgent: true, node });
      const found = contacts.peek(author);
      for (const device of unknown)
        if (found?.devices.has(device) !== true) this.#askedInVain.set(`${author} ${device}`, clock.monotonic());
    }
  }

  /** Thousands of its mails may come: each page of them would wait for the same answer. `Unverified` asks again. */
  #isAskedInVain(author: Address, device: Pdu['device']): boolean {
    const askedAt = this.#askedInVain.get(`${author} ${device}`);
    return askedAt !== undefined && this.#deps.clock.monotonic() - askedAt < ASKED_IN_VAIN_MS;
  }

  /** Its author's home does not answer: it is kept aside and judged again, and nobody did anything wrong. */
  #isAwaited({ author, pdu }: JudgedEntry): boolean {
    const isUnknown = author === 'unknown_author' || author === 'unknown_device';
    return isUnknown && pdu !== undefined && this.#deps.contacts.isSilent(pdu.author);
  }

  /** What is held and comes once more must be the same. */
  async #compareKnown(
    transaction: StoreTransaction,
    { feed, verified }: FeedMailbox,
    key: string,
    known: readonly ReadEntry[],
    node: string,
  ): Promise<NewAlarm[]> {
    if (known.length === 0) return [];
    const rows = await transaction.getMany(known.map(({ number }) => entryKey(feed, number)));
    return known.flatMap((served, i) => {
      const value = rows[i];
      if (value === undefined) return [];
      const row = decodeEntryRow(value);
      const held = { ...row, number: served.number, pduId: pduIdOf(this.#deps.suite, row.pdu) };
      return compareHeld(verified, key, held, served).map((alarm) => describeAlarm(alarm, node));
    });
  }

  async #write(transaction: StoreTransaction, feed: FeedId, judged: readonly JudgedEntry[]): Promise<void> {
    const places = await transaction.getMany(judged.map(({ pduId }) => placeKey(pduId)));
    const waiting: number[] = [];
    const seen = new Set<string>();
    for (const [i, entry] of judged.entries()) {
      const first = places[i];
      if (first !== undefined && isAt(first, feed, entry.number)) {
        await this.#completeHeld(transaction, feed, entry);
        continue;
      }
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
      else if (bodyState === 'here' && verdict === 'ok')
        if (isChange(entry.pdu)) keepPdu(transaction, entry.pdu, entry.entry.body);
        else waiting.push(number);
    }
    if (waiting.length > 0) await changeWaiting(transaction, feed, (set) => set.union(setOf(waiting)));
  }

  /**
   * Not a copy but the entry itself, asked for again: its number was forgotten, as by a ledger that was lost. What is held of
   * it stays; a body that was lacking is this one.
   */
  async #completeHeld(transaction: StoreTransaction, feed: FeedId, again: JudgedEntry): Promise<void> {
    const { bodyState, entry, number, pdu } = again;
    if (bodyState === 'here' && pdu !== undefined) await storeBody(transaction, { feed, number }, pdu, entry.body);
  }

  /** The same PDU once more. If its body was not to be had before, this one is it. */
  async #writeCopy(
    transaction: StoreTransaction,
    feed: FeedId,
    copy: JudgedEntry,
    firstPlace: Uint8Array | undefined,
  ): Promise<void> {
    const { number, pduId } = copy;
    transaction.put(entryKey(feed, number), rowOf({ ...copy, bodyState: 'none' }, 'copy', EMPTY));
    transaction.put(copyKey(pduId, feed, number), EMPTY);
    if (firstPlace === undefined) return;
    const place = decodePlace(firstPlace);
    const first = await transaction.get(entryKey(place.feed, place.number));
    // Deleted before this copy came: the home is to erase it too.
    if (first !== undefined && decodeEntryRow(first).bodyState === 'dropped')
      transaction.put(erasureKey(feed, number), EMPTY);
    else if (copy.bodyState === 'here' && copy.pdu !== undefined)
      await storeBody(transaction, place, copy.pdu, copy.entry.body);
  }
}

/** Whether the place of a PDU is this one. */
function isAt(row: Uint8Array, feed: FeedId, number: number): boolean {
  const place = decodePlace(row);
  return place.feed === feed && place.number === number;
}

function rowOf(entry: JudgedEntry, verdict: JudgedEntry['verdict'], body: Uint8Array): Uint8Array {
  const { bodyState, index, receivedAt, previousLink } = entry;
  const { kind, pdu } = entry.entry;
  return encodeEntryRow({ verdict, bodyState, kind, index, receivedAt, previousLink, pdu, body });
}

/** Bodies that retention took before they came are told as expired; what was deleted or superseded is settled. */
function markTaken(ledger: Ledger, judged: readonly JudgedEntry[], expiredTo: number): Ledger {
  const isExpired = ({ bodyState, number, entry }: JudgedEntry): boolean =>
    bodyState === 'erased' && number <= expiredTo && entry.kind === EntryKind.MAIL;
  let marked = ledger;
  for (const [from, to] of runsOf(judged.map(({ number }) => number))) marked = marked.markHeld(from, to);
  for (const entry of judged) if (isExpired(entry)) marked = expire(marked, entry.number);
  return marked;
}

function entryAlarm(feed: FeedId, { alarm, number, pduId }: JudgedEntry, node: string): NewAlarm[] {
  if (alarm === undefined) return [];
  return [
    { code: alarm, subject: `${feed} ${number}`, detail: `entry ${number} of feed ${feed} (PDU ${pduId})`, node },
  ];
}
