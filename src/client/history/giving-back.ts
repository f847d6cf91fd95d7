/**
 * After a node was restored from an older state: what this device holds beyond the end of its feed is offered back, PDU by
 * PDU. The node answers with a duplicate for what it has. Which numbers were offered is kept, so a cut repeats a few.
 */
import type { Clock, Log } from '../../base/index.ts';
import { type FeedId, ReceiptStatus } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { NodeConnection } from '../connection/index.ts';
import { entryKey } from '../keys.ts';
import { decodeEntryRow } from '../mail/entry-row.ts';
import { addNumbers, hasNumber } from '../mail/interval-set.ts';
import { topOf } from './feed-ledger.ts';
import type { Ledgers } from './ledgers.ts';
import { isHeld } from './linked-intervals.ts';
import { isRetired } from './report.ts';

export interface GivingBackDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly ledgers: Ledgers;
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
    for (const ledger of this.#deps.ledgers.all) {
      const heads = Object.values(ledger.shown);
      if (!isRetired(ledger) || heads.length === 0) continue;
      const end = Math.max(...heads.filter(({ retired }) => retired).map(({ number }) => number));
      const numbers: number[] = [];
      for (let number = end + 1; number <= topOf(ledger); number++)
        if (isHeld(ledger.held, number) && !hasNumber(ledger.offered, number)) numbers.push(number);
      for (let i = 0; i < numbers.length; i += BATCH) {
        signal.throwIfAborted();
        taken += await this.#offer(connection, ledger.feed, numbers.slice(i, i + BATCH), signal);
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
    const { ledgers, store } = this.#deps;
    const ledger = ledgers.of(feed);
    const next = { ...ledger, offered: addNumbers(ledger.offered, settled) };
    ledgers.set(next);
    await store.transact((transaction) => ledgers.write(transaction, next));
    return answers.filter((answer) => answer === 'taken').length;
  }

  async #offerOne(
    connection: NodeConnection,
    feed: FeedId,
    number: number,
    signal: AbortSignal,
  ): Promise<'taken' | 'settled' | 'later'> {
    const value = await this.#deps.store.get(entryKey(feed, number));
    const row = value === undefined ? undefined : decodeEntryRow(value);
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
}
