/**
 * The line to the hub: watches for changes, says how it is, comes back by itself. A request that the hub did not get is made
 * again when it can be reached; so requests that change things must be such that twice is once.
 */
import { Connection } from '../jmap/connection.ts';
import type { Login } from '../jmap/login.ts';
import type { Session } from '../jmap/objects.ts';
import { isPassing, Refusal } from '../jmap/refusal.ts';

const WAIT_FIRST_MS = 500;
const WAIT_MAX_MS = 20_000;
/** Of a wait, how much is left to chance: what failed together does not come back together. */
const WAIT_CHANCE = 0.5;
/** A hub that is in the middle of something tells many changes at once. */
const CHANGES_GATHER_MS = 60;
/** How often it is looked whether the device has slept, and how long a look that came too late may be. */
const WAKE_LOOK_MS = 10_000;
const SLEPT_MS = 30_000;
/** In a window out of sight, whose timers browsers let go once a minute. */
const SLEPT_HIDDEN_MS = 65_000;

export type LineState = 'opening' | 'live' | 'offline' | 'unreachable';

export class Line {
  state = $state<LineState>('opening');
  /** When the next attempt is made. */
  retryAt = $state<number>();
  readonly #login: Login;
  readonly #closing = new AbortController();
  readonly #onSignedOut: () => void;
  readonly #onChange = new Set<() => Promise<unknown>>();
  #connection: Connection | undefined;
  #kept: Session | undefined;
  #onFirstFailure: () => void = () => undefined;
  readonly #waiting = new Set<() => void>();
  #hurry: (() => void) | undefined;
  #watching: AbortController | undefined;
  #changeTimer: ReturnType<typeof setTimeout> | undefined;
  #hasChanged = false;

  constructor(login: Login, onSignedOut: () => void) {
    this.#login = login;
    this.#onSignedOut = onSignedOut;
  }

  /** Who the hub says that somebody is, and which accounts they have: as it said last. */
  get session(): Session {
    const session = this.#connection?.session ?? this.#kept;
    if (session === undefined) throw new Error('the line was never open');
    return session;
  }

  /** Asks again: an account was added, or has gone. */
  async renew(): Promise<void> {
    this.#connection = await this.attempt(() => Connection.open(this.#login, this.#closing.signal));
  }

  /**
   * Resolves with the first connection, and goes on watching. With a session of before in this window it resolves without
   * one too, when the hub cannot be reached.
   */
  async open(kept: Session | undefined): Promise<void> {
    this.#kept = kept;
    const { signal } = this.#closing;
    // What looks like a line when the network goes is none: a stream would not notice for long.
    for (const name of ['online', 'offline']) window.addEventListener(name, () => this.#recheck(), { signal });
    // The service worker was woken for what waits to be sent.
    navigator.serviceWorker?.addEventListener('message', ({ data }) => data === 'sync' && this.#recheck(), { signal });
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.hurry(), {
      signal,
    });
    this.#lookForSleep(signal);
    const first = new Promise<void>((resolve) => {
      this.#waiting.add(resolve);
      if (kept !== undefined) this.#onFirstFailure = resolve;
    });
    this.#run().catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    await first;
  }

  /** It is told of later changes when it has looked at the one before. */
  onChange(listen: () => Promise<unknown>): void {
    this.#onChange.add(listen);
  }

  /** Tries now what would be tried later. */
  hurry(): void {
    this.#hurry?.();
  }

  /** What looks like a line may be none any more: it is opened anew, and asked what has changed. */
  #recheck(): void {
    this.hurry();
    this.#watching?.abort(new DOMException('looked at again', 'AbortError'));
  }

  /** A timer that comes much too late has slept with the device. */
  #lookForSleep(signal: AbortSignal): void {
    let last = Date.now();
    const timer = setInterval(() => {
      const now = Date.now();
      const lateMs = document.visibilityState === 'hidden' ? SLEPT_HIDDEN_MS : SLEPT_MS;
      if (now - last > WAKE_LOOK_MS + lateMs) this.#recheck();
      last = now;
    }, WAKE_LOOK_MS);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  close(): void {
    this.#closing.abort(new DOMException('signed out', 'AbortError'));
  }

  /**
   * Does it until the hub has answered, more and more seldom. What comes after the person has left is nobody's: the window
   * keeps nothing of it.
   */
  async attempt<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result> {
    for (let wait = WAIT_FIRST_MS; ; wait = Math.min(WAIT_MAX_MS, wait * 2)) {
      try {
        this.#closing.signal.throwIfAborted();
        if (this.#connection !== undefined) {
          const result = await work(this.#connection);
          this.#closing.signal.throwIfAborted();
          return result;
        }
        await this.#untilWell(wait);
      } catch (error) {
        if (error instanceof Refusal && error.status === 401) this.#signOut();
        if (!isPassing(error) || this.#closing.signal.aborted) throw error;
        await this.#untilWell(waitAfter(error, wait));
      }
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    for (let wait = WAIT_FIRST_MS; !signal.aborted; wait = Math.min(WAIT_MAX_MS, wait * 2)) {
      let isLive = false;
      const watching = new AbortController();
      this.#watching = watching;
      const either = AbortSignal.any([signal, watching.signal]);
      try {
        this.#connection = await Connection.open(this.#login, either);
        await this.#connection.watch(
          () => {
            isLive = true;
            this.#live();
          },
          () => this.#changed(),
          either,
        );
      } catch (error) {
        if (signal.aborted) return;
        if (watching.signal.aborted) {
          wait = WAIT_FIRST_MS;
          continue;
        }
        if (error instanceof Refusal && error.status === 401) {
          this.#signOut();
          return;
        }
        if (!isPassing(error)) console.error(error);
        if (isLive) wait = WAIT_FIRST_MS;
        await this.#rest(waitAfter(error, wait));
      }
    }
  }

  #live(): void {
    this.state = 'live';
    this.retryAt = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const go of waiting) go();
    this.#changed();
  }

  #changed(): void {
    this.#hasChanged = true;
    this.#changeTimer ??= setTimeout(() => void this.#tell(), CHANGES_GATHER_MS);
  }

  /** One look after another: where much changes and the line is slow, they would be more and more at once. */
  async #tell(): Promise<void> {
    // Whoever has signed out since is told nothing: their window would keep it.
    if (this.#closing.signal.aborted) return;
    this.#hasChanged = false;
    await Promise.allSettled([...this.#onChange].map((listen) => listen()));
    this.#changeTimer = undefined;
    if (this.#hasChanged) this.#changed();
  }

  /** Once: an answer that comes late says nothing of whoever has signed in since. */
  #signOut(): void {
    if (this.#closing.signal.aborted) return;
    this.close();
    this.#onSignedOut();
  }

  /** Until the line is open again; where it is open, and only a request was lost or refused for now, at most so long. */
  async #untilWell(waitMs: number): Promise<void> {
    this.hurry();
    await new Promise<void>((resolve) => {
      const timer = this.state === 'live' ? setTimeout(() => go(), waitMs) : undefined;
      const go = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(go);
        resolve();
      };
      this.#waiting.add(go);
    });
  }

  async #rest(waitMs: number): Promise<void> {
    this.state = navigator.onLine ? 'unreachable' : 'offline';
    this.retryAt = Date.now() + waitMs;
    this.#onFirstFailure();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#hurry = undefined;
  }
}

/** As the hub asks for; at least as long as it was waited for without that. */
function waitAfter(error: unknown, waitMs: number): number {
  const asked = error instanceof Refusal ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(asked, waitMs) * (1 + WAIT_CHANCE * Math.random());
}
