/**
 * What the nodes of a home tell each other of their exchange with other homes: how far each outbox was answered for, and how
 * far other homes' feeds are held. So a copy keeps a body no longer than somebody awaits it, the successor of a node goes on
 * where that one stopped, and a home that turns to another node is not asked for everything again. It is told with every link
 * anew, and after each change a moment later; what is late or lost costs duplicates and no mail.
 */
import type { Clock, Log } from '../../base/index.ts';
import {
  exchangedHomes,
  type HeldProgress,
  raiseHeld,
  readProgress,
  type SentProgress,
  writeSent,
} from '../../federation/index.ts';
import { type FeedId, type HomeName, parseFeedId, parseHomeName } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { NodeFeeds } from '../feeds.ts';
import type { MessageOf } from './control-message.ts';
import type { Copies } from './copies.ts';
import { EXCHANGE_PAUSE_MS, HELD_WAIT_MS } from './limits.ts';
import type { NodeLink } from './node-link.ts';
import type { Roster } from './roster.ts';

export interface ExchangesDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly feeds: NodeFeeds;
  readonly roster: Roster;
  readonly copies: Copies;
  readonly links: () => readonly NodeLink[];
  /** Another node's outbox for this home was answered for: bodies may be awaited no more. */
  readonly onAnswered: (home: HomeName) => void;
}

type ExchangeMessage = MessageOf<'exchange'>;

export class Exchanges {
  readonly #deps: ExchangesDeps;
  readonly #changed = new Set<HomeName>();
  /** The last that each node said of what it holds of a home, while that is on its way here. */
  readonly #coming = new Map<string, ExchangeMessage>();
  #wake: () => void = () => undefined;

  constructor(deps: ExchangesDeps) {
    this.#deps = deps;
  }

  /** Something that is kept of the exchange with this home is on our disk. */
  changed(home: HomeName): void {
    this.#changed.add(home);
    this.#wake();
  }

  /** Tells the other nodes what has changed, until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, links } = this.#deps;
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    while (!signal.aborted) {
      await this.#untilChanged(signal);
      await clock.sleep(EXCHANGE_PAUSE_MS, signal);
      const homes = [...this.#changed];
      this.#changed.clear();
      if (this.#listeners(links()).length === 0) continue; // told when there is a link
      for (const home of homes) {
        const message = await this.#messageOf(home);
        for (const link of this.#listeners(links())) link.tell(message);
      }
    }
  }

  /** A new link: all of it. */
  async greet(link: NodeLink): Promise<void> {
    if (this.#listeners([link]).length === 0) return;
    for (const home of await exchangedHomes(this.#deps.store)) link.tell(await this.#messageOf(home));
  }

  async hear(link: NodeLink, message: ExchangeMessage, signal: AbortSignal): Promise<void> {
    if (this.#listeners([link]).length === 0) return;
    await this.#hearSent(link, parseHomeName(message.home), message.sent);
    await this.#hearHeld(link, message, signal);
  }

  async #hearSent(link: NodeLink, home: HomeName, sent: ExchangeMessage['sent']): Promise<void> {
    const { clock, feeds, onAnswered, roster, store } = this.#deps;
    const theirs = sent
      .map(({ feed, ...rest }): SentProgress => ({ ...rest, feed: parseFeedId(feed) }))
      .filter(({ feed }) => !feeds.ours.has(feed) && roster.isNamed(feed));
    if (theirs.length === 0) return;
    const now = { wall: clock.now(), monotonic: clock.monotonic() };
    await store.transact(async (transaction) => {
      for (const line of theirs)
        await writeSent(transaction, home, line, { isWord: roster.isSentBy(line.feed, link.other.key), now });
    });
    onAnswered(home);
  }

  /** What another node holds is held here when the entries that it made of it are here too. */
  async #hearHeld(link: NodeLink, message: ExchangeMessage, signal: AbortSignal): Promise<void> {
    const { copies, store } = this.#deps;
    if (message.held.length === 0) return;
    const key = `${link.other.name} ${message.home}`;
    const isWaiting = this.#coming.has(key);
    this.#coming.set(key, message);
    if (isWaiting) return;
    for (let last: ExchangeMessage | undefined; ; ) {
      const next = this.#coming.get(key);
      if (next === undefined || next === last) break;
      last = next;
      const isHere = await copies.until(() => this.#isHere(next), HELD_WAIT_MS, signal);
      if (!isHere) continue; // it is told again: with its next change, or with the next link
      const home = parseHomeName(next.home);
      await store.transact(async (transaction) => {
        for (const { feed, number } of next.held)
          await raiseHeld(transaction, home, { feed: parseFeedId(feed), number });
      });
    }
    this.#coming.delete(key);
  }

  #isHere({ behind }: ExchangeMessage): boolean {
    return behind.every(({ feed, to }) => this.#lengthOf(parseFeedId(feed)) >= to);
  }

  #lengthOf(feed: FeedId): number {
    const { copies, feeds } = this.#deps;
    const log = feeds.all.get(feed);
    return log === undefined || log.isReplica ? copies.here(feed) : log.length;
  }

  /** The lengths are read last: they cover what is told as held. */
  async #messageOf(home: HomeName): Promise<ExchangeMessage> {
    const { clock, feeds, store } = this.#deps;
    const { held, sent } = await readProgress(store, home, { wall: clock.now(), monotonic: clock.monotonic() });
    const behind = [...feeds.all.keys()].map((feed) => ({ feed, to: this.#lengthOf(feed) }));
    return {
      t: 'exchange',
      home,
      sent: sent.map((line: SentProgress) => ({ ...line, deferred: [...line.deferred] })),
      held: held.filter(({ number }) => number > 0).map((one: HeldProgress) => ({ ...one })),
      behind,
    };
  }

  /** A former node hears of nothing but its own feeds. */
  #listeners(links: readonly NodeLink[]): readonly NodeLink[] {
    return links.filter(({ other }) => this.#deps.roster.standingOf(other.key) === 'node');
  }

  async #untilChanged(signal: AbortSignal): Promise<void> {
    if (this.#changed.size > 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}
