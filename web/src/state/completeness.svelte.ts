/** Whether everything that was sent to somebody is here, as their hub knows it. */
import { COMPLETENESS } from '../jmap/objects.ts';
import type { Line } from './line.svelte.ts';
import { listOf } from './thread-list.svelte.ts';

type Range = readonly [from: number, to: number];

/** What is known of one feed of the home. */
export interface FeedView {
  readonly feed: string;
  readonly upTo: number;
  readonly held: number;
  readonly missing: readonly Range[];
  readonly expired: readonly Range[];
  readonly nodes: readonly { readonly node: string; readonly upTo: number | null; readonly isAway: boolean }[];
}

interface CompletenessObject {
  readonly isComplete: boolean;
  readonly node: string | null;
  readonly feeds: readonly FeedView[];
  readonly pendingBodies: number;
  readonly unverified: number;
}

export class Completeness {
  /** Whether the account is one that can say so: those that are end-to-end encrypted. */
  readonly isKnown: boolean;
  #object = $state.raw<CompletenessObject>();
  readonly #line: Line;
  readonly #accountId: string;

  constructor(line: Line, accountId: string) {
    this.#line = line;
    this.#accountId = accountId;
    const account = line.session.accounts[accountId];
    this.isKnown = account !== undefined && COMPLETENESS in account.accountCapabilities;
  }

  /** Undefined until the hub has heard of a node. While none answers, what came meanwhile is not known. */
  get isComplete(): boolean | undefined {
    return this.#object === undefined ? undefined : this.#object.isComplete && this.#object.node !== null;
  }

  /** The node that is asked; null: none answers now. Undefined until the hub has said so. */
  get node(): string | null | undefined {
    return this.#object?.node;
  }

  get feeds(): readonly FeedView[] {
    return this.#object?.feeds ?? [];
  }

  /** Messages that were announced and are not here. */
  get missing(): number {
    const { feeds = [], pendingBodies = 0 } = this.#object ?? {};
    const lengths = feeds.flatMap(({ missing }) => missing.map(([from, to]) => to - from + 1));
    return lengths.reduce((sum, length) => sum + length, pendingBodies);
  }

  /** Kept aside because they do not verify. */
  get unverified(): number {
    return this.#object?.unverified ?? 0;
  }

  /** How many nodes answer and have said the same as the furthest of them, and how many there are. */
  get nodes(): { readonly agreeing: number; readonly all: number } {
    const feeds = this.#object?.feeds ?? [];
    const names = new Set(feeds.flatMap(({ nodes }) => nodes.map(({ node }) => node)));
    const behind = new Set(
      feeds.flatMap(({ nodes, upTo }) =>
        nodes.filter((node) => node.isAway || node.upTo !== upTo).map(({ node }) => node),
      ),
    );
    return { agreeing: this.node === null ? 0 : names.size - behind.size, all: names.size };
  }

  async refresh(): Promise<void> {
    if (!this.isKnown) return;
    const args = { accountId: this.#accountId, ids: null };
    const answers = await this.#line.attempt((connection) =>
      connection.call([['Completeness/get', args, 'get']], ['get']),
    );
    this.#object = listOf<CompletenessObject>(answers.get('get'))[0];
  }
}
