/**
 * Keeps a link to each other node. Who has just started dials everybody; after a cut one of the two dials at once, and the
 * other only when that does not come.
 */
import { type Clock, CodedError, type Log, type Prng, untilAborted } from '../../base/index.ts';
import type { HomeNode } from '../../protocol/index.ts';
import { afterFailure, afterLink, afterLinking, firstDial, type Redial } from './redial.ts';

export interface DialingDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly prng: Prng;
}

export interface DialingOptions {
  /** Whether this node dials first of the two. */
  readonly isFirst: (node: HomeNode) => boolean;
  readonly others: () => readonly HomeNode[];
  readonly isLinked: (node: HomeNode) => boolean;
  /** Resolves when there is a link. */
  readonly dial: (node: HomeNode, signal: AbortSignal) => Promise<void>;
}

export class Dialing {
  readonly #deps: DialingDeps;
  readonly #options: DialingOptions;
  /** By node. */
  readonly #redials = new Map<string, Redial>();
  readonly #underWay = new Set<string>();
  #wake: () => void = () => undefined;

  constructor(deps: DialingDeps, options: DialingOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Who there is, or who is linked, has changed. */
  wake(): void {
    this.#wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const stopped = untilAborted(signal);
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const waitMs = this.#dialDue(signal);
      const timer = new AbortController();
      const slept =
        waitMs === undefined
          ? stopped
          : clock.sleep(waitMs, AbortSignal.any([signal, timer.signal])).catch(() => undefined); // woken first
      await Promise.race([slept, woken]);
      timer.abort();
    }
  }

  /** Dials who is due; says when the next is, undefined: when something changes. */
  #dialDue(signal: AbortSignal): number | undefined {
    const now = this.#deps.clock.monotonic();
    let next: number | undefined;
    for (const node of this.#options.others()) {
      const redial = this.#lookAt(node, now);
      this.#redials.set(node.name, redial);
      if (redial.linkedAt !== undefined || this.#underWay.has(node.name)) continue;
      if (redial.dueAt <= now) void this.#try(node, signal);
      else next = Math.min(next ?? Number.POSITIVE_INFINITY, redial.dueAt - now);
    }
    return next;
  }

  /** What is known of a node, with what has become of its link since. */
  #lookAt(node: HomeNode, now: number): Redial {
    const { isFirst, isLinked } = this.#options;
    const before = this.#redials.get(node.name) ?? firstDial(now);
    const wasLinked = before.linkedAt !== undefined;
    if (isLinked(node)) return wasLinked ? before : afterLinking(before, now);
    return wasLinked ? afterLink(before, now, isFirst(node), this.#deps.prng.next()) : before;
  }

  async #try(node: HomeNode, signal: AbortSignal): Promise<void> {
    const { clock, log, prng } = this.#deps;
    this.#underWay.add(node.name);
    let outcome = afterLinking;
    try {
      await this.#options.dial(node, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof CodedError)) log.error({ error, node: node.name }, 'dialing another node failed');
      else log.debug({ error, node: node.name }, 'another node was not reached');
      outcome = (redial, now) => afterFailure(redial, now, prng.next());
    } finally {
      this.#underWay.delete(node.name);
      const now = clock.monotonic();
      this.#redials.set(node.name, outcome(this.#redials.get(node.name) ?? firstDial(now), now));
      this.#wake();
    }
  }
}
