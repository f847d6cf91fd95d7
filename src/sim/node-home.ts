/**
 * A home that is a node: the real intake, journal, feed, views and federation over a simulated disk, clock and network.
 * What is not here are sessions and HTTP, and the log of its keys, which no PDU passes.
 */
import { setMaxListeners } from 'node:events';
import {
  abortable,
  type CryptoSuite,
  InlineSignatureChecker,
  type Log,
  Scope,
  SeededSecureRandom,
  SILENT_LOG,
} from '../base/index.ts';
import { Conversations, Messaging, type Network, type OwnKeyLog } from '../federation/index.ts';
import { FeedLog } from '../feed/index.ts';
import { exchange } from '../node/abroad.ts';
import { Accounts } from '../node/accounts.ts';
import { HeldPdus } from '../node/held-pdus.ts';
import { HeldPlaces } from '../node/held-places.ts';
import { Intake } from '../node/intake.ts';
import { Journal } from '../node/journal.ts';
import { CONVERSATION_PAGE_PDUS, DEFAULT_LIMITS } from '../node/limits.ts';
import { HomePeople } from '../node/local-people.ts';
import { feedPrefix, mailboxKey } from '../node/view-keys.ts';
import { pduIdOfMailboxRow } from '../node/view-rows.ts';
import {
  type Address,
  type ConversationId,
  EntryKind,
  type HomeName,
  type Pdu,
  type PduId,
} from '../protocol/index.ts';
import { EngineStore } from '../store/engine-store.ts';
import type { Store } from '../store/index.ts';
import { MemoryEngine } from '../store/memory/memory-store.ts';
import type { BuildHome, HeldPdu, HomeMachine, HomeSite, HomeUnderTest } from './federation-home.ts';
import type { HomePapers } from './home-papers.ts';
import { SimulatedDisk } from './simulated-disk.ts';

export function buildNodeHomes(papers: HomePapers): BuildHome {
  return (site) => new NodeMachine({ ...site, suite: papers.suite, papers });
}

interface NodeSite extends HomeSite {
  readonly suite: CryptoSuite;
  readonly papers: HomePapers;
}

class NodeMachine implements HomeMachine {
  readonly #site: NodeSite;
  readonly #rows = new MemoryEngine();
  #isNew = true;
  #ended: Promise<void> = Promise.resolve();

  constructor(site: NodeSite) {
    this.#site = site;
  }

  async start(): Promise<HomeUnderTest> {
    await this.#ended;
    if (this.#isNew) await register(this.#site, new EngineStore(this.#rows));
    this.#isNew = false;
    const power = new AbortController();
    setMaxListeners(0, power.signal);
    const disk = new SimulatedDisk({ ...this.#site, rows: this.#rows, power: power.signal });
    // What fails because the power is gone is nobody's mistake.
    const error: Log['error'] = (fields, message) => {
      if (!power.signal.aborted) this.#site.log.error(fields, message);
    };
    const parts = await openNode({ ...this.#site, log: { ...SILENT_LOG, error } }, new EngineStore(disk));
    return new NodeHome(parts, power, (ended) => {
      this.#ended = ended;
    });
  }
}

interface Parts {
  readonly store: Store;
  readonly feed: FeedLog;
  readonly held: HeldPdus;
  readonly messaging: Messaging;
  readonly intake: Intake;
}

class NodeHome implements HomeUnderTest {
  readonly #parts: Parts;
  readonly #power: AbortController;
  readonly #scope: Scope;
  readonly #onEnd: (ended: Promise<void>) => void;

  constructor(parts: Parts, power: AbortController, onEnd: (ended: Promise<void>) => void) {
    this.#parts = parts;
    this.#power = power;
    this.#onEnd = onEnd;
    this.#scope = new Scope((_, error) => {
      throw error;
    });
    this.#scope.spawn('intake', (signal) => parts.intake.run(signal));
  }

  get service(): Messaging {
    return this.#parts.messaging;
  }

  async submit(pdu: Pdu, body: Uint8Array): Promise<void> {
    const submitted = this.#parts.intake.submit({ address: pdu.author }, pdu.header, body);
    const submission = await abortable(submitted, this.#power.signal);
    if (submission.status !== 'ok') throw new Error(`a submit is answered ${JSON.stringify(submission)}`);
  }

  /** As GetConversation shows it, page by page. */
  async held(conversation: ConversationId): Promise<readonly HeldPdu[]> {
    const all: HeldPdu[] = [];
    for (;;) {
      const last = all.at(-1)?.pdu;
      const page = await this.#parts.held.page(conversation, last, CONVERSATION_PAGE_PDUS);
      all.push(...page);
      if (page.length < CONVERSATION_PAGE_PDUS) return all;
    }
  }

  async delivered(address: Address): Promise<readonly PduId[]> {
    const { feed, store } = this.#parts;
    const bounds = { from: mailboxKey(address, feed.id, 0), to: mailboxKey(address, feed.id, Number.MAX_SAFE_INTEGER) };
    const rows = await store.range({ ...bounds, limit: Number.MAX_SAFE_INTEGER });
    return rows.map(({ value }) => pduIdOfMailboxRow(value));
  }

  crash(): void {
    this.#power.abort(new Error('power off'));
    this.#onEnd(this.#end());
  }

  async #end(): Promise<void> {
    await this.#parts.messaging[Symbol.asyncDispose]();
    await this.#scope[Symbol.asyncDispose]();
  }
}

/** The accounts of the home's people, before anything runs. */
async function register(site: NodeSite, store: Store): Promise<void> {
  const { journal } = await openJournal(site, store);
  const documents = site.people.map((person) => site.papers.accountOf(person));
  await journal.write(({ append }) =>
    append(documents.map((document) => ({ header: { kind: EntryKind.ACCOUNT, document } }))),
  );
}

async function openJournal(
  site: NodeSite,
  store: Store,
): Promise<{ readonly journal: Journal; readonly feed: FeedLog }> {
  const { home, papers } = site;
  const [node] = papers.documentOf(home).nodes;
  if (node === undefined) throw new Error('a home has a node');
  const feed = await FeedLog.open({ ...site, store }, { prefix: feedPrefix(node.feed), ...papers.feedKeysOf(home) });
  const feeds = new Map([[feed.id, feed]]);
  return { feed, journal: new Journal({ ...site, store, feed, feeds, keyLog: { append: () => undefined } }) };
}

async function openNode(site: NodeSite, store: Store): Promise<Parts> {
  const { clock, home, link, log, papers, prng, suite } = site;
  const { feed, journal } = await openJournal(site, store);
  const homeKey = papers.homeKeyOf(home);
  const accounts = await Accounts.open({ suite, store, journal, homeKey }, { home, registration: 'closed' });
  const feeds = { current: feed, all: new Map([[feed.id, feed]]) };
  const places = new HeldPlaces({ feeds: { ...feeds, isRetired: () => false }, isOnDisks: () => true });
  const held = new HeldPdus({ suite, store, places, feeds: feeds.all, ours: new Set([feed.id]) });
  const conversations = new Conversations({ view: held });
  journal.events.on('committed', ({ entries }) =>
    conversations.committed(entries.flatMap(({ pdu }) => (pdu === undefined ? [] : [pdu]))),
  );
  // A home of one node: what is not here is nowhere.
  const catchUp = { of: async (addresses: readonly Address[]) => new Set(addresses) };
  const people = new HomePeople({ accounts, catchUp, store, feeds }, DEFAULT_LIMITS);
  const deps = {
    clock,
    random: new SeededSecureRandom(prng.below(2 ** 31)),
    suite,
    signatures: new InlineSignatureChecker(suite),
    log,
    store,
    journal,
    held,
    keyLog: emptyKeyLog(papers.keyLogKeyOf(home)),
    catchUp,
    local: people,
    people,
    conversations,
    // Nobody here attaches anything large.
    attachments: { piece: async () => undefined, gather: async () => false },
    fleet: { progressed: () => undefined, hasRoom: () => true, untilCopied: async () => true },
  };
  const network: Network = { link, directory: directoryOf(papers) };
  const messaging = await exchange(deps, (parts) => Messaging.openOver(parts, network, home));
  const options = { home, limits: DEFAULT_LIMITS, feeds };
  return {
    store,
    feed,
    held,
    messaging,
    intake: new Intake(
      {
        ...deps,
        accounts,
        places,
        // Nobody here attaches anything large.
        blobs: { isComplete: async () => false },
        messaging,
        untilCopied: undefined,
        refusal: () => undefined,
        onNoRoom: () => undefined, // its disk has room for all
      },
      options,
    ),
  };
}

/** Everybody knows every home. */
function directoryOf(papers: HomePapers): Network['directory'] {
  const find = async (home: HomeName) => papers.documentOf(home);
  return {
    find,
    refresh: find,
    chain: async (home) => [papers.documentOf(home)],
    forget: async () => undefined, // nobody here loses a history
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function emptyKeyLog(publicKey: Uint8Array): OwnKeyLog {
  return {
    publicKey,
    page: async () => ({ keyLog: publicKey, blocks: [], disputed: [] }),
    root: async () => undefined,
    judge: async () => 'ahead',
  };
}
