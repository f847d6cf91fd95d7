/** Who is in the fleet: the home document's nodes, those that were removed, and newcomers that proved a token. */

import type { CryptoSuite } from '../../base/index.ts';
import { equalBytes, fromUtf8, utf8 } from '../../base/index.ts';
import type { FeedId, HomeDocument, HomeNode } from '../../protocol/index.ts';
import { parseHomeDocument } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import { endedFeeds, type HomeChain } from '../home-chain.ts';
import { ADMITTED, admittedKey } from '../view-keys.ts';
import { TOKENS_MAX } from './limits.ts';

export interface RosterDeps {
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly home: HomeChain;
}

export type Standing =
  /** The home document names its key. */
  | 'node'
  /** It proved a token, and is not named yet. */
  | 'newcomer'
  /** An earlier document named its key: it may bring what it wrote. */
  | 'former'
  | 'stranger';

export class Roster {
  readonly #deps: RosterDeps;
  readonly #admitted: { readonly key: Uint8Array; readonly name: string }[] = [];
  #chain: readonly HomeDocument[] = [];

  private constructor(deps: RosterDeps) {
    this.#deps = deps;
  }

  static async open(deps: RosterDeps): Promise<Roster> {
    const roster = new Roster(deps);
    const rows = await deps.store.range({ ...ADMITTED, limit: TOKENS_MAX });
    for (const { key, value } of rows) roster.#admitted.push({ key: key.slice(-32), name: fromUtf8(value) });
    await roster.refresh();
    return roster;
  }

  /** Reads the chain as it is now. */
  async refresh(): Promise<void> {
    const { home, suite } = this.#deps;
    const chain = [...this.#chain];
    for (;;) {
      const page = await home.documents(chain.at(-1)?.version ?? 0);
      if (page.length === 0) break;
      chain.push(...page.map((bytes) => parseHomeDocument(suite, bytes)));
    }
    this.#chain = chain;
  }

  get nodes(): readonly HomeNode[] {
    return this.#deps.home.current?.nodes ?? [];
  }

  /** As each version named them, oldest first. */
  get everyNode(): readonly HomeNode[] {
    return this.#chain.flatMap(({ nodes }) => nodes);
  }

  get endedFeeds(): ReadonlySet<FeedId> {
    return endedFeeds(this.#chain);
  }

  standingOf(key: Uint8Array): Standing {
    const has = (nodes: readonly { readonly key: Uint8Array }[]): boolean =>
      nodes.some((node) => equalBytes(node.key, key));
    if (has(this.nodes)) return 'node';
    if (has(this.#admitted)) return 'newcomer';
    return this.#chain.some(({ nodes }) => has(nodes)) ? 'former' : 'stranger';
  }

  /** Whether the home ever had this feed. */
  isNamed(feed: FeedId): boolean {
    return this.#chain.some(({ nodes }) => nodes.some((node) => node.feed === feed || node.retired.includes(feed)));
  }

  /** Whether the node of that key writes a feed, or goes on with it. */
  isSentBy(feed: FeedId, key: Uint8Array): boolean {
    const node = this.nodes.find((one) => equalBytes(one.key, key));
    return node !== undefined && (node.feed === feed || node.retired.includes(feed));
  }

  /** Feeds that a former node wrote. */
  feedsOf(key: Uint8Array): ReadonlySet<FeedId> {
    const its = this.#chain.flatMap(({ nodes }) => nodes.filter((node) => equalBytes(node.key, key)));
    return new Set(its.flatMap((node) => [node.feed, ...node.retired]));
  }

  async admit(key: Uint8Array, name: string): Promise<void> {
    await this.#deps.store.transact((transaction) => transaction.put(admittedKey(key), utf8(name)));
    this.#admitted.push({ key, name });
  }

  /** The name that a newcomer was admitted under. */
  admittedAs(key: Uint8Array): string | undefined {
    return this.#admitted.find((one) => equalBytes(one.key, key))?.name;
  }
}
