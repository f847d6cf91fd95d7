/**
 * Who is at the door, by the network they come from: how many connections at once, how many messages in how much time. This
 * machine itself is not counted, since all behind a proxy or a relay on it come from one address.
 */
import { type Clock, createBoundedCache } from '../base/index.ts';
import { type Remote, TokenBucket } from '../node/index.ts';
import { CONNECTIONS_PER_REMOTE_MAX, MESSAGE_BURST, MESSAGE_INTERVAL_MS, REMOTES_REMEMBERED } from './limits.ts';

export class Senders {
  readonly #clock: Clock;
  readonly #connections = new Map<string, Set<string>>();
  readonly #messages = createBoundedCache<string, TokenBucket>(REMOTES_REMEMBERED);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False: this network has enough connections. */
  connect(remote: Remote, session: string): boolean {
    if (remote === undefined) return true;
    const sessions = this.#connections.get(remote) ?? new Set();
    if (sessions.size >= CONNECTIONS_PER_REMOTE_MAX) return false;
    this.#connections.set(remote, sessions.add(session));
    return true;
  }

  /** Of a session that was never let in, too. */
  disconnect(remote: Remote, session: string): void {
    const sessions = remote === undefined ? undefined : this.#connections.get(remote);
    if (remote === undefined || sessions === undefined) return;
    sessions.delete(session);
    if (sessions.size === 0) this.#connections.delete(remote);
  }

  /** False: this network has sent enough for now. */
  takesMessage(remote: Remote): boolean {
    if (remote === undefined) return true;
    const now = this.#clock.monotonic();
    let bucket = this.#messages.get(remote);
    if (bucket === undefined) {
      bucket = new TokenBucket(MESSAGE_INTERVAL_MS, MESSAGE_BURST, now);
      this.#messages.set(remote, bucket);
    }
    return bucket.take(now).taken;
  }
}
