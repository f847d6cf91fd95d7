/**
 * One destination: performs what its queue says (step.ts) and tells the queue what came of it. Holds numbers, one timer,
 * and, while a request is under way, one batch and the items of the next.
 */
import {
  type Clock,
  CodedError,
  isAbort,
  type Log,
  type Prng,
  type Scope,
  type SecureRandom,
  toHex,
} from '../../base/index.ts';
import {
  decodeAnswer,
  encodeTransaction,
  type FeedId,
  type HomeName,
  type Reach,
  TRANSACTION_BYTES,
  TRANSACTION_ITEMS_MAX,
} from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import { within } from '../deadline.ts';
import { FederationError } from '../federation-error.ts';
import type { FederationLink, HintPort, OutboxItem, OutboxView, OwnFleet } from '../ports.ts';
import { failureWait, type Moment } from './back-off.ts';
import { type BatchName, encodeBatch, encodeFixedBatch, txnOf } from './batch.ts';
import type { FeedReach } from './flight.ts';
import { type Kept, keptOf, NOTHING_KEPT, readKept, writeKept } from './kept.ts';
import { BACKOFF_MAX_MS, REQUEST_TIMEOUT_MS } from './limits.ts';
import { owesHints, readOwedHints, settleHints } from './owed-hints.ts';
import { reachOf } from './reach.ts';
import type { Slots } from './slots.ts';
import { type Change, createQueue, type Effect, type Problem, type Queue, type QueueEvent, step } from './step.ts';

export interface DestinationDeps {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly random: SecureRandom;
  readonly store: Store;
  readonly log: Log;
  /** Our own name. */
  readonly home: HomeName;
  readonly outbox: OutboxView;
  readonly hints: HintPort;
  readonly link: FederationLink;
  readonly scope: Scope;
  readonly sends: Slots;
  readonly probes: Slots;
  /** What another home says of its numbers for us. */
  readonly onReach: (home: HomeName, reach: readonly Reach[]) => void;
  readonly fleet: OwnFleet;
  /** Something that it will not take is on disk as such. */
  readonly onRejected: () => void;
}

/** A batch as it travels. */
interface Page {
  readonly batch: BatchName;
  readonly body: Uint8Array;
}

/** A batch that is read and encoded while the one before it is under way. */
interface Ahead {
  readonly feed: FeedId;
  readonly first: number;
  readonly page: Promise<Page>;
}

export class Destination {
  readonly home: HomeName;
  readonly #deps: DestinationDeps;
  #queue: Queue;
  #timer: { readonly at: number; readonly controller: AbortController } | undefined;
  #slot: Disposable | undefined;
  /** Read to find the range, and sent at once. */
  #page: Page | undefined;
  #ahead: Ahead | undefined;
  #measuring: 'no' | 'yes' | 'again' = 'no';

  constructor(deps: DestinationDeps, home: HomeName, queue: Queue) {
    this.#deps = deps;
    this.home = home;
    this.#queue = queue;
  }

  /** As its rows say; sends nothing until it is told. */
  static async open(deps: DestinationDeps, home: HomeName): Promise<Destination> {
    const reach = await deps.outbox.reach(home);
    const ours = new Set(reach.map(({ feed }) => feed));
    const kept = keptOf(await readKept(deps.store, home, momentOf(deps.clock)), ours);
    return new Destination(deps, home, createQueue(kept, reach, await owesHints(deps.store, home)));
  }

  get queue(): Queue {
    return this.#queue;
  }

  /** Batches in memory, for those who count. */
  get pageCount(): number {
    return (this.#page === undefined ? 0 : 1) + (this.#ahead === undefined ? 0 : 1);
  }

  tell(event: QueueEvent): void {
    if (this.#deps.scope.signal.aborted) return;
    const { queue, effects } = step(this.#queue, event, momentOf(this.#deps.clock));
    this.#queue = queue;
    // Read ahead for the batch that follows one in flight, and for nothing else.
    if (queue.activity.kind !== 'sending' && queue.activity.kind !== 'reading') this.#ahead = undefined;
    for (const effect of effects) this.#perform(effect);
  }

  /** Looks how far the outbox goes now. Calls while it looks become one more look. */
  measure(): void {
    if (this.#measuring !== 'no') {
      this.#measuring = 'again';
      return;
    }
    this.#measuring = 'yes';
    this.#deps.scope.spawn(`measure the outbox of ${this.home}`, async (signal) => {
      const { clock, log, outbox, prng } = this.#deps;
      for (let failures = 0; ; ) {
        try {
          const reach = await outbox.reach(this.home);
          this.tell({ kind: 'reach', reach, inherited: await this.#inherited(reach) });
          if (this.#measuring === 'yes') break;
          this.#measuring = 'yes';
          failures = 0;
        } catch (error) {
          failures += 1;
          log.warn({ error, destination: this.home }, 'the outbox could not be read; trying again');
          await clock.sleep(failureWait(failures, prng.next()), signal);
        }
      }
      this.#measuring = 'no';
    });
  }

  /** Of feeds that were not ours before, what is kept of how far their node had come. */
  async #inherited(reach: readonly FeedReach[]): Promise<Pick<Kept, 'lines' | 'deferred'>> {
    const known = new Set(this.#queue.reach.map(({ feed }) => feed));
    const fresh = new Set(reach.map(({ feed }) => feed).filter((feed) => !known.has(feed)));
    if (fresh.size === 0) return NOTHING_KEPT;
    return keptOf(await readKept(this.#deps.store, this.home, momentOf(this.#deps.clock)), fresh);
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'wake':
        this.#wake(effect.at);
        break;
      case 'read':
        this.#attempt('read a batch for', (signal) => this.#read(effect, signal));
        break;
      case 'store':
        this.#attempt('keep what was sent to', () => this.#store(effect));
        break;
      case 'send':
        this.#attempt('send a batch to', (signal) => this.#send(effect, signal));
        break;
      case 'sendHints':
        this.#attempt('send hints to', (signal) => this.#sendHints(signal));
        break;
    }
  }

  /** What does not succeed is told to the queue, which waits and tries again: nothing ends here but by closing. */
  #attempt(what: string, work: (signal: AbortSignal) => Promise<QueueEvent>): void {
    const { log, prng, scope } = this.#deps;
    scope.spawn(`${what} ${this.home}`, async (signal) => {
      let event: QueueEvent;
      try {
        event = await work(signal);
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        log.info({ error, destination: this.home }, `could not ${what} ${this.home}`);
        event = {
          kind: 'failed',
          problem: problemOf(error),
          jitter: prng.next(),
          isStored: !(error instanceof Unstored),
        };
      }
      if (event.kind !== 'read' && event.kind !== 'stored') this.#release();
      this.tell(event);
    });
  }

  async #read({ feed, first, last }: Extract<Effect, { kind: 'read' }>, signal: AbortSignal): Promise<QueueEvent> {
    await this.#takeSlot(signal);
    this.#page = await (this.#takeAhead(feed, first) ?? this.#readPage(feed, first, last));
    return { kind: 'read', last: this.#page.batch.range.last };
  }

  async #readPage(feed: FeedId, first: number, last: number): Promise<Page> {
    const items = await this.#deps.outbox.read(this.home, feed, first, last, TRANSACTION_BYTES);
    if (items.length === 0 || !areConsecutive(items, first)) throw lacking(feed, first, last);
    const range = { first, last: first + items.length - 1, attempt: 0 };
    return { batch: { feed, range }, body: encodeBatch(this.#deps.home, this.home, feed, items) };
  }

  async #store({ before, after }: Change): Promise<QueueEvent> {
    const { clock, store } = this.#deps;
    await store.transact((rows) => writeKept(rows, this.home, before, after, momentOf(clock)));
    this.#deps.fleet.progressed(this.home);
    if (after.refused !== before.refused && after.refused.length > 0) this.#deps.onRejected();
    return { kind: 'stored' };
  }

  /** What comes of it is told when what is stored meanwhile is on disk. */
  async #send({ batch, meanwhile }: Extract<Effect, { kind: 'send' }>, signal: AbortSignal): Promise<QueueEvent> {
    if (meanwhile === undefined) return this.#exchange(batch, signal);
    const [stored, answered] = await Promise.allSettled([this.#store(meanwhile), this.#exchange(batch, signal)]);
    if (stored.status === 'rejected') throw new Unstored(stored.reason);
    if (answered.status === 'rejected') throw answered.reason;
    return answered.value;
  }

  async #exchange(batch: BatchName, signal: AbortSignal): Promise<QueueEvent> {
    await this.#takeSlot(signal);
    const body = await this.#bodyOf(batch);
    this.#page = undefined;
    this.#readAhead(batch);
    const answer = decodeAnswer(await this.#request(txnOf(batch), body, signal));
    this.#deps.onReach(this.home, answer.reach);
    return { kind: 'answered', answer, jitter: this.#deps.prng.next() };
  }

  /** The next batch, if it is full by now: one that is not may be fuller when its turn comes. */
  #readAhead({ feed, range }: BatchName): void {
    const first = range.last + 1;
    const last = range.last + TRANSACTION_ITEMS_MAX;
    const reach = this.#queue.reach.find((line) => line.feed === feed)?.number ?? 0;
    if (range.attempt > 0 || last > reach) return;
    const page = this.#readPage(feed, first, last);
    page.catch(() => undefined); // told to whoever takes it; if nobody does, nothing is lost
    this.#ahead = { feed, first, page };
  }

  #takeAhead(feed: FeedId, first: number): Promise<Page> | undefined {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead?.feed === feed && ahead.first === first ? ahead.page : undefined;
  }

  /** The page that was read to choose the range, or the same items again. */
  async #bodyOf(batch: BatchName): Promise<Uint8Array> {
    if (this.#page !== undefined && txnOf(this.#page.batch) === txnOf(batch)) return this.#page.body;
    const { feed } = batch;
    const { first, last } = batch.range;
    const items = await this.#deps.outbox.read(this.home, feed, first, last, Number.MAX_SAFE_INTEGER);
    if (items.length !== last - first + 1 || !areConsecutive(items, first)) throw lacking(feed, first, last);
    return encodeFixedBatch(this.#deps.home, this.home, feed, items);
  }

  async #sendHints(signal: AbortSignal): Promise<QueueEvent> {
    const { home, outbox, random, store } = this.#deps;
    await this.#takeSlot(signal);
    const { edus, rows } = await readOwedHints(this.#deps, this.home);
    if (edus.length > 0) {
      const body = encodeTransaction({
        origin: home,
        destination: this.home,
        feed: new Uint8Array(0),
        first: 0,
        items: [],
        edus: [...edus],
        reach: reachOf(await outbox.reach(this.home)),
      });
      const answer = decodeAnswer(await this.#request(toHex(random.bytes(16)), body, signal));
      this.#deps.onReach(this.home, answer.reach);
    }
    await settleHints(store, rows);
    return { kind: 'hintsSent', isSaid: edus.length > 0, more: await owesHints(store, this.home) };
  }

  #request(txn: string, body: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const { clock, link } = this.#deps;
    return within(clock, REQUEST_TIMEOUT_MS, signal, (ending) => link.send(this.home, txn, body, ending));
  }

  /** Held from reading a batch to its answer. */
  async #takeSlot(signal: AbortSignal): Promise<void> {
    if (this.#slot !== undefined) return;
    const { probes, sends } = this.#deps;
    const slots = this.#queue.kept.record.failures > 0 ? probes : sends;
    // Who waits for a place holds no items.
    if (slots.isFull) this.#ahead = undefined;
    this.#slot = await slots.take(signal);
  }

  #release(): void {
    this.#page = undefined;
    this.#slot?.[Symbol.dispose]();
    this.#slot = undefined;
  }

  #wake(at: number): void {
    if (this.#timer?.at === at) return;
    this.#timer?.controller.abort();
    const { clock, scope } = this.#deps;
    const controller = new AbortController();
    const timer = { at, controller };
    this.#timer = timer;
    scope.spawn(`wait for ${this.home}`, async (signal) => {
      const end = (): void => controller.abort();
      signal.addEventListener('abort', end, { once: true });
      try {
        await clock.sleep(at - clock.monotonic(), controller.signal);
      } catch (error) {
        if (isAbort(error, controller.signal)) return;
        throw error;
      } finally {
        signal.removeEventListener('abort', end);
        if (this.#timer === timer) this.#timer = undefined;
      }
      this.tell({ kind: 'time' });
    });
  }
}

/** Our own disk failed while a request was under way: whatever came of that was not heard. */
class Unstored extends Error {
  constructor(cause: unknown) {
    super('what was answered before could not be stored', { cause });
  }
}

export function momentOf(clock: Clock): Moment {
  return { wall: clock.now(), monotonic: clock.monotonic() };
}

function areConsecutive(items: readonly OutboxItem[], first: number): boolean {
  return items.every(({ number }, index) => number === first + index);
}

function lacking(feed: FeedId, first: number, last: number): FederationError {
  return new FederationError('unavailable', `the outbox lacks ${first} to ${last} of feed ${feed}`, { retry: 'later' });
}

function problemOf(failure: unknown): Problem {
  const error = failure instanceof Unstored ? failure.cause : failure;
  const waitMs = error instanceof CodedError ? error.details.retryAfterMs : undefined;
  return {
    code: error instanceof CodedError ? error.code : 'failed',
    message: error instanceof Error ? error.message : 'an unknown error',
    waitMs: typeof waitMs === 'number' && waitMs > 0 ? Math.min(waitMs, BACKOFF_MAX_MS) : 0,
  };
}
