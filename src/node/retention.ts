/**
 * Retention as the receiver chose it: bodies older than that are erased, and the erasure is an entry, so it is told and
 * never silent. Time decides here and nowhere else, so time is distrusted: after a jump of the clock nothing expires for a
 * day, and an entry counts as no older than those before it.
 */
import { type Clock, type Log, readUint64, uint64Bytes } from '../base/index.ts';
import {
  type AccountDocument,
  type Address,
  EntryKind,
  type EraseRange,
  EraseReason,
  type FeedId,
  feedIdOf,
} from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import type { Accounts } from './accounts.ts';
import type { NumberRange } from './erasure.ts';
import type { Journal } from './journal.ts';
import {
  CLOCK_ABSENCE_MS,
  CLOCK_DISTRUST_MS,
  CLOCK_JUMP_MS,
  ERASE_RANGES_MAX,
  RETENTION_INTERVAL_MS,
  SWEEP_PAGE_ROWS,
} from './limits.ts';
import type { Metrics } from './metrics.ts';
import { headsOf, LAST_SEEN_KEY, mailboxKey } from './view-keys.ts';
import { decodeMailboxRow, decodeMailboxState } from './view-rows.ts';

export interface RetentionDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly journal: Journal;
  readonly accounts: Accounts;
  readonly metrics: Metrics;
  /** Each feed's entries expire by its writer, or its successor: two nodes would tell it twice. */
  readonly ours: ReadonlySet<FeedId>;
}

const DAY_MS = 86_400_000;

export class Retention {
  readonly #deps: RetentionDeps;
  #wall: number;
  #monotonic: number;
  /** Monotonic time before which nothing expires. */
  #distrustedUntil: number;

  private constructor(deps: RetentionDeps, lastSeenMs: number | undefined) {
    this.#deps = deps;
    this.#wall = deps.clock.now();
    this.#monotonic = deps.clock.monotonic();
    const away = lastSeenMs === undefined ? 0 : this.#wall - lastSeenMs;
    const jumped = away > CLOCK_ABSENCE_MS || away < -CLOCK_JUMP_MS;
    this.#distrustedUntil = jumped ? this.#monotonic + CLOCK_DISTRUST_MS : 0;
    if (jumped) deps.log.warn({ awayMs: away }, 'the clock differs much from the last run: nothing expires for a day');
  }

  static async open(deps: RetentionDeps): Promise<Retention> {
    const row = await deps.store.get(LAST_SEEN_KEY);
    return new Retention(deps, row === undefined ? undefined : readUint64(row));
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#rememberNow();
      await this.#deps.clock.sleep(RETENTION_INTERVAL_MS, signal);
      if (this.#isTrusted()) await this.sweep(signal);
    }
  }

  /** Expires what is due now, account by account. */
  async sweep(signal: AbortSignal): Promise<void> {
    const nowMs = this.#deps.clock.now();
    for await (const account of this.#deps.accounts.all()) {
      signal.throwIfAborted();
      const days = this.#deps.accounts.retentionOf(account);
      if (days > 0 && !account.closed) await this.#expire(account, nowMs - days * DAY_MS);
    }
  }

  #isTrusted(): boolean {
    const { clock, log } = this.#deps;
    const wall = clock.now();
    const monotonic = clock.monotonic();
    const jumpMs = wall - this.#wall - (monotonic - this.#monotonic);
    this.#wall = wall;
    this.#monotonic = monotonic;
    if (Math.abs(jumpMs) > CLOCK_JUMP_MS) {
      this.#distrustedUntil = monotonic + CLOCK_DISTRUST_MS;
      log.warn({ jumpMs }, 'the clock jumped: nothing expires for a day');
    }
    return monotonic >= this.#distrustedUntil;
  }

  async #rememberNow(): Promise<void> {
    const now = uint64Bytes(Math.floor(this.#deps.clock.now()));
    await this.#deps.store.transact((transaction) => transaction.put(LAST_SEEN_KEY, now));
  }

  async #expire(account: AccountDocument, beforeMs: number): Promise<void> {
    const rows = await this.#deps.store.range({ ...headsOf(account.address), limit: 1000 });
    for (const { key, value } of rows) {
      const feedBytes = key.slice(-32);
      const feed = feedIdOf(feedBytes);
      if (!this.#deps.ours.has(feed)) continue;
      const state = decodeMailboxState(value);
      const due = await this.#due(account.address, feed, state.expiredTo, beforeMs * 1000);
      for (let i = 0; i < due.length; i += ERASE_RANGES_MAX) {
        const erased: EraseRange[] = due
          .slice(i, i + ERASE_RANGES_MAX)
          .map((range) => ({ feed: feedBytes, account: account.address, ...range }));
        const header = { kind: EntryKind.ERASE, erased, reason: EraseReason.EXPIRED };
        await this.#deps.journal.write(({ append }) => append([{ header }]));
        this.#deps.metrics.expired.inc(erased.reduce((sum, { from, to }) => sum + to - from + 1, 0));
      }
    }
  }

  /** Runs of mail received before `before` (microseconds), from the front of the mailbox; notes are left out. */
  async #due(address: Address, feed: FeedId, expiredTo: number, before: number): Promise<NumberRange[]> {
    const due: { from: number; to: number }[] = [];
    let newest = 0;
    for (let next = expiredTo + 1; ; ) {
      const rows = await this.#deps.store.range({
        from: mailboxKey(address, feed, next),
        to: mailboxKey(address, feed, Number.MAX_SAFE_INTEGER),
        limit: SWEEP_PAGE_ROWS,
      });
      for (const { key, value } of rows) {
        const row = decodeMailboxRow(value);
        const number = readUint64(key, key.length - 8);
        newest = Math.max(newest, row.receivedAt);
        if (newest >= before) return due;
        next = number + 1;
        if (row.kind !== EntryKind.MAIL) continue;
        const last = due.at(-1);
        if (last !== undefined && last.to === number - 1) last.to = number;
        else due.push({ from: number, to: number });
      }
      if (rows.length < SWEEP_PAGE_ROWS) return due;
    }
  }
}
