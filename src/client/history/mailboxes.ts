/**
 * The mailbox in each feed, in memory and in the store: the ledger, what the verifier has walked, and what was given back
 * to a restored home. A change counts at once, so that the next page builds upon it, and is written in the transaction of
 * the entries it speaks of.
 */
import { toHex } from '../../base/index.ts';
import { type Address, type FeedId, parseFeedId } from '../../protocol/index.ts';
import { type Store, StoreError, type StoreTransaction } from '../../store/index.ts';
import { LEDGERS, ledgerKey, offeredKey, verifierKey } from '../keys.ts';
import {
  createVerifiedMailbox,
  decodeLedger,
  decodeVerifiedMailbox,
  encodeLedger,
  encodeVerifiedMailbox,
  IntervalSet,
  Ledger,
  type VerifiedMailbox,
} from '../ledger/index.ts';
import { FEEDS_MAX } from '../limits.ts';
import { decodeNumbers, encodeNumbers } from '../mail/number-set.ts';

export interface FeedMailbox {
  readonly feed: FeedId;
  readonly ledger: Ledger;
  readonly verified: VerifiedMailbox;
  /** Of a feed that ended short: numbers beyond its end that a node was offered. */
  readonly offered: IntervalSet;
}

export class Mailboxes {
  readonly #store: Store;
  readonly #own: Address;
  readonly #all = new Map<FeedId, FeedMailbox>();
  #isBroken = false;

  private constructor(store: Store, own: Address) {
    this.#store = store;
    this.#own = own;
  }

  static async open(store: Store, options: { readonly own: Address }): Promise<Mailboxes> {
    const mailboxes = new Mailboxes(store, options.own);
    await mailboxes.reload();
    return mailboxes;
  }

  get all(): readonly FeedMailbox[] {
    return [...this.#all.values()];
  }

  get ledgers(): readonly Ledger[] {
    return this.all.map(({ ledger }) => ledger);
  }

  of(feed: FeedId): FeedMailbox {
    const known = this.#all.get(feed);
    if (known !== undefined) return known;
    const [ledger, verified] = [Ledger.create(this.#own, feed), createVerifiedMailbox(this.#own, feed)];
    return { feed, ledger, verified, offered: IntervalSet.EMPTY };
  }

  /** Whether something that was set could not be written: nothing is built upon it, or written, until `reload`. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** What is to be built upon from now on; the caller has it written. Throws StoreError `failed` when it is broken. */
  set(mailbox: FeedMailbox): void {
    this.#assertWhole();
    this.#all.set(mailbox.feed, mailbox);
  }

  /** What was set will not be written: its transaction never began. */
  distrust(): void {
    this.#isBroken = true;
  }

  /** Writes a mailbox that was set, together with what it speaks of. Throws as `set` does. */
  write(transaction: StoreTransaction, { feed, ledger, verified, offered }: FeedMailbox): void {
    this.#assertWhole();
    // Later ones say that they hold what this one was to bring.
    transaction.onRollback(() => {
      this.#isBroken = true;
    });
    transaction.put(ledgerKey(feed), encodeLedger(ledger));
    transaction.put(verifierKey(feed), encodeVerifiedMailbox(verified));
    if (!offered.isEmpty) transaction.put(offeredKey(feed), encodeNumbers(offered));
  }

  /**
   * Back to what is on disk, or on its way there: a pass that broke may have left pages between. Throws LedgerError, and then
   * nothing has changed.
   */
  async reload(): Promise<void> {
    await this.#store.transact(async (transaction) => {
      const rows = await transaction.range({ ...LEDGERS, limit: FEEDS_MAX });
      const stored: FeedMailbox[] = [];
      for (const { key, value } of rows) {
        const feed = feedOf(key.subarray(1));
        const [verifier, offered] = await transaction.getMany([verifierKey(feed), offeredKey(feed)]);
        stored.push({
          feed,
          ledger: decodeLedger(value),
          verified: verifier === undefined ? createVerifiedMailbox(this.#own, feed) : decodeVerifiedMailbox(verifier),
          offered: offered === undefined ? IntervalSet.EMPTY : decodeNumbers(offered),
        });
      }
      this.#all.clear();
      for (const mailbox of stored) this.#all.set(mailbox.feed, mailbox);
      this.#isBroken = false;
      // It may have read what is not on disk in the end.
      transaction.onRollback(() => {
        this.#isBroken = true;
      });
    });
  }

  #assertWhole(): void {
    if (this.#isBroken)
      throw new StoreError('failed', 'what came before this could not be written', { retry: 'later' });
  }
}

/** The header of an entry is here, its body is gone: it counts as expired, not as held. */
export function expire(ledger: Ledger, number: number): Ledger {
  const held = ledger.fields.held.subtract(number, number);
  return new Ledger({ ...ledger.fields, held }).markExpired(number, number);
}

export function feedOf(bytes: Uint8Array): FeedId {
  return parseFeedId(toHex(bytes));
}
