/**
 * A home's chain as this device knows it: pinned on first use, and from then on only extended by links that its own keys
 * signed. Its keys countersign new accounts; its nodes are the home's. The chain of another home comes through the own
 * home's node, which can therefore neither change nor shorten what was seen before.
 */
import { type CryptoSuite, equalBytes } from '../../base/index.ts';
import {
  type HomeAlarm,
  type HomeDocument,
  type HomeName,
  judgeHome,
  parseHomeDocument,
} from '../../protocol/index.ts';
import type { KeyRange, Store } from '../../store/index.ts';
import type { Alarms } from '../alarms.ts';
import type { NodeConnection } from '../connection/index.ts';
import { HOME_VERSIONS, homeKey, otherHomeKey, otherHomeVersions } from '../keys.ts';
import { CHAIN_VERSIONS_MAX } from '../limits.ts';

export interface HomePinDeps {
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly alarms: Pick<Alarms, 'raise' | 'clear'>;
}

export type HomeVerdict =
  | { readonly status: 'known'; readonly document: HomeDocument }
  | {
      readonly status: 'refused';
      readonly code: HomeAlarm;
      readonly why: string;
    };

/** Where a chain is kept, and by which name a node is asked for it. */
interface Source {
  readonly rows: Pick<KeyRange, 'from' | 'to'>;
  readonly keyOf: (version: number) => Uint8Array;
  /** Empty: the home of the node itself. */
  readonly asked: string;
}

export class HomePin {
  readonly home: HomeName;
  readonly #deps: HomePinDeps;
  readonly #source: Source;
  #chain: readonly HomeDocument[];

  private constructor(deps: HomePinDeps, home: HomeName, source: Source, chain: readonly HomeDocument[]) {
    this.#deps = deps;
    this.home = home;
    this.#source = source;
    this.#chain = chain;
  }

  /** The person's own home. */
  static open(deps: HomePinDeps, home: HomeName): Promise<HomePin> {
    return HomePin.#read(deps, home, { rows: HOME_VERSIONS, keyOf: homeKey, asked: '' });
  }

  static openOther(deps: HomePinDeps, home: HomeName): Promise<HomePin> {
    const keyOf = (version: number): Uint8Array => otherHomeKey(home, version);
    return HomePin.#read(deps, home, { rows: otherHomeVersions(home), keyOf, asked: home });
  }

  static async #read(deps: HomePinDeps, home: HomeName, source: Source): Promise<HomePin> {
    const rows = await deps.store.range({ ...source.rows, limit: CHAIN_VERSIONS_MAX });
    const chain = rows.map((row) => parseHomeDocument(deps.suite, row.value));
    return new HomePin(deps, home, source, chain);
  }

  /** The newest version known. */
  get document(): HomeDocument | undefined {
    return this.#chain.at(-1);
  }

  /** Whether this home ever signed with `key`. */
  hasKey(key: Uint8Array): boolean {
    return this.#chain.some((document) => equalBytes(document.key, key));
  }

  get keys(): readonly Uint8Array[] {
    return this.#chain.map((document) => document.key);
  }

  isNode(key: Uint8Array): boolean {
    return this.document?.nodes.some((node) => equalBytes(node.key, key)) === true;
  }

  /** Asks for what is new and takes what links; what does not is an alarm, and what is pinned stays. */
  async refresh(
    connection: NodeConnection,
    node: string | undefined,
    options: { readonly urgent?: boolean } = {},
  ): Promise<HomeVerdict> {
    const known = this.document;
    const after = known === undefined ? 0 : known.version - 1;
    const documents = await fetchChain(connection, this.#source.asked, after, options);
    const verdict = judgeHome(this.#deps.suite, this.home, this.#chain, documents);
    if (verdict.status === 'refused') {
      await this.#deps.alarms.raise({ code: verdict.code, subject: this.home, detail: verdict.why, node });
      return verdict;
    }
    await this.#deps.alarms.clear(['home_rolled_back', 'bad_home_chain'], this.home);
    const fresh = verdict.chain.slice(this.#chain.length);
    if (fresh.length > 0) {
      await this.#deps.store.transact((transaction) => {
        for (const document of fresh) transaction.put(this.#source.keyOf(document.version), document.signed.bytes);
      });
      this.#chain = verdict.chain;
    }
    return { status: 'known', document: verdict.chain.at(-1) as HomeDocument };
  }
}

/**
 * The chain of an address (empty: of the home) from version `after` + 1 on, which is known here: page by page, until a node has
 * no more. A node that has not even that one may lag; it is told what is known here, and finds out, or says that it cannot tell.
 */
export async function fetchChain(
  connection: NodeConnection,
  address: string,
  after: number,
  options: { readonly urgent?: boolean } = {},
): Promise<readonly Uint8Array[]> {
  const documents: Uint8Array[] = [];
  const page = async (from: number): Promise<readonly Uint8Array[]> => {
    const { chain } = await connection.request(
      'chain',
      (request) => ({ oneofKind: 'getChain', getChain: { request, address, after: from } }),
      options,
    );
    return chain.documents;
  };
  documents.push(...(await page(after)));
  if (documents.length === 0 && after > 0) {
    await page(after + 1);
    documents.push(...(await page(after)));
  }
  while (documents.length > 0 && documents.length < CHAIN_VERSIONS_MAX) {
    const more = await page(after + documents.length);
    if (more.length === 0) break;
    documents.push(...more);
  }
  return documents.slice(0, CHAIN_VERSIONS_MAX);
}
