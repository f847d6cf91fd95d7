/** A person's client in front of a fleet: it dials any node that runs and is not out of its reach. */
import { createMemorySocketPair, DialError, type Dialer, SeededPrng, SILENT_LOG } from '../../src/base/index.ts';
import { Client, type ClientOptions, type Created, createAccount, type SetupDeps } from '../../src/client/index.ts';
import { MemoryStore, type Store } from '../../src/store/index.ts';
import { InThreadBodyWorker } from '../../src/vault/index.ts';
import { never, PASSWORD } from './client-world.ts';
import type { FleetWorld } from './fleet-world.ts';

export class FleetClients {
  readonly #world: FleetWorld;
  /** Names of nodes that no client reaches. */
  readonly out = new Set<string>();

  constructor(world: FleetWorld) {
    this.#world = world;
  }

  readonly dialer: Dialer = {
    dial: async (url) => {
      const name = new URL(url).hostname.split('.')[0] ?? '';
      const core = this.#world.nodes.get(name)?.core;
      if (core === undefined || this.out.has(name)) throw new DialError('unreachable', `${url} is away`);
      const [ours, theirs] = createMemorySocketPair();
      void core.serve(theirs, undefined);
      return ours;
    },
  };

  async createAccount(name: string, at: string): Promise<{ readonly store: Store; readonly created: Created }> {
    const store = new MemoryStore();
    const nodeUrl = `ws://${at}.home.example/client`;
    const account = { address: this.#world.address(name), nodeUrl, password: PASSWORD, invite: '', deviceName: 'one' };
    const created = await this.#world.moving(createAccount(this.#deps(store), account, never));
    return { store, created };
  }

  async open(
    { created, store }: { readonly store: Store; readonly created: Created },
    at: string,
    changes: Partial<ClientOptions> = {},
  ): Promise<Client> {
    const { clock, random } = this.#world;
    return Client.open(
      {
        ...this.#deps(store),
        prng: new SeededPrng(3),
        openVault: async (secrets) => new InThreadBodyWorker({ clock, random }, { secrets }),
        saveProfile: async () => undefined,
      },
      { profile: created.profile, nodeUrl: `ws://${at}.home.example/client`, autoConnect: false, ...changes },
    );
  }

  #deps(store: Store): SetupDeps {
    const { clock, random, suite } = this.#world;

    return { clock, random, suite, dialer: this.dialer, log: SILENT_LOG, store };
  }
}
