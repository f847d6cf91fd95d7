/** The people of this home, as federation asks for them. */
import type { Admission, Arrival, LocalPeople } from '../federation/index.ts';
import { type Address, type FeedId, isDoorAddress } from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import type { Accounts } from './accounts.ts';
import { headKey } from './view-keys.ts';
import { decodeMailboxState } from './view-rows.ts';

export interface HomePeopleDeps {
  readonly accounts: Accounts;
  readonly store: Store;
  readonly feeds: { readonly all: ReadonlyMap<FeedId, unknown> };
}

export class HomePeople implements LocalPeople {
  readonly #deps: HomePeopleDeps;
  readonly #quotaBytes: number;

  constructor(deps: HomePeopleDeps, options: { readonly quotaBytes: number }) {
    this.#deps = deps;
    this.#quotaBytes = options.quotaBytes;
  }

  async admit(arrivals: readonly Arrival[]): Promise<readonly Admission[]> {
    const { accounts } = this.#deps;
    const addresses = [...new Set(arrivals.map(({ address }) => address))];
    const known = await Promise.all(addresses.map(async (address) => accounts.peek(address) ?? accounts.find(address)));
    const people = addresses.filter((address, i) => {
      const account = known[i];
      if (account === undefined || account.closed || isDoorAddress(address)) return false;
      return accounts.settingsOf(address).banned !== true;
    });
    const bytes = await this.#heldBytes(people);
    return arrivals.map(({ address, sizeBytes }): Admission => {
      const held = bytes.get(address);
      if (held === undefined) return 'unknown_recipient';
      if (held + sizeBytes > (accounts.settingsOf(address).quotaBytes ?? this.#quotaBytes)) return 'over_quota';
      bytes.set(address, held + sizeBytes);
      return 'ok';
    });
  }

  async deviceKeys(address: Address): Promise<readonly Uint8Array[] | undefined> {
    const account = await this.#deps.accounts.find(address);
    return account === undefined ? undefined : [...account.devices, ...account.revoked].map(({ key }) => key);
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

  documents(address: Address, after: number): Promise<readonly Uint8Array[]> {
    return this.#deps.accounts.chain(address, after);
  }
}
