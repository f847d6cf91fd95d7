/** The people of this home, as federation asks for them. */
import type { Admission, LocalPeople } from '../federation/index.ts';
import type { Address } from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import type { Accounts } from './accounts.ts';

export interface HomePeopleDeps {
  readonly accounts: Accounts;
  readonly store: Store;
}

export class HomePeople implements LocalPeople {
  readonly #deps: HomePeopleDeps;
  readonly #quotaBytes: number;

  constructor(deps: HomePeopleDeps, options: { readonly quotaBytes: number }) {
    this.#deps = deps;
    this.#quotaBytes = options.quotaBytes;
  }

  async admits(address: Address, sizeBytes: number): Promise<Admission> {
    const { accounts, store } = this.#deps;
    const account = accounts.peek(address) ?? (await accounts.find(address));
    const settings = accounts.settingsOf(address);
    if (account === undefined || account.closed || settings.banned === true) return 'unknown_recipient';
    const { bytes } = await accounts.heldBytes(store, address);
    return bytes + sizeBytes > (settings.quotaBytes ?? this.#quotaBytes) ? 'over_quota' : 'ok';
  }

  async deviceKeys(address: Address): Promise<readonly Uint8Array[] | undefined> {
    const account = await this.#deps.accounts.find(address);
    return account === undefined ? undefined : [...account.devices, ...account.revoked].map(({ key }) => key);
  }

  documents(address: Address, after: number): Promise<readonly Uint8Array[]> {
    return this.#deps.accounts.chain(address, after);
  }
}
