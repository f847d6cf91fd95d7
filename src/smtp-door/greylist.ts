/**
 * Who has never written before, from a network whose domain does not vouch for it (no SPF pass), is asked to come again
 * (RFC 6647): mail servers do, programs that only send junk do not. In memory: after a restart they are asked once more.
 */
import { type Clock, createBoundedCache } from '../base/index.ts';
import type { Remote } from '../node/index.ts';
import { GREYLIST_FIRST_MS, GREYLIST_KEPT_MS, GREYLIST_RETRY_MS, GREYLISTED_MAX } from './limits.ts';

export class Greylist {
  readonly #clock: Clock;
  /** When a network was here last, of those that came again. */
  readonly #known = createBoundedCache<string, number>(GREYLISTED_MAX);
  /** When an envelope came first. */
  readonly #waiting = createBoundedCache<string, number>(GREYLISTED_MAX);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False: it is to come again later. This machine, which relays for many, is not asked. */
  lets(remote: Remote, sender: string, recipient: string): boolean {
    if (remote === undefined) return true;
    const now = this.#clock.monotonic();
    const network = networkOf(remote);
    const seenAt = this.#known.get(network);
    if (seenAt !== undefined && now - seenAt < GREYLIST_KEPT_MS) {
      this.#known.set(network, now);
      return true;
    }
    const envelope = JSON.stringify([network, sender.toLowerCase(), recipient.toLowerCase()]);
    const firstAt = this.#waiting.get(envelope);
    if (firstAt === undefined || now - firstAt > GREYLIST_RETRY_MS) {
      this.#waiting.set(envelope, now);
      return false;
    }
    if (now - firstAt < GREYLIST_FIRST_MS) return false;
    this.#waiting.delete(envelope);
    this.#known.set(network, now);
    return true;
  }
}

/** Large senders come again from a neighbour: of IPv4 24 bits count; of IPv6 it is 64 already. */
function networkOf(remote: string): string {
  return remote.replace(/^(\d+\.\d+\.\d+)\.\d+$/, '$1.0/24');
}
