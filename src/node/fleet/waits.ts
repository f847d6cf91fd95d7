/** Waiting for other nodes: until they have what is here, or what they have is here. Nobody waits for ever. */
import { type Clock, equalBytes } from '../../base/index.ts';
import type { FeedId, HomeNode } from '../../protocol/index.ts';
import type { NodeFeeds } from '../feeds.ts';
import type { Journal } from '../journal.ts';
import type { Copies } from './copies.ts';
import { CATCH_UP_MS, DURABILITY_TIMEOUT_MS } from './limits.ts';
import type { NodeLink } from './node-link.ts';
import type { Roster } from './roster.ts';

export interface WaitsDeps {
  readonly clock: Clock;
  readonly feeds: NodeFeeds;
  readonly journal: Journal;
  readonly copies: Copies;
  readonly roster: Roster;
  readonly others: () => readonly HomeNode[];
  readonly links: () => readonly NodeLink[];
}

export class Waits {
  readonly #deps: WaitsDeps;
  readonly #waits = new AbortController();

  constructor(deps: WaitsDeps) {
    this.#deps = deps;
  }

  /** The node stops: who waits is answered as things stand. */
  end(): void {
    this.#waits.abort(new DOMException('the node stops', 'AbortError'));
    this.#deps.copies.wake();
  }

  /** Whether so many disks, this node's included, have blocks [0, to) of a feed that is here, now or in time. */
  async untilOn(disks: number, feed: FeedId, to: number): Promise<boolean> {
    return this.#deps.copies.until(() => this.isOn(disks, feed, to), DURABILITY_TIMEOUT_MS, this.#waits.signal);
  }

  /** As far as is known now. */
  isOn(disks: number, feed: FeedId, to: number): boolean {
    if (disks <= 1) return true;
    const { copies, links, others } = this.#deps;
    // Its writer had it before anybody. One that is away may have lost its disk.
    const writes = ({ feed: written, key }: HomeNode): boolean =>
      written === feed && links().some(({ other }) => equalBytes(other.key, key));
    return 1 + others().filter((node) => writes(node) || copies.there(node.key, feed) >= to).length >= disks;
  }

  /** Waits until every node that there is a link to has what our feed has now, or a moment has passed. */
  async settle(): Promise<void> {
    const { id, length } = this.#deps.feeds.current;
    const isReached = (): boolean =>
      this.#deps
        .links()
        .every(
          ({ other }) =>
            this.#deps.roster.standingOf(other.key) !== 'node' || this.#deps.copies.there(other.key, id) >= length,
        );
    await this.#deps.copies.until(isReached, CATCH_UP_MS, this.#waits.signal);
  }

  /** Waits until something that another node wrote is folded here, or a moment has passed. */
  async untilHere(isHere: () => Promise<boolean>): Promise<void> {
    const { clock, journal } = this.#deps;
    const timer = new AbortController();
    let isLate = false;
    let wake: () => void = () => undefined;
    using _ = journal.events.on('committed', () => wake());
    const late = clock.sleep(CATCH_UP_MS, AbortSignal.any([timer.signal, this.#waits.signal])).then(
      () => {
        isLate = true;
      },
      () => {
        isLate = true; // it is here, or the node stops
      },
    );
    try {
      for (;;) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        if (isLate || (await isHere())) return;
        await Promise.race([late, woken]);
      }
    } finally {
      timer.abort();
    }
  }
}
