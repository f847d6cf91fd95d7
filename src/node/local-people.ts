/**
 * The people of this home, as every door asks for them: clients, other homes, ordinary mail. Nobody is told that somebody is
 * not there while this node may only not have heard of them yet.
 */
import { type Admission, type Arrival, FederationError, type LocalPeople } from '../federation/index.ts';
import { type AccountDocument, type Address, type FeedId, isDoorAddress } from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import type { Accounts } from './accounts.ts';
import type { CatchUp } from './fleet/index.ts';
import { headKey } from './view-keys.ts';
import { decodeMailboxState } from './view-rows.ts';

export interface HomePeopleDeps {
  readonly accounts: Accounts;
  readonly catchUp: Pick<CatchUp, 'of'>;
  readonly store: Store;
  readonly feeds: { readonly all: ReadonlyMap<FeedId, unknown> };
}

/** Whom mail can be for. */
export interface Recipients {
  /** Those who take mail. */
  readonly people: ReadonlySet<Address>;
  /** Those who may be somebody: nobody can tell now. All others are nobody. */
  readonly uncertain: ReadonlySet<Address>;
}

export class HomePeople implements LocalPeople {
  readonly #deps: HomePeopleDeps;
  readonly #quotaBytes: number;

  constructor(deps: HomePeopleDeps, options: { readonly quotaBytes: number }) {
    this.#deps = deps;
    this.#quotaBytes = options.quotaBytes;
  }

  async find(addresses: readonly Address[]): Promise<Recipients> {
    const accounts = await this.#here(addresses);
    const lacking = addresses.filter((address) => !accounts.has(address) && !isDoorAddress(address));
    const uncertain = new Set(lacking);
    if (lacking.length > 0) {
      for (const address of await this.#deps.catchUp.of(lacking)) uncertain.delete(address);
      for (const [address, account] of await this.#here(lacking)) {
        accounts.set(address, account);
        uncertain.delete(address);
      }
    }
    const takes = (address: Address): boolean => {
      const isHere = accounts.get(address)?.closed === false && !isDoorAddress(address);
      return isHere && this.#deps.accounts.settingsOf(address).banned !== true;
    };
    return { people: new Set(addresses.filter(takes)), uncertain };
  }

  async admit(arrivals: readonly Arrival[]): Promise<readonly Admission[]> {
    const { accounts } = this.#deps;
    const { people, uncertain } = await this.find([...new Set(arrivals.map(({ address }) => address))]);
    const bytes = await this.#heldBytes([...people]);
    return arrivals.map(({ address, sizeBytes }): Admission => {
      const held = bytes.get(address);
      if (held === undefined) return uncertain.has(address) ? 'uncertain' : 'unknown_recipient';
      if (held + sizeBytes > (accounts.settingsOf(address).quotaBytes ?? this.#quotaBytes)) return 'over_quota';
      bytes.set(address, held + sizeBytes);
      return 'ok';
    });
  }

  async deviceKeys(address: Address): Promise<readonly Uint8Array[] | undefined> {
    const account = await this.#deps.accounts.find(address);
    return account === undefined ? undefined : [...account.devices, ...account.revoked].map(({ key }) => key);
  }

  async catchUp(address: Address): Promise<void> {
    if ((await this.#deps.catchUp.of([address])).has(address)) return;
    throw new FederationError('unavailable', `this node cannot tell now what its home has of ${address}`, {
      retry: 'later',
      details: { verdict: 'home' },
    });
  }

  /** Who asks for what follows version `after` knows that one: this node lacks it only for now. */
  async documents(address: Address, after: number): Promise<readonly Uint8Array[]> {
    const { accounts } = this.#deps;
    const account = await accounts.find(address);
    if (account === undefined || account.version < after) await this.catchUp(address);
    return accounts.chain(address, after);
  }

  /** What mail to the account is encrypted to; undefined: nobody of that name takes mail. Throws FederationError `unavailable`. */
  async certificate(address: Address): Promise<Uint8Array | undefined> {
    const { accounts } = this.#deps;
    if ((await accounts.find(address)) === undefined) await this.catchUp(address);
    return accounts.certificate(address);
  }

  async #here(addresses: readonly Address[]): Promise<Map<Address, AccountDocument>> {
    const { accounts } = this.#deps;
    const found = await Promise.all(addresses.map(async (address) => accounts.peek(address) ?? accounts.find(address)));
    return new Map(addresses.flatMap((address, i) => (found[i] === undefined ? [] : [[address, found[i]] as const])));
  }

  /** In one read: a transaction brings mail for fifty. */
  async #heldBytes(addresses: readonly Address[]): Promise<Map<Address, number>> {
    const feeds = [...this.#deps.feeds.all.keys()];
    const rows = await this.#deps.store.getMany(
      addresses.flatMap((address) => feeds.map((feed) => headKey(address, feed))),
    );
    const bytes = new Map<Address, number>();
    for (const [i, address] of addresses.entries()) {
      const heads = rows.slice(i * feeds.length, (i + 1) * feeds.length);
      bytes.set(
        address,
        heads.reduce((sum, head) => sum + (head === undefined ? 0 : decodeMailboxState(head).heldBytes), 0),
      );
    }
    return bytes;
  }
}
