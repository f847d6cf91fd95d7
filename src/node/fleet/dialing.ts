/**
 * Keeps a link to each other node. Who has just started dials everybody; after a cut one of the two dials at once, and the
 * other only when that does not come.
 */
import { type Clock, CodedError, type Log } from '../../base/index.ts';
import type { HomeNode } from '../../protocol/index.ts';
import { REDIAL_MAX_MS, REDIAL_MIN_MS, SECOND_DIALER_MS } from './limits.ts';

export interface DialingOptions {
  /** Whether this node dials first of the two. */
  readonly isFirst: (node: HomeNode) => boolean;
  readonly others: () => readonly HomeNode[];
  readonly isLinked: (node: HomeNode) => boolean;
  /** Resolves when there is a link. */
  readonly dial: (node: HomeNode, signal: AbortSignal) => Promise<void>;
}

interface Attempt {
  /** Monotonic. */
  dueAt: number;
  failures: number;
  isUnderWay: boolean;
}

export class Dialing {
  readonly #deps: { readonly clock: Clock; readonly log: Log };
  readonly #options: DialingOptions;
  readonly #attempts = new Map<string, Attempt>();
  readonly #linkedOnce = new Set<string>();
  #wake: () => void = () => undefined;

  constructor(deps: { readonly clock: Clock; readonly log: Log }, options: DialingOptions) {
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
      if (this.#options.isLinked(node)) {
        this.#attempts.delete(node.name);
        this.#linkedOnce.add(node.name);
        continue;
      }
      const attempt = this.#attempts.get(node.name) ?? this.#first(node, now);
      this.#attempts.set(node.name, attempt);
      if (attempt.isUnderWay) continue;
      if (attempt.dueAt <= now) void this.#try(node, attempt, signal);
      else next = Math.min(next ?? Number.POSITIVE_INFINITY, attempt.dueAt - now);
    }
    return next;
  }

  #first(node: HomeNode, now: number): Attempt {
    const isDue = this.#options.isFirst(node) || !this.#linkedOnce.has(node.name);
    const dueAt = isDue ? now : now + SECOND_DIALER_MS;
    return { dueAt, failures: 0, isUnderWay: false };
  }

  async #try(node: HomeNode, attempt: Attempt, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    attempt.isUnderWay = true;
    try {
      await this.#options.dial(node, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof CodedError)) log.error({ error, node: node.name }, 'dialing another node failed');
      else log.debug({ error, node: node.name }, 'another node was not reached');
      attempt.failures += 1;
    } finally {
      attempt.isUnderWay = false;
      attempt.dueAt = clock.monotonic() + Math.min(REDIAL_MAX_MS, REDIAL_MIN_MS * 2 ** attempt.failures);
      this.#wake();
    }
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
