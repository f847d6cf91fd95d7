/**
 * Tells authors what became of their mail at other homes: refused, delayed for hours, delivered after all; of mail that goes
 * its way nothing is written. A rejection is on disk with the answer that brought it (transaction/rejection.ts) and becomes
 * a report here, in a transaction that removes it there: no crash loses or doubles one. Nothing is ever given up: mail for a
 * home that is away waits, and its author knows since when.
 */
import {
  type Clock,
  type CryptoSuite,
  Emitter,
  fromUtf8,
  isAbort,
  type Log,
  readUint64,
  uint64Bytes,
  utf8,
} from '../../base/index.ts';
import {
  type Address,
  type DeliveryReport,
  decodeReport,
  type FeedId,
  type HomeName,
  homeOf,
  type PduId,
  parsePdu,
} from '../../protocol/index.ts';
import type { Store, StoreTransaction } from '../../store/index.ts';
import type { OutboxItem, OutboxView } from '../ports.ts';
import { deferredKey, delayedKey, lookedAtKey, rejectionKey, reportKey } from '../row-keys.ts';
import { acknowledgedTo, isAwaited, type RejectionRow, readRejections } from '../transaction/index.ts';
import { DELAY_TOLD_MS, LOOK_INTERVAL_MS, LOOK_PAGE_BYTES, LOOK_PAGE_ITEMS } from './limits.ts';
import { keepReports, readReports } from './report-shelf.ts';

export interface DeliveryReportsDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly log: Log;
  readonly outbox: OutboxView;
}

export interface ReportEvents {
  readonly report: { readonly author: Address; readonly report: DeliveryReport };
}

/** One of our feeds for one destination. */
interface Line {
  readonly home: HomeName;
  readonly feed: FeedId;
  readonly number: number;
}

interface Marker {
  readonly author: Address;
  readonly pdu: PduId;
}

interface Told {
  readonly author: Address;
  readonly report: DeliveryReport;
}

export class DeliveryReports {
  /** A report is on disk. */
  readonly events: Emitter<ReportEvents>;
  readonly #deps: DeliveryReportsDeps;
  #wake: () => void = () => undefined;

  constructor(deps: DeliveryReportsDeps) {
    this.#deps = deps;
    this.events = new Emitter((error) => deps.log.error({ error }, 'a listener of delivery reports failed'));
  }

  /** What an author is told, newest first. */
  of(author: Address): Promise<readonly DeliveryReport[]> {
    return readReports(this.#deps.store, author, this.#deps.clock.now());
  }

  /** Another home will not take something: its author hears at once. */
  rejected(): void {
    this.#wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    for (;;) {
      const timer = new AbortController();
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      try {
        await this.look(signal);
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        log.warn({ error }, 'what became of mail could not be told; trying again');
      }
      const either = AbortSignal.any([signal, timer.signal]);
      const due = clock.sleep(LOOK_INTERVAL_MS, either).catch((error: unknown) => {
        if (!timer.signal.aborted) throw error;
      });
      await Promise.race([woken, due]);
      timer.abort();
    }
  }

  /** Writes what is to be told now. */
  async look(signal: AbortSignal): Promise<void> {
    const { outbox } = this.#deps;
    await this.#tellRejected(signal);
    for (const home of await outbox.destinations())
      for (const reach of await outbox.reach(home)) {
        const line = { home, ...reach };
        await this.#tellDelivered(line, signal);
        await this.#tellDelayed(line, signal);
      }
  }

  async #tellRejected(signal: AbortSignal): Promise<void> {
    const { log, outbox, store } = this.#deps;
    for (;;) {
      signal.throwIfAborted();
      const rows = await readRejections(store, LOOK_PAGE_ITEMS);
      if (rows.length === 0) return;
      const items: { readonly row: RejectionRow; readonly item: OutboxItem | undefined }[] = [];
      for (const row of rows) {
        const [item] = await outbox.read(row.home, row.feed, row.number, row.number, LOOK_PAGE_BYTES);
        if (item === undefined) log.warn({ ...row }, 'a home refused something that is in no outbox');
        items.push({ row, item });
      }
      await store.transact(async (transaction) => {
        const told: Told[] = [];
        for (const { item, row } of items) {
          const { at, code, detail, feed, home, number } = row;
          transaction.delete(rejectionKey(home, feed, number));
          transaction.delete(delayedKey(home, feed, number));
          if (item !== undefined) told.push(...this.#reportOf(home, item, { status: 'refused', code, detail, at }));
        }
        await this.#keep(transaction, told);
      });
    }
  }

  /** Of what was told to wait, what does so no more. What was refused meanwhile is told as that. */
  async #tellDelivered({ feed, home }: Line, signal: AbortSignal): Promise<void> {
    const { clock, store } = this.#deps;
    const acknowledged = await acknowledgedTo(store, home, feed);
    for (let from = delayedKey(home, feed, 0); ; ) {
      signal.throwIfAborted();
      const rows = await store.range({ from, to: delayedKey(home, feed, acknowledged + 1), limit: LOOK_PAGE_ITEMS });
      if (rows.length === 0) return;
      await store.transact(async (transaction) => {
        const told: Told[] = [];
        for (const { key, value } of rows) {
          const number = readUint64(key, key.length - 8);
          const refused = await transaction.get(rejectionKey(home, feed, number));
          if (refused !== undefined || (await isAwaited(transaction, home, feed, number))) continue;
          transaction.delete(key);
          const { author, pdu } = JSON.parse(fromUtf8(value)) as Marker;
          const row = await transaction.get(reportKey(author, pdu, home));
          if (row !== undefined)
            told.push({ author, report: { ...decodeReport(row), status: 'delivered', at: clock.now() } });
        }
        await this.#keep(transaction, told);
      });
      const last = rows.at(-1);
      if (last === undefined || rows.length < LOOK_PAGE_ITEMS) return;
      from = delayedKey(home, feed, readUint64(last.key, last.key.length - 8) + 1);
    }
  }

  /** What waits too long by now. Numbers are looked at in order, and once: behind one that is young all are. */
  async #tellDelayed(line: Line, signal: AbortSignal): Promise<void> {
    const { clock, outbox, store } = this.#deps;
    const { feed, home, number: reach } = line;
    for (;;) {
      signal.throwIfAborted();
      const row = await store.get(lookedAtKey(home, feed));
      const range = await this.#waitingAfter(line, row === undefined ? 0 : readUint64(row));
      if (range === undefined) return;
      const last = Math.min(reach, range.last);
      const items = await outbox.read(home, feed, range.first, last, LOOK_PAGE_BYTES);
      const now = clock.now();
      const old = items.filter(({ queuedAt }) => now - queuedAt >= DELAY_TOLD_MS);
      const lookedAt = old.at(-1)?.number;
      if (lookedAt === undefined) return;
      await store.transact(async (transaction) => {
        transaction.put(lookedAtKey(home, feed), uint64Bytes(lookedAt));
        const told = new Map<PduId, Told & { readonly number: number }>();
        for (const item of old)
          if (await isAwaited(transaction, home, feed, item.number))
            for (const one of this.#reportOf(home, item, { status: 'delayed', code: '', detail: '', at: now }))
              told.set(one.report.pdu, { ...one, number: item.number });
        for (const { pdu } of await this.#keep(transaction, [...told.values()])) {
          const { author, number } = told.get(pdu) as Told & { readonly number: number };
          transaction.put(delayedKey(home, feed, number), utf8(JSON.stringify({ author, pdu } satisfies Marker)));
        }
      });
      if (old.length < items.length) return;
    }
  }

  /** The first numbers behind one that may wait: single ones that were deferred, then those not acknowledged. */
  async #waitingAfter(
    { feed, home, number: reach }: Line,
    after: number,
  ): Promise<{ readonly first: number; readonly last: number } | undefined> {
    const { store } = this.#deps;
    const acknowledged = await acknowledgedTo(store, home, feed);
    if (after < acknowledged) {
      const [from, to] = [deferredKey(home, feed, after + 1), deferredKey(home, feed, acknowledged + 1)];
      const [deferred] = await store.range({ from, to, limit: 1 });
      if (deferred !== undefined) {
        const number = readUint64(deferred.key, deferred.key.length - 8);
        return { first: number, last: number };
      }
    }
    const first = Math.max(after, acknowledged) + 1;
    return first > reach ? undefined : { first, last: first + LOOK_PAGE_ITEMS - 1 };
  }

  /** Of mail only: changes of a conversation find their way by its holes. */
  #reportOf(
    home: HomeName,
    { pdu: header, queuedAt }: OutboxItem,
    said: Pick<DeliveryReport, 'status' | 'code' | 'detail' | 'at'>,
  ): readonly Told[] {
    const { author, id: pdu, recipients, type } = parsePdu(this.#deps.suite, header);
    if (type !== 'mail') return [];
    const there = recipients.filter((address) => homeOf(address) === home);
    return [{ author, report: { ...said, pdu, home, recipients: there, queuedAt } }];
  }

  /** Those that are kept. */
  async #keep(transaction: StoreTransaction, told: readonly Told[]): Promise<readonly DeliveryReport[]> {
    const now = this.#deps.clock.now();
    const kept: DeliveryReport[] = [];
    for (const author of new Set(told.map((one) => one.author))) {
      const reports = told.filter((one) => one.author === author).map(({ report }) => report);
      const written = await keepReports(transaction, author, reports, now);
      kept.push(...written);
      transaction.onCommit(() => {
        for (const report of written) this.events.emit('report', { author, report });
      });
    }
    return kept;
  }
}
