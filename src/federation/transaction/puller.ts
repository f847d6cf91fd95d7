/**
 * Asks other homes for what they have for us. Usually they send it by themselves: we ask at our start, when the operator
 * wants it, when a home has said that its numbers go beyond what we hold and nothing comes, and for what we once answered
 * "later" to. One conversation at a time with each home; failures wait ever longer.
 */
import { type Clock, isAbort, type Log, type Prng, type Scope, toHex } from '../../base/index.ts';
import {
  type FeedId,
  feedIdOf,
  type HomeName,
  parseFeedId,
  type Reach,
  type Transaction,
} from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import { within } from '../deadline.ts';
import { FederationError } from '../federation-error.ts';
import type { FederationLink, HomeDirectory, OwnFleet } from '../ports.ts';
import { HELD, heldOf } from '../row-keys.ts';
import { failureWait } from './back-off.ts';
import { momentOf } from './destination.ts';
import type { Intake, Taken } from './intake.ts';
import { decodeBody, ownsFeed } from './judging.ts';
import { homesIn } from './known-homes.ts';
import {
  PEER_FEEDS_MAX,
  PULL_GRACE_MS,
  PULLING_MAX,
  PULLS_MAX,
  REQUEST_TIMEOUT_MS,
  START_SPREAD_MAX_MS,
  START_STEP_MS,
  WANTED_OF_SENDER_MS,
} from './limits.ts';
import { parseReach } from './reach.ts';
import { Slots } from './slots.ts';
import { readWanted } from './wanted.ts';

export interface PullerDeps<Judged> {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly store: Store;
  readonly log: Log;
  /** Our own name. */
  readonly home: HomeName;
  readonly link: FederationLink;
  readonly directory: HomeDirectory;
  readonly intake: Intake<Judged>;
  readonly scope: Scope;
  readonly fleet: OwnFleet;
  /** A home has answered. */
  readonly onContact: (home: HomeName) => void;
}

interface Origin {
  /** How far it says its feeds go for us. */
  readonly said: Map<FeedId, number>;
  /** Whether every feed we know of it is to be asked for, whatever it said. */
  isAsked: boolean;
  failures: number;
  /** Monotonic; when something of it was last pushed to us. */
  pushedAt: number;
  /** Monotonic; the next look. */
  dueAt: number;
  isRunning: boolean;
  timer: AbortController | undefined;
}

export class Puller<Judged> {
  readonly #deps: PullerDeps<Judged>;
  readonly #origins = new Map<HomeName, Origin>();
  readonly #slots = new Slots(PULLS_MAX);

  constructor(deps: PullerDeps<Judged>) {
    this.#deps = deps;
  }

  /** Asks every home we ever had something from, spread over a while: it may have waited for us. */
  async start(): Promise<void> {
    const { clock, prng, store } = this.#deps;
    const homes = await homesIn(store, HELD);
    const spread = Math.min(START_SPREAD_MAX_MS, homes.length * START_STEP_MS);
    for (const home of homes) this.#ask(home, clock.monotonic() + Math.floor(spread * prng.next()));
  }

  /** Asks a home, or all we know, now. */
  async ask(home: HomeName | undefined): Promise<void> {
    const homes = home === undefined ? await homesIn(this.#deps.store, HELD) : [home];
    for (const asked of homes) this.#ask(asked, this.#deps.clock.monotonic());
  }

  /** A home says how far its numbers for us go. */
  notice(home: HomeName, reach: readonly Reach[]): void {
    this.#deps.scope.spawn(`compare what ${home} says with what is held`, async () => {
      for (const { feed, number } of parseReach(reach)) {
        if (number <= (await this.#deps.intake.heldTo(home, feed))) continue;
        const origin = this.#of(home);
        if (origin === undefined || (!origin.said.has(feed) && origin.said.size >= PEER_FEEDS_MAX)) return;
        origin.said.set(feed, number);
        this.#schedule(home, origin, this.#deps.clock.monotonic() + PULL_GRACE_MS);
      }
    });
  }

  /** Something was pushed: who pushes needs no asking for a while. */
  taken(home: HomeName, { isAnyWanted }: Taken): void {
    const now = this.#deps.clock.monotonic();
    const origin = isAnyWanted ? this.#of(home) : this.#origins.get(home);
    if (origin === undefined) return;
    origin.pushedAt = now;
    if (isAnyWanted) this.#schedule(home, origin, now + WANTED_OF_SENDER_MS);
  }

  #ask(home: HomeName, at: number): void {
    const origin = this.#of(home);
    if (origin === undefined) return;
    origin.isAsked = true;
    this.#schedule(home, origin, at);
  }

  #of(home: HomeName): Origin | undefined {
    const known = this.#origins.get(home);
    if (known !== undefined) return known;
    if (this.#origins.size >= PULLING_MAX) {
      this.#deps.log.warn({ home }, 'too many homes to pull from; this one is asked when it next says so');
      return undefined;
    }
    const never = Number.NEGATIVE_INFINITY;
    const origin: Origin = {
      said: new Map(),
      isAsked: false,
      failures: 0,
      pushedAt: never,
      dueAt: Number.POSITIVE_INFINITY,
      isRunning: false,
      timer: undefined,
    };
    this.#origins.set(home, origin);
    return origin;
  }

  /** The earlier of what was meant and this. */
  #schedule(home: HomeName, origin: Origin, at: number): void {
    if (at >= origin.dueAt) return;
    origin.dueAt = at;
    if (origin.isRunning) return;
    origin.timer?.abort();
    const timer = new AbortController();
    origin.timer = timer;
    const { clock, scope } = this.#deps;
    scope.spawn(`pull from ${home}`, async (signal) => {
      const end = (): void => timer.abort();
      signal.addEventListener('abort', end, { once: true });
      try {
        await clock.sleep(at - clock.monotonic(), timer.signal);
      } catch (error) {
        if (isAbort(error, timer.signal)) return;
        throw error;
      } finally {
        signal.removeEventListener('abort', end);
      }
      origin.timer = undefined;
      await this.#run(home, origin, signal);
    });
  }

  async #run(home: HomeName, origin: Origin, signal: AbortSignal): Promise<void> {
    const { clock, log, prng } = this.#deps;
    origin.isRunning = true;
    origin.dueAt = Number.POSITIVE_INFINITY;
    let next: number | undefined;
    try {
      next = await this.#pullAll(home, origin, signal);
      origin.failures = 0;
    } catch (error) {
      if (isAbort(error, signal)) throw error;
      origin.failures += 1;
      next = clock.monotonic() + failureWait(origin.failures, prng.next());
      log.info({ error, home }, 'could not pull; trying again later');
    } finally {
      origin.isRunning = false;
    }
    const at = Math.min(next ?? Number.POSITIVE_INFINITY, origin.dueAt);
    origin.dueAt = Number.POSITIVE_INFINITY;
    if (Number.isFinite(at)) this.#schedule(home, origin, at);
    else this.#origins.delete(home);
  }

  /** When to look again, if at all. */
  async #pullAll(home: HomeName, origin: Origin, signal: AbortSignal): Promise<number | undefined> {
    const { clock, store } = this.#deps;
    const quietAt = origin.pushedAt + PULL_GRACE_MS;
    if (!origin.isAsked && origin.said.size > 0 && quietAt > clock.monotonic()) return quietAt;
    using _slot = await this.#slots.take(signal);
    const feeds = new Set(origin.said.keys());
    if (origin.isAsked)
      for (const { key } of await store.range({ ...heldOf(home), limit: PEER_FEEDS_MAX }))
        feeds.add(parseFeedId(toHex(key.subarray(-32))));
    for (const feed of feeds) {
      await this.#drain(home, feed, origin, signal);
      origin.said.delete(feed);
    }
    origin.isAsked = false;
    return this.#pullWanted(home, signal);
  }

  /** Everything after what we hold, until there is nothing. */
  async #drain(home: HomeName, feed: FeedId, origin: Origin, signal: AbortSignal): Promise<void> {
    const { directory, fleet, intake } = this.#deps;
    if (!(await ownsFeed(directory, home, feed, signal))) return;
    for (;;) {
      const held = await intake.heldTo(home, feed);
      if (!origin.isAsked && (origin.said.get(feed) ?? 0) <= held) return;
      // Whoever asks for what follows answers for what came before.
      if (!(await fleet.untilCopied()))
        throw new FederationError('unavailable', 'what was pulled is not on enough disks yet', { retry: 'later' });
      const transaction = await this.#pull(home, feed, held, signal);
      if (transaction === undefined) return;
      const numbers = transaction.items.map((_, index) => held + 1 + index);
      const taken = await intake.take(home, { feed, numbers, items: transaction.items }, undefined, signal);
      if (!taken.isTaken) return;
    }
  }

  /** What is due of what we answered "later" to; gives the time of the next. */
  async #pullWanted(home: HomeName, signal: AbortSignal): Promise<number | undefined> {
    const { clock, intake, store } = this.#deps;
    const { due, nextAt } = await readWanted(store, home, momentOf(clock));
    const [asked] = due;
    if (asked === undefined) return Number.isFinite(nextAt) ? nextAt : undefined;
    const { feed, number: first } = asked;
    const transaction = await this.#pull(home, feed, first - 1, signal);
    if (transaction === undefined)
      throw new FederationError('bad_answer', `${home} no longer has number ${first} of feed ${feed}`);
    const dueNumbers = new Set(due.map(({ number }) => number));
    const wanted = transaction.items
      .map((item, index) => ({ item, number: first + index }))
      .filter(({ number }) => dueNumbers.has(number));
    const [numbers, items] = [wanted.map(({ number }) => number), wanted.map(({ item }) => item)];
    await intake.take(home, { feed, numbers, items }, undefined, signal);
    return clock.monotonic();
  }

  async #pull(home: HomeName, feed: FeedId, after: number, signal: AbortSignal): Promise<Transaction | undefined> {
    const { clock, link, onContact } = this.#deps;
    const body = await within(clock, REQUEST_TIMEOUT_MS, signal, (ending) => link.pull(home, feed, after, ending));
    onContact(home);
    if (body === undefined) return undefined;
    const transaction = decodeBody(body);
    const { destination, first, items, origin } = transaction;
    const isAsked = origin === home && destination === this.#deps.home && first === after + 1 && items.length > 0;
    if (!isAsked || transaction.feed.length !== 32 || feedIdOf(transaction.feed) !== feed)
      throw new FederationError('bad_answer', `${home} answered a pull with something else`);
    return transaction;
  }
}
