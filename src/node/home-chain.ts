/**
 * The home's signed chain as this node keeps it: entries of kind `key`, a view by version, and the document now. One node,
 * the registrar, signs its versions; the others ask it. What another node tells of the chain counts at once, and comes again
 * with that node's feed.
 */
import { type Clock, type CryptoSuite, Emitter, equalBytes, type KeyPair, type Log, toBase64 } from '../base/index.ts';
import {
  EntryKind,
  type FeedId,
  type HomeContent,
  type HomeDocument,
  type HomeName,
  type HomeNode,
  homeContentJson,
  judgeHome,
  parseHomeDocument,
  signDocument,
} from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import type { Journal } from './journal.ts';
import { CHAIN_BYTES, CHAIN_DOCUMENTS_MAX } from './limits.ts';
import { HOME_VERSIONS, homeKey, TOLD_HOME, toldHomeKey } from './view-keys.ts';

export interface HomeChainDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly log: Log;
  readonly store: Store;
  readonly journal: Journal;
  readonly homeKey: KeyPair;
  /** Of the log of the home's keys. */
  readonly keyLog: Uint8Array;
}

export interface HomeChainEvents {
  changed: HomeDocument;
}

type Change = Pick<HomeContent, 'nodes' | 'registrar'>;

export class HomeChain {
  readonly events: Emitter<HomeChainEvents>;
  readonly #deps: HomeChainDeps;
  #current: HomeDocument | undefined;
  /** Versions are written one after the other: each names the one before. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(deps: HomeChainDeps) {
    this.#deps = deps;
    this.events = new Emitter((error) => deps.log.error({ error }, 'a follower of the home document failed'));
  }

  static async open(deps: HomeChainDeps): Promise<HomeChain> {
    const chain = new HomeChain(deps);
    chain.#current = await readHome(deps.suite, deps.store);
    deps.journal.events.on('committed', ({ entries }) => {
      for (const { header } of entries) if (header.kind === EntryKind.KEY) chain.#take(header.document);
    });
    return chain;
  }

  get current(): HomeDocument | undefined {
    return this.#current;
  }

  /** The chain from version `after` + 1 on: as much as fits one answer, so whoever wants the rest asks again. */
  async documents(after: number): Promise<readonly Uint8Array[]> {
    const bounds = { limit: CHAIN_DOCUMENTS_MAX, maxBytes: CHAIN_BYTES };
    const { store } = this.#deps;
    const rows = await store.range({ from: homeKey(after + 1), to: HOME_VERSIONS.to, ...bounds });
    if (rows.length > 0) return rows.map((row) => row.value);
    return (await store.range({ from: toldHomeKey(after + 1), to: TOLD_HOME.to, ...bounds })).map((row) => row.value);
  }

  /** What the home is with this node in it; undefined when it is that already. */
  withNode(node: HomeNode): Change | undefined {
    const current = this.#current;
    const others = current?.nodes.filter((entry) => entry.name !== node.name) ?? [];
    const nodes = [...others, node].sort((a, b) => (a.name < b.name ? -1 : 1));
    const isSameLog = current !== undefined && equalBytes(current.keyLog, this.#deps.keyLog);
    if (isSameLog && describe(current.nodes) === describe(nodes)) return undefined;
    return { nodes, registrar: current?.registrar ?? node.name };
  }

  /** Publishes what this node is now; writes a version only when something changed. */
  publish(home: HomeName, node: HomeNode): Promise<void> {
    return this.change(home, () => this.withNode(node));
  }

  /** Signs the next version; `make` sees the current one. For the registrar alone. */
  async change(home: HomeName, make: (current: HomeDocument | undefined) => Change | undefined): Promise<void> {
    const change = this.#writing.then(() => this.#change(home, make));
    this.#writing = change.catch(() => undefined); // thrown to who asked for it
    return change;
  }

  /** What another node tells of the chain, from version `current` on. */
  async learn(home: HomeName, documents: readonly Uint8Array[]): Promise<void> {
    const { log, store, suite } = this.#deps;
    if (documents.length === 0) return;
    const current = this.#current;
    const known = current === undefined ? [] : [current];
    const fresh = documents.filter((bytes) => parseHomeDocument(suite, bytes).version >= (current?.version ?? 1));
    if (fresh.length === 0) return;
    const verdict = judgeHome(suite, home, known, fresh);
    if (verdict.status === 'refused') {
      log.error(
        { code: verdict.code, why: verdict.why },
        'another node shows a home document that does not follow ours',
      );
      return;
    }
    const told = verdict.chain.slice(known.length);
    await store.transact((transaction) => {
      for (const { signed, version } of told) transaction.put(toldHomeKey(version), signed.bytes);
    });
    for (const { signed } of told) this.#take(signed.bytes);
  }

  async #change(home: HomeName, make: (current: HomeDocument | undefined) => Change | undefined): Promise<void> {
    const { clock, homeKey: key, journal, keyLog, suite } = this.#deps;
    const current = this.#current;
    const change = make(current);
    if (change === undefined) return;
    const content: HomeContent = {
      ...change,
      home,
      version: (current?.version ?? 0) + 1,
      previous: current?.signed.hash ?? null,
      time: Math.floor(clock.now()),
      key: key.publicKey,
      keyLog,
    };
    const bytes = signDocument(suite, homeContentJson(content), [key]);
    await journal.write(({ append }) => append([{ header: { kind: EntryKind.KEY, document: bytes } }]));
  }

  #take(bytes: Uint8Array): void {
    const document = parseHomeDocument(this.#deps.suite, bytes);
    if (document.version <= (this.#current?.version ?? 0)) return;
    this.#current = document;
    this.events.emit('changed', document);
  }
}

/** The newest home document that is here; undefined in a new folder. */
export async function readHome(suite: CryptoSuite, store: Store): Promise<HomeDocument | undefined> {
  const found = await Promise.all(
    [HOME_VERSIONS, TOLD_HOME].map((span) => store.range({ ...span, limit: 1, reverse: true })),
  );
  const documents = found.flat().map((row) => parseHomeDocument(suite, row.value));
  return documents.sort((a, b) => b.version - a.version)[0];
}

/** Feeds that a home document, or one before it, named and that nobody writes any more. */
export function endedFeeds(chain: readonly HomeDocument[]): ReadonlySet<FeedId> {
  const ended = new Set<FeedId>();
  for (const { nodes } of chain)
    for (const node of nodes) for (const feed of [...node.retired, node.feed]) ended.add(feed);
  for (const { feed } of chain.at(-1)?.nodes ?? []) ended.delete(feed);
  return ended;
}

function describe(nodes: readonly HomeNode[]): string {
  return JSON.stringify(nodes.map((node) => ({ ...node, key: toBase64(node.key) })));
}
