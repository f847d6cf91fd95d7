/**
 * Following the mailbox over whichever node is connected: heads first, then everything that is owed, newest first, while
 * live entries come in between; then what is still missing, the bodies that did not come along, and what a restored server
 * lost. It holds no position but the ledger, so any cut is resumed by starting again.
 */
import { type Clock, fromHex, isAbort, type Log, toBase64, untilAborted } from '../../base/index.ts';
import { type FeedId, type FeedPosition, From } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { Alarms } from '../alarms.ts';
import { ConnectionError, type NodeConnection } from '../connection/index.ts';
import { type Interval, IntervalSet, type Ledger, lastClaimOf } from '../ledger/index.ts';
import { BODY_AGAIN_FIRST_MS, BODY_AGAIN_MAX_MS, GAP_ENTRIES_MAX, LEDGER_RANGES_MAX } from '../limits.ts';
import type { BodyFetcher } from './body-fetcher.ts';
import type { GivingBack } from './giving-back.ts';
import type { HeadIntake, Restoration } from './head-intake.ts';
import { later } from './later.ts';
import { describeAlarm } from './mailbox-alarms.ts';
import type { FeedMailbox, Mailboxes } from './mailboxes.ts';
import type { PageIntake, PageSource } from './page-intake.ts';
import { Pass } from './pass.ts';

export interface HistoryDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly alarms: Alarms;
  readonly mailboxes: Mailboxes;
  readonly heads: HeadIntake;
  readonly pages: PageIntake;
  readonly bodies: BodyFetcher;
  readonly givingBack: GivingBack;
}

export interface HistoryEvents {
  /** Entries are on disk. */
  readonly onStored: (count: number, live: boolean) => void;
  readonly onRestored: (node: string, restoration: Restoration) => void;
  /** A catch-up, a filling of gaps or a comparison is over. */
  readonly onSettled: () => void;
}

export interface SyncCounts {
  /** Entries that came. */
  readonly entries: number;
  /** Of them, those that had been missed before. */
  readonly filled: number;
}

interface Wanted {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** The connection with whose end it is given up; undefined: the next one. */
  over: NodeConnection | undefined;
}

export class History {
  readonly #deps: HistoryDeps;
  readonly #events: HistoryEvents;
  #entries = 0;
  #filled = 0;
  #isBroken = false;
  #wanted: Wanted[] = [];
  /** The connection that is followed, the newest: the one before it may still be storing what it brought. */
  #followed: NodeConnection | undefined;
  #nudge: () => void = () => undefined;

  constructor(deps: HistoryDeps, events: HistoryEvents) {
    this.#deps = deps;
    this.#events = events;
  }

  get counts(): SyncCounts {
    return { entries: this.#entries, filled: this.#filled };
  }

  /** Resolves when a pass that begins after this call has got everything there is; rejects when its connection ends. */
  nextPass(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wanted.push({ resolve, reject, over: this.#followed?.isOpen === true ? this.#followed : undefined });
      this.#nudge();
    });
  }

  /** Something is owed that was here. */
  lookAgain(): void {
    this.#nudge();
  }

  /** Follows the mailbox until the signal or the end of the connection. */
  async follow(source: PageSource, signal: AbortSignal): Promise<void> {
    const { connection } = source;
    this.#followed = connection;
    for (const wanted of this.#wanted) wanted.over ??= connection;
    let reason: unknown = new ConnectionError('closed', 'the connection ended before everything was here', {
      retry: 'now',
    });
    try {
      await this.#follow(source, signal);
    } catch (error) {
      if (!(error instanceof ConnectionError) && !isAbort(error, signal)) reason = error;
      throw error;
    } finally {
      // The next connection may be followed by now: what is wanted of it, and its nudge, are its own.
      if (this.#followed === connection) {
        this.#followed = undefined;
        this.#nudge = () => undefined;
      }
      for (const { reject } of this.#wantedOf(connection)) reject(reason);
    }
  }

  async #follow(source: PageSource, signal: AbortSignal): Promise<void> {
    const { connection } = source;
    const stopped = untilAborted(signal);
    await using pass = await this.#openPass(source, signal);
    let wake: () => void = () => undefined;
    let isDue = false;
    const nudge = (): void => {
      isDue = true;
      wake();
    };
    connection.listen({
      entries: (page) => pass.queue.push(page, true),
      heads: (heads) => pass.takeHeads(heads, nudge),
    });
    pass.onOwed = nudge;
    if (this.#followed === connection) this.#nudge = nudge;
    await this.#catchUp(pass, source, signal);
    for (let againMs = BODY_AGAIN_FIRST_MS; ; againMs = Math.min(2 * againMs, BODY_AGAIN_MAX_MS)) {
      isDue = false;
      const wanted = this.#wantedOf(connection);
      try {
        await this.#settle(pass, source, signal);
      } catch (error) {
        for (const { reject } of wanted) reject(error);
        throw error;
      }
      for (const { resolve } of wanted) resolve();
      // A node says nothing when a body comes to it after its entry: it is asked again.
      const owed = await this.#deps.bodies.pendingCount();
      if (owed === 0) againMs = BODY_AGAIN_FIRST_MS / 2;
      using _ = owed === 0 ? undefined : later(this.#deps.clock, againMs, nudge, signal);
      while (!isDue) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        await Promise.race([woken, connection.ended, pass.failed, stopped]);
        if (signal.aborted || !connection.isOpen) return;
      }
    }
  }

  /** They are taken: whoever calls this settles them. */
  #wantedOf(connection: NodeConnection): readonly Wanted[] {
    const wanted = this.#wanted.filter(({ over }) => over === connection);
    this.#wanted = this.#wanted.filter(({ over }) => over !== connection);
    return wanted;
  }

  /** Asks a node for its heads and for everything that is missing up to them; follows nothing. */
  async compare(source: PageSource, signal: AbortSignal): Promise<void> {
    await using pass = await this.#openPass(source, signal);
    await this.#settle(pass, source, signal);
  }

  async #openPass(source: PageSource, signal: AbortSignal): Promise<Pass> {
    if (this.#isBroken || this.#deps.mailboxes.isBroken) await this.#deps.mailboxes.reload();
    this.#isBroken = false;
    const pass = new Pass(this.#deps, source, {
      onStored: (count, live) => {
        this.#entries += count;
        this.#events.onStored(count, live);
      },
      onRestored: (restoration) => this.#events.onRestored(source.node, restoration),
      onBroken: () => {
        this.#isBroken = true;
      },
    });
    pass.start(signal);
    return pass;
  }

  async #catchUp(pass: Pass, source: PageSource, signal: AbortSignal): Promise<void> {
    await pass.watch();
    const key = toBase64(source.connection.info.node);
    const ledger = this.#deps.mailboxes.all.map((mailbox) => positionOf(mailbox, key));
    await source.connection.request(
      'complete',
      (request) => ({
        oneofKind: 'clientInfo',
        clientInfo: {
          version: 1,
          from: From.LEDGER,
          time: 0,
          ledger,
          client: CLIENT_NAME,
          request,
          headersOnly: false,
          newestFirst: true,
        },
      }),
      { onPage: (page) => pass.queue.push(page, false), signal },
    );
    await pass.drained();
  }

  /** Everything that is owed after the stream: gaps, bodies, what the home lost. */
  async #settle(pass: Pass, source: PageSource, signal: AbortSignal): Promise<void> {
    await pass.watch();
    const before = this.#entries;
    for (const { feed } of this.#deps.mailboxes.all) await this.#fillGaps(pass, source, feed, signal);
    this.#filled += this.#entries - before;
    await this.#deps.bodies.run(source, signal);
    await this.#deps.givingBack.run(source.connection, signal);
    this.#events.onSettled();
  }

  async #fillGaps(pass: Pass, source: PageSource, feed: FeedId, signal: AbortSignal): Promise<void> {
    const { alarms } = this.#deps;
    const head = this.#ledger(feed).headOf(source.node)?.number ?? 0;
    for (const [low, high] of this.#ledger(feed).missing())
      for (let to = Math.min(high, head); to >= low; to -= GAP_ENTRIES_MAX) {
        const part: Interval = [Math.max(low, to - GAP_ENTRIES_MAX + 1), to];
        await this.#sync(pass, source, feed, part, true, signal);
        // From the other end: an entry that is withheld must not hide those below it.
        for (const rest of this.#owedWithin(feed, part)) await this.#sync(pass, source, feed, rest, false, signal);
      }
    const missing = head === 0 ? [] : this.#owedWithin(feed, [1, head]);
    if (missing.length === 0) return alarms.clear(['withheld'], feed);
    const claim = lastClaimOf(this.#deps.mailboxes.of(feed).verified, toBase64(source.connection.info.node));
    if (claim === undefined) return;
    await alarms.raise(describeAlarm({ code: 'withheld', feed, node: claim.node, missing, head: claim }, source.node));
  }

  #ledger(feed: FeedId): Ledger {
    return this.#deps.mailboxes.of(feed).ledger;
  }

  #owedWithin(feed: FeedId, within: Interval): readonly Interval[] {
    return this.#ledger(feed).owed.intersection(IntervalSet.of(within)).intervals;
  }

  /** One question about a feed, and what came of it, in the ledger. */
  async #sync(
    pass: Pass,
    source: PageSource,
    feed: FeedId,
    [from, to]: Interval,
    newestFirst: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, mailboxes } = this.#deps;
    const before = this.#entries;
    await source.connection.request(
      'complete',
      (request) => ({
        oneofKind: 'sync',
        sync: { request, feed: fromHex(feed), from, to, newestFirst, headersOnly: false },
      }),
      { onPage: (page) => pass.queue.push(page, false), signal },
    );
    await pass.drained();
    const mailbox = mailboxes.of(feed);
    const asked = { node: source.node, from, to, at: Math.floor(clock.now()), found: this.#entries - before };
    const next = { ...mailbox, ledger: mailbox.ledger.markAsked(asked) };
    mailboxes.set(next);
    await this.#deps.store.transact((transaction) => mailboxes.write(transaction, next));
  }
}

const CLIENT_NAME = 'restante 0.1.0';

/** With the head that this node signed last: if it knows it no more, it was restored. */
function positionOf({ feed, ledger, verified }: FeedMailbox, key: string): FeedPosition {
  const claim = lastClaimOf(verified, key);
  const held = ledger.settled.intervals.slice(-LEDGER_RANGES_MAX).map(([from, to]) => ({ from, to }));
  const position: FeedPosition = { feed: fromHex(feed), held };
  return claim === undefined ? position : { ...position, head: { ...claim, feed: fromHex(feed) } };
}
