/**
 * What waits for other homes, sent. One queue for each destination (destination.ts); they share two sets of places, one for
 * homes that answered last time and one for those that did not, so that no home waits for another's silence.
 */
import type { Clock } from '../../base/index.ts';
import {
  type ConversationId,
  type FeedId,
  type HomeName,
  TRANSACTION_BYTES,
  TRANSACTION_ITEMS_MAX,
} from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import { DESTINATIONS } from '../row-keys.ts';
import { failureWait } from './back-off.ts';
import { encodeFixedBatch } from './batch.ts';
import { Destination, type DestinationDeps, momentOf } from './destination.ts';
import { type LastError, lineOf } from './kept.ts';
import { homesIn } from './known-homes.ts';
import { PROBES_MAX, PULL_ANSWERS_MAX, SENDS_MAX } from './limits.ts';
import { oweHint } from './owed-hints.ts';
import type { Rejection } from './rejection.ts';
import { Slots } from './slots.ts';
import { queuedCount } from './step.ts';

export type SenderDeps = Omit<DestinationDeps, 'sends' | 'probes'>;

/** What an operator sees of a destination. Times are milliseconds since 1970. */
export interface DestinationStatus {
  readonly home: HomeName;
  /** Items that are not acknowledged, deferred ones included. */
  readonly queued: number;
  readonly oldestAt: number | undefined;
  readonly lastSuccessAt: number | undefined;
  /** undefined: nothing waits for a time. */
  readonly nextTryAt: number | undefined;
  readonly failures: number;
  readonly deferred: number;
  readonly rejected: number;
  readonly rejections: readonly Rejection[];
  readonly lastError: LastError | undefined;
}

export class Sender {
  readonly #deps: DestinationDeps;
  readonly #destinations = new Map<HomeName, Destination>();
  /** Destinations that are being opened, by whoever asked first. */
  readonly #opening = new Map<HomeName, Promise<Destination>>();
  /** Destinations that are to be opened and told to look. */
  readonly #waking = new Set<HomeName>();
  /** Pulls under answer. */
  readonly #pulling = new Map<HomeName, number>();

  private constructor(deps: SenderDeps) {
    this.#deps = { ...deps, sends: new Slots(SENDS_MAX), probes: new Slots(PROBES_MAX) };
  }

  /** Goes on where it stopped, with every destination that ever had something. */
  static async open(deps: SenderDeps): Promise<Sender> {
    const sender = new Sender(deps);
    const homes = new Set([...(await deps.outbox.destinations()), ...(await homesIn(deps.store, DESTINATIONS))]);
    for (const home of homes) (await sender.#of(home)).tell({ kind: 'time' });
    return sender;
  }

  /** The outbox for this destination has grown. */
  queued(destination: HomeName): void {
    this.#wake(destination, (known) => known.measure());
  }

  /** Other outboxes are ours now: whoever they are for is looked at. */
  async inherited(): Promise<void> {
    for (const home of await this.#deps.outbox.destinations()) this.queued(home);
  }

  /** Resolves when it is on disk that the destination is to be told; said once for all that is owed until then. */
  async hint(destination: HomeName, conversation: ConversationId): Promise<void> {
    await oweHint(this.#deps, destination, conversation, momentOf(this.#deps.clock));
    this.#wake(destination, (known) => known.tell({ kind: 'hinted' }));
  }

  /** The home has been heard, with a request of its own or an answer. A home to which nothing was ever sent is not kept. */
  contact(home: HomeName): void {
    this.#destinations.get(home)?.tell({ kind: 'contact' });
  }

  retry(home: HomeName | undefined): void {
    for (const destination of this.#destinations.values())
      if (home === undefined || destination.home === home) destination.tell({ kind: 'retry' });
  }

  /**
   * What comes after a number, as the batch that the queue would send; undefined when there is nothing. Whoever asks has all
   * before it. Throws FederationError `rate_limited`.
   */
  async pull(home: HomeName, feed: FeedId, after: number): Promise<Uint8Array | undefined> {
    const underWay = this.#pulling.get(home) ?? 0;
    if (underWay >= PULL_ANSWERS_MAX)
      throw new FederationError('rate_limited', `at most ${PULL_ANSWERS_MAX} pulls at once`, { retry: 'later' });
    this.#pulling.set(home, underWay + 1);
    try {
      return await this.#pull(home, feed, after);
    } finally {
      const left = (this.#pulling.get(home) ?? 1) - 1;
      if (left > 0) this.#pulling.set(home, left);
      else this.#pulling.delete(home);
    }
  }

  async status(): Promise<readonly DestinationStatus[]> {
    const all: DestinationStatus[] = [];
    for (const destination of this.#destinations.values()) all.push(await this.#statusOf(destination));
    return all.sort((a, b) => (a.home < b.home ? -1 : 1));
  }

  /** Batches in memory. */
  get pageCount(): number {
    let count = 0;
    for (const destination of this.#destinations.values()) count += destination.pageCount;
    return count;
  }

  async #pull(home: HomeName, feed: FeedId, after: number): Promise<Uint8Array | undefined> {
    const { outbox } = this.#deps;
    const reach = await outbox.held(home, feed);
    if (reach === 0) return undefined;
    const first = after + 1;
    const isOurs = (await outbox.reach(home)).some((known) => known.feed === feed);
    // What another node of our home sends is given to who asks here too; how far it is, is for that node to know.
    const destination = isOurs ? await this.#of(home) : undefined;
    destination?.tell({ kind: 'pulled', feed, after, isServed: first <= reach });
    if (first > reach) return undefined;
    const flight = destination === undefined ? undefined : lineOf(destination.queue.kept, feed).flight;
    // The range in flight is fixed, whoever asks for it.
    const [last, maxBytes] =
      flight?.first === first
        ? [flight.last, Number.MAX_SAFE_INTEGER]
        : [Math.min(reach, after + TRANSACTION_ITEMS_MAX), TRANSACTION_BYTES];
    const items = await outbox.read(home, feed, first, last, maxBytes);
    return items.length === 0 ? undefined : encodeFixedBatch(this.#deps.home, home, feed, items);
  }

  /** A destination that is not known yet is opened, however often that takes, and then looks for itself. */
  #wake(home: HomeName, tell: (known: Destination) => void): void {
    const known = this.#destinations.get(home);
    if (known !== undefined) {
      tell(known);
      return;
    }
    if (this.#waking.has(home)) return;
    this.#waking.add(home);
    const { clock, log, prng, scope } = this.#deps;
    scope.spawn(`open the queue of ${home}`, async (signal) => {
      for (let failures = 1; ; failures++) {
        try {
          const destination = await this.#of(home);
          this.#waking.delete(home);
          destination.tell({ kind: 'hinted' });
          destination.measure();
          return;
        } catch (error) {
          log.warn({ error, destination: home }, 'a destination could not be opened; trying again');
          await clock.sleep(failureWait(failures, prng.next()), signal);
        }
      }
    });
  }

  async #of(home: HomeName): Promise<Destination> {
    const known = this.#destinations.get(home) ?? this.#opening.get(home);
    if (known !== undefined) return known;
    const opening = Destination.open(this.#deps, home);
    this.#opening.set(home, opening);
    try {
      const destination = await opening;
      this.#destinations.set(home, destination);
      return destination;
    } finally {
      this.#opening.delete(home);
    }
  }

  async #statusOf({ home, queue }: Destination): Promise<DestinationStatus> {
    const { clock, outbox } = this.#deps;
    const { kept, reach } = queue;
    const { record, deferred } = kept;
    const next = reach.find(({ feed, number }) => lineOf(kept, feed).acknowledged < number);
    const firsts = [
      ...(next === undefined ? [] : [{ feed: next.feed, number: lineOf(kept, next.feed).acknowledged + 1 }]),
      ...[...deferred].sort((a, b) => a.number - b.number).slice(0, 1),
    ];
    let oldestAt: number | undefined;
    for (const { feed, number } of firsts) {
      const [item] = await outbox.read(home, feed, number, number, 1);
      if (item !== undefined) oldestAt = Math.min(oldestAt ?? item.queuedAt, item.queuedAt);
    }
    return {
      home,
      queued: queuedCount(queue),
      oldestAt,
      lastSuccessAt: record.lastSuccessAt,
      nextTryAt: nextTryAt(clock, record.waitUntil),
      failures: record.failures,
      deferred: deferred.length,
      rejected: record.rejected,
      rejections: record.rejections,
      lastError: record.lastError,
    };
  }
}

function nextTryAt(clock: Clock, waitUntil: number): number | undefined {
  const waitMs = waitUntil - clock.monotonic();
  return waitMs > 0 ? clock.now() + waitMs : undefined;
}
