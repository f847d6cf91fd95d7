/**
 * The network between simulated homes: calls are late, overtake each other, come twice, get lost on the way there or back,
 * and find the other end cut off or down.
 */
import { abortable, type Clock, type Prng } from '../base/index.ts';
import { FederationError, type FederationLink, type FederationService } from '../federation/index.ts';
import { type Address, type HomeName, homeOf } from '../protocol/index.ts';

export interface NetworkTroubles {
  /** Probability that a request, or an answer, is lost. */
  readonly loss: number;
  /** Probability that a request comes twice. */
  readonly duplication: number;
  /** A way takes 1 ms to this. */
  readonly delayMs: number;
}

export const NO_TROUBLES: NetworkTroubles = { loss: 0, duplication: 0, delayMs: 50 };
/** After which a caller gives up; long against every delay. */
const PATIENCE_MS = 15_000;

export class FederationNetwork {
  troubles: NetworkTroubles = NO_TROUBLES;
  readonly #clock: Clock;
  readonly #prng: Prng;
  readonly #services = new Map<HomeName, FederationService>();
  readonly #sides = new Map<HomeName, number>();
  calls = 0;

  constructor(clock: Clock, prng: Prng) {
    this.#clock = clock;
    this.#prng = prng;
  }

  attach(home: HomeName, service: FederationService | undefined): void {
    if (service === undefined) this.#services.delete(home);
    else this.#services.set(home, service);
  }

  /** Homes of different sides do not reach each other. */
  partition(sides: ReadonlyMap<HomeName, number>): void {
    this.#sides.clear();
    for (const [home, side] of sides) this.#sides.set(home, side);
  }

  link(origin: HomeName): FederationLink {
    const to = <Answer>(home: HomeName, signal: AbortSignal, ask: (service: FederationService) => Promise<Answer>) =>
      abortable(this.#call(origin, home, ask), signal);
    return {
      send: (home, txn, body, signal) => to(home, signal, (other) => other.send(origin, txn, body, signal)),
      pull: (home, feed, after, signal) => to(home, signal, (other) => other.pull(origin, feed, after)),
      pdus: (home, ids, signal) => to(home, signal, (other) => other.pdus(origin, ids)),
      state: (home, conversation, after, signal) =>
        to(home, signal, (other) => other.state(origin, conversation, after)),
      backfill: (home, conversation, from, limit, signal) =>
        to(home, signal, (other) => other.backfill(origin, conversation, from, limit)),
      account: (address: Address, after, signal) =>
        to(homeOf(address), signal, (other) => other.account(address, after)),
      keyLog: (home, after, signal) => to(home, signal, (other) => other.keyLog(after)),
      blob: (home, list, number, signal) => to(home, signal, (other) => other.blob(origin, list, number)),
    };
  }

  async #call<Answer>(
    origin: HomeName,
    destination: HomeName,
    ask: (service: FederationService) => Promise<Answer>,
  ): Promise<Answer> {
    this.calls += 1;
    const { loss, duplication } = this.troubles;
    await this.#way();
    const service = this.#reach(origin, destination);
    if (this.#prng.next() < loss) return this.#silence(destination);
    service.contact(origin);
    const twice = this.#prng.next() < duplication ? ask(service) : undefined;
    const [answer] = await Promise.allSettled([ask(service), twice]);
    await this.#way();
    if (this.#prng.next() < loss) return this.#silence(destination);
    // Who answered may have crashed since.
    if (this.#reach(origin, destination) !== service) return this.#silence(destination);
    if (answer.status === 'rejected') throw answer.reason;
    return answer.value;
  }

  #reach(origin: HomeName, destination: HomeName): FederationService {
    const service = this.#services.get(destination);
    if (service === undefined || this.#sides.get(origin) !== this.#sides.get(destination))
      throw new FederationError('unreachable', `${destination} does not answer`, { retry: 'later' });
    return service;
  }

  async #silence(destination: HomeName): Promise<never> {
    await this.#clock.sleep(PATIENCE_MS);
    throw new FederationError('timeout', `no answer from ${destination}`, { retry: 'later' });
  }

  #way(): Promise<void> {
    return this.#clock.sleep(1 + this.#prng.below(this.troubles.delayMs));
  }
}
