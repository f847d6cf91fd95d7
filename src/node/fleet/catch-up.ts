/**
 * Whether a node has what its home has of some accounts. All chains grow at the registrar, and come from there as everything
 * does, a moment or an outage later. That an account or a device of it is *not here* therefore says nothing yet: before
 * anybody is refused for good, the registrar is asked, and what it has more is waited for. Whoever cannot be told for
 * certain is told to come again.
 *
 * An answer is not kept: the account may be made a moment after it. What is here already costs no question.
 */
import type { Clock } from '../../base/index.ts';
import type { Address } from '../../protocol/index.ts';
import type { Accounts } from '../accounts.ts';
import { TokenBucket } from '../token-bucket.ts';
import type { Fleet } from './fleet.ts';
import { FleetError } from './fleet-error.ts';
import { VERSIONS_ASKED_MAX, VERSIONS_BURST, VERSIONS_INTERVAL_MS } from './limits.ts';
import { parseAnswer } from './requests.ts';

export interface CatchUpDeps {
  readonly clock: Clock;
  readonly accounts: Pick<Accounts, 'find'>;
  readonly fleet: Pick<Fleet, 'askRegistrar' | 'isReady' | 'membership' | 'waits'>;
}

export class CatchUp {
  readonly #deps: CatchUpDeps;
  readonly #questions: TokenBucket;

  constructor(deps: CatchUpDeps) {
    this.#deps = deps;
    this.#questions = new TokenBucket(VERSIONS_INTERVAL_MS, VERSIONS_BURST, deps.clock.monotonic());
  }

  /**
   * Those of which everything that the home had when this was asked is here now: who is not here then is nobody. The others
   * may be somebody.
   */
  async of(addresses: readonly Address[]): Promise<ReadonlySet<Address>> {
    const { membership, isReady } = this.#deps.fleet;
    if (membership.isRegistrar) return new Set(membership.mayActAsRegistrar && isReady ? addresses : []);
    const current = new Set<Address>();
    for (let from = 0; from < addresses.length; from += VERSIONS_ASKED_MAX)
      for (const address of await this.#ask(addresses.slice(from, from + VERSIONS_ASKED_MAX))) current.add(address);
    return current;
  }

  async #ask(addresses: readonly Address[]): Promise<readonly Address[]> {
    const { accounts, clock, fleet } = this.#deps;
    if (!this.#questions.take(clock.monotonic()).taken) return [];
    let versions: readonly number[];
    try {
      ({ versions } = parseAnswer('versions', await fleet.askRegistrar('versions', { addresses })));
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      return []; // it is away, or does not know itself
    }
    const lacking = async (): Promise<ReadonlySet<Address>> => {
      const here = await Promise.all(addresses.map((address) => versionOf(accounts, address)));
      return new Set(addresses.filter((_, i) => (here[i] ?? 0) < (versions[i] ?? Number.POSITIVE_INFINITY)));
    };
    await fleet.waits.untilHere(async () => (await lacking()).size === 0);
    const late = await lacking();
    return addresses.filter((address) => !late.has(address));
  }
}

/** How far the chain of an address goes here; 0: there is none. */
export async function versionOf(accounts: Pick<Accounts, 'find'>, address: Address): Promise<number> {
  return (await accounts.find(address))?.version ?? 0;
}
