/**
 * After a node was restored from an older state: what this device holds beyond the end of its feed is offered back, PDU by
 * PDU. The node answers with a duplicate for what it has. Which numbers were offered is kept, so a cut repeats a few.
 */
import type { Clock, CryptoSuite, Log } from '../../base/index.ts';
import { type FeedId, pduIdOf, ReceiptStatus } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { NodeConnection } from '../connection/index.ts';
import { entryKey, placeKey } from '../keys.ts';
import { IntervalSet } from '../ledger/index.ts';
import { decodeEntryRow, decodePlace, type EntryRow } from '../mail/entry-row.ts';
import { setOf } from '../mail/number-set.ts';
import type { FeedMailbox, Mailboxes } from './mailboxes.ts';

export interface GivingBackDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly mailboxes: Mailboxes;
}

/** PDUs offered before the ledger remembers it. */
const BATCH = 64;

export class GivingBack {
  readonly #deps: GivingBackDeps;

  constructor(deps: GivingBackDeps) {
    this.#deps = deps;
  }

  /** Offers everything that no node was offered yet. Returns how many PDUs the node took. */
  async run(connection: NodeConnection, signal: AbortSignal): Promise<number> {
    let taken = 0;
    for (const mailbox of this.#deps.mailboxes.all) {
      const numbers = owedBack(mailbox);
      for (let i = 0; i < numbers.length; i += BATCH) {
        signal.throwIfAborted();
        taken += await this.#offer(connection, mailbox.feed, numbers.slice(i, i + BATCH), signal);
      }
    }
    return taken;
  }

  async #offer(
    connection: NodeConnection,
    feed: FeedId,
    numbers: readonly number[],
    signal: AbortSignal,
  ): Promise<number> {
    const answers = await Promise.all(numbers.map((number) => this.#offerOne(connection, feed, number, signal)));
    const settled = numbers.filter((_, i) => answers[i] !== 'later');
    const { mailboxes, store } = this.#deps;
    const mailbox = mailboxes.of(feed);
    const next = { ...mailbox, offered: mailbox.offered.union(setOf(settled)) };
    mailboxes.set(next);
    await store.transact((transaction) => mailboxes.write(transaction, next));
    return answers.filter((answer) => answer === 'taken').length;
  }

  async #offerOne(
    connection: NodeConnection,
    feed: FeedId,
    number: number,
    signal: AbortSignal,
  ): Promise<'taken' | 'settled' | 'later'> {
    const row = await this.#rowWithBody(feed, number);
    if (row?.bodyState !== 'here') return 'settled';
    for (;;) {
      const receipt = await connection.submit(row.pdu, row.body);
      switch (receipt.status) {
        case ReceiptStatus.OK:
        case ReceiptStatus.PENDING:
          return 'taken';
        case ReceiptStatus.RATE_LIMITED:
          await this.#deps.clock.sleep(receipt.retryAfterMs, signal);
          break;
        case ReceiptStatus.UNAVAILABLE:
          return 'later';
        default:
          this.#deps.log.info({ feed, number, status: receipt.status }, 'the home does not need an entry back');
          return 'settled';
      }
    }
  }

  /** A copy has no body: it is where its PDU came first. So it is with what was given back once and lost again. */
  async #rowWithBody(feed: FeedId, number: number): Promise<EntryRow | undefined> {
    const { store, suite } = this.#deps;
    const row = await this.#row(feed, number);
    if (row?.verdict !== 'copy') return row;
    const place = await store.get(placeKey(pduIdOf(suite, row.pdu)));
    if (place === undefined) return undefined;
    const first = decodePlace(place);
    return this.#row(first.feed, first.number);
  }

  async #row(feed: FeedId, number: number): Promise<EntryRow | undefined> {
    const value = await this.#deps.store.get(entryKey(feed, number));
    return value === undefined ? undefined : decodeEntryRow(value);
  }
}

/** Held beyond the end of a feed that will not grow, and not offered yet. */
function owedBack({ ledger, offered, verified }: FeedMailbox): number[] {
  if (!verified.claims.some((claim) => claim.retired)) return [];
  const end = ledger.head;
  const beyond = end === 0 ? ledger.fields.held : ledger.fields.held.difference(IntervalSet.of([1, end]));
  const owed = beyond.difference(offered);
  return owed.intervals.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
}
