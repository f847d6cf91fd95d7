/** The nodes a person may use, as they see and change them: what they decide is kept, and node choice hears of it. */
import { type Clock, isAbort, type Log } from '../../base/index.ts';
import type { Store } from '../../store/index.ts';
import { type NodeChoice, PING_LIMIT_MS } from '../choice/index.ts';
import type { HomePin } from '../contacts/home-pin.ts';
import {
  addOwnNode,
  changeFleet,
  DEFAULT_SETTINGS,
  type Directory,
  type DirectorySettings,
  decodeSettings,
  encodeSettings,
  type Fleets,
  findNode,
  mergeDirectory,
  type NodeSource,
  pinNode,
  removeOwnNode,
  unpinNode,
} from '../directory/index.ts';
import { SETTINGS_KEY } from '../keys.ts';
import type { NodeLink } from './node-link.ts';
import type { NodeNetwork } from './node-network.ts';

export interface NodesDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly home: HomePin;
  readonly network: NodeNetwork;
}

export interface NodesOptions {
  readonly fleets: Fleets;
  /** Where the account was made or joined: used as long as the home document names no node there. */
  readonly nodeUrl: string;
}

export interface NodeInfo {
  readonly name: string;
  readonly url: string;
  readonly source: NodeSource;
  readonly state: 'disconnected' | 'connecting' | 'connected';
  readonly rttMs: number | undefined;
  readonly pinned: boolean;
  /** 0 to 1. */
  readonly score: number;
}

export interface Pinged {
  readonly name: string;
  readonly url: string;
  /** Undefined: no answer in time. */
  readonly rttMs: number | undefined;
}

/** The name of the node that `nodeUrl` leads to. */
const FIRST_NODE = 'first';

export class Nodes {
  readonly #deps: NodesDeps;
  readonly #options: NodesOptions;
  #settings: DirectorySettings;
  readonly #away = new Set<string>();
  #choice: NodeChoice<NodeLink> | undefined;

  private constructor(deps: NodesDeps, options: NodesOptions, settings: DirectorySettings) {
    this.#deps = deps;
    this.#options = options;
    this.#settings = settings;
  }

  static async open(deps: NodesDeps, options: NodesOptions): Promise<Nodes> {
    const row = await deps.store.get(SETTINGS_KEY);
    return new Nodes(deps, options, row === undefined ? DEFAULT_SETTINGS : decodeSettings(row));
  }

  /** The choice that is to hear of changes. */
  attach(choice: NodeChoice<NodeLink>): void {
    this.#choice = choice;
  }

  get directory(): Directory {
    return this.#merge(this.#settings);
  }

  /** Those that did not answer when they were asked last. */
  get away(): ReadonlySet<string> {
    return this.#away;
  }

  heard(name: string, hasAnswered: boolean): void {
    if (hasAnswered) this.#away.delete(name);
    else this.#away.add(name);
  }

  get pinned(): string | undefined {
    return this.#settings.pinned;
  }

  /** The fleets that there are, and the one in use. */
  get fleets(): { readonly names: readonly string[]; readonly current: string } {
    const { fleet, fleets } = this.directory;
    return { names: fleets, current: fleet };
  }

  /** The home document may have changed. */
  refresh(): void {
    this.#choice?.setDirectory(this.directory);
  }

  list(): readonly NodeInfo[] {
    const views = new Map(this.#choice?.view.nodes.map((view) => [view.name, view]));
    return this.directory.nodes.map(({ name, urls, source }) => {
      const view = views.get(name);
      return {
        name,
        url: urls[0],
        source,
        state: view?.state ?? 'disconnected',
        rttMs: view?.rttMs,
        pinned: this.#settings.pinned === name,
        score: view?.score ?? 1,
      };
    });
  }

  /** Asks every node now. */
  async ping(signal: AbortSignal): Promise<readonly Pinged[]> {
    return Promise.all(
      this.directory.nodes.map(async (node): Promise<Pinged> => {
        const limit = new AbortController();
        const either = AbortSignal.any([signal, limit.signal]);
        const timer = this.#deps.clock.sleep(PING_LIMIT_MS, either).then(
          () => limit.abort(),
          () => undefined, // answered, or no longer wanted
        );
        let rttMs: number | undefined;
        try {
          rttMs = (await this.#deps.network.ping(node, either)).rttMs;
        } catch (error) {
          if (isAbort(error, signal)) throw error;
          this.#deps.log.debug({ err: error, node: node.name }, 'a ping had no answer');
        }
        limit.abort();
        await timer;
        return { name: node.name, url: node.urls[0], rttMs };
      }),
    );
  }

  /** Throws DirectoryError `unknown_node`. */
  async pin(name: string): Promise<void> {
    await this.#change(pinNode(this.#settings, this.directory, name));
    this.#choice?.pin(name);
  }

  async unpin(): Promise<void> {
    await this.#change(unpinNode(this.#settings));
    this.#choice?.unpin();
  }

  /** `address` is a URL or a multiaddr, `key` base64. Throws DirectoryError. */
  async add(name: string, address: string, key: string | undefined): Promise<void> {
    await this.#change(addOwnNode(this.#settings, { name, address, key }));
  }

  /** Throws DirectoryError `unknown_node`. */
  async remove(name: string): Promise<void> {
    const wasPinned = this.#settings.pinned === name;
    await this.#change(removeOwnNode(this.#settings, name));
    if (wasPinned) this.#choice?.unpin();
  }

  /** Throws DirectoryError `unknown_fleet`. */
  async useFleet(name: string): Promise<void> {
    await this.#change(changeFleet(this.#settings, this.#options.fleets, name));
  }

  /** This node now, without a pin. Throws DirectoryError `unknown_node`. */
  use(name: string): void {
    findNode(this.directory, name);
    this.#choice?.choose(name);
  }

  async #change(settings: DirectorySettings): Promise<void> {
    await this.#deps.store.transact((transaction) => transaction.put(SETTINGS_KEY, encodeSettings(settings)));
    this.#settings = settings;
    this.refresh();
  }

  #merge(settings: DirectorySettings): Directory {
    const { fleets, nodeUrl } = this.#options;
    const home = this.#deps.home.document?.nodes ?? [];
    const sources = { fleets, home, settings };
    const merged = mergeDirectory(sources);
    if (merged.nodes.some(({ urls }) => urls.includes(nodeUrl))) return merged;
    if (settings.own.some(({ name }) => name === FIRST_NODE)) return merged;
    return mergeDirectory({
      ...sources,
      settings: addOwnNode(settings, { name: FIRST_NODE, address: nodeUrl, key: undefined }),
    });
  }
}
