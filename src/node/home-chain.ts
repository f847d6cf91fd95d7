/** The home's signed chain as this node keeps it: entries of kind `key`, a view by version, and the document now. */
import { type Clock, type CryptoSuite, equalBytes, type KeyPair, toBase64 } from '../base/index.ts';
import {
  EntryKind,
  type HomeContent,
  type HomeDocument,
  type HomeName,
  type HomeNode,
  homeContentJson,
  parseHomeDocument,
  signDocument,
} from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import type { Journal } from './journal.ts';
import { CHAIN_BYTES, CHAIN_DOCUMENTS_MAX } from './limits.ts';
import { HOME_VERSIONS, homeKey } from './view-keys.ts';

export interface HomeChainDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly journal: Journal;
  readonly homeKey: KeyPair;
  /** Of the log of the home's keys. */
  readonly keyLog: Uint8Array;
}

export class HomeChain {
  readonly #deps: HomeChainDeps;
  #current: HomeDocument | undefined;

  private constructor(deps: HomeChainDeps) {
    this.#deps = deps;
  }

  static async open(deps: HomeChainDeps): Promise<HomeChain> {
    const chain = new HomeChain(deps);
    const [row] = await deps.store.range({ ...HOME_VERSIONS, limit: 1, reverse: true });
    if (row !== undefined) chain.#current = parseHomeDocument(deps.suite, row.value);
    return chain;
  }

  get current(): HomeDocument | undefined {
    return this.#current;
  }

  /** The chain from version `after` + 1 on: as much as fits one answer, so whoever wants the rest asks again. */
  async documents(after: number): Promise<readonly Uint8Array[]> {
    const rows = await this.#deps.store.range({
      from: homeKey(after + 1),
      to: HOME_VERSIONS.to,
      limit: CHAIN_DOCUMENTS_MAX,
      maxBytes: CHAIN_BYTES,
    });
    return rows.map((row) => row.value);
  }

  /** Publishes what this node is now; writes a version only when something changed. */
  async publish(home: HomeName, node: HomeNode): Promise<void> {
    const { clock, homeKey: key, journal, keyLog, suite } = this.#deps;
    const current = this.#current;
    const others = current?.nodes.filter((entry) => entry.name !== node.name) ?? [];
    const nodes = [...others, node].sort((a, b) => (a.name < b.name ? -1 : 1));
    const isSameLog = current !== undefined && equalBytes(current.keyLog, keyLog);
    if (isSameLog && describe(current.nodes) === describe(nodes)) return;
    const content: HomeContent = {
      home,
      version: (current?.version ?? 0) + 1,
      previous: current?.signed.hash ?? null,
      time: Math.floor(clock.now()),
      key: key.publicKey,
      keyLog,
      nodes,
      registrar: current?.registrar ?? node.name,
    };
    const bytes = signDocument(suite, homeContentJson(content), [key]);
    await journal.write(({ append }) => append([{ header: { kind: EntryKind.KEY, document: bytes } }]));
    this.#current = parseHomeDocument(suite, bytes);
  }
}

function describe(nodes: readonly HomeNode[]): string {
  return JSON.stringify(nodes.map((node) => ({ ...node, key: toBase64(node.key) })));
}
