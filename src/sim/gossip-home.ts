/**
 * The simplest home that converges: it keeps what it gets, sends what its people write to the homes of the recipients until
 * each has it, tells the homes of all members its tips whenever they change, and asks whoever told it for what is missing.
 * No numbers, no batches that are the same on a retry: it shows that the world and its checker can be satisfied.
 */
import { type CryptoSuite, isAbort } from '../base/index.ts';
import type { ConversationFold } from '../conversation/index.ts';
import { FederationError, type FederationService } from '../federation/index.ts';
import {
  type Address,
  Answer,
  type ConversationId,
  type HomeName,
  homeOf,
  type Item,
  ItemStatus,
  type Pdu,
  type PduId,
  Pdus,
  parseConversationId,
  parsePdu,
  parsePduId,
  Transaction,
} from '../protocol/index.ts';
import type { BuildHome, HeldPdu, HomeMachine, HomeSite, HomeUnderTest } from './federation-home.ts';
import { foldOf } from './federation-person.ts';
import type { HomePapers } from './home-papers.ts';

const BATCH = 50;
const ASKED = 20;
const RETRY_MS = 2_000;
const RETRY_SLOWEST_MS = 16_000;

interface Disk {
  readonly held: Map<PduId, HeldPdu>;
  readonly outbox: Map<HomeName, Set<PduId>>;
}

export function buildGossipHomes({ suite }: HomePapers): BuildHome {
  return (site) => gossipMachine(site, suite);
}

function gossipMachine(site: HomeSite, suite: CryptoSuite): HomeMachine {
  const disk: Disk = { held: new Map(), outbox: new Map() };
  return {
    start: async () => {
      const home = new GossipHome(site, suite, disk);
      home.resume();
      return home;
    },
  };
}

class GossipHome implements HomeUnderTest {
  readonly service: FederationService;
  readonly #site: HomeSite;
  readonly #suite: CryptoSuite;
  readonly #disk: Disk;
  readonly #folds = new Map<ConversationId, ConversationFold>();
  readonly #power = new AbortController();
  /** What each home was told of each conversation, and what it is to be told. */
  readonly #told = new Map<HomeName, Map<ConversationId, string>>();
  /** Whom to ask about a conversation, the last that spoke of it first; and what they spoke of. */
  readonly #wanted = new Map<ConversationId, { readonly homes: Set<HomeName>; readonly tips: Set<PduId> }>();
  readonly #busy = new Set<string>();

  constructor(site: HomeSite, suite: CryptoSuite, disk: Disk) {
    this.#site = site;
    this.#suite = suite;
    this.#disk = disk;
    const nothing = () => Promise.reject(new FederationError('not_found', 'gossip needs no such question'));
    this.service = {
      send: async (origin, _txn, body) => this.#receive(origin, Transaction.fromBinary(body)),
      pdus: async (_origin, ids) => Pdus.toBinary({ pdus: ids.flatMap((id) => this.#itemOf(id)), more: false }),
      pull: nothing,
      state: nothing,
      backfill: nothing,
      account: nothing,
      keyLog: nothing,
      blob: nothing,
      contact: () => undefined,
    };
  }

  /** After a start: all that is on disk again, and whom to tell is found anew. */
  resume(): void {
    const conversations = new Set([...this.#disk.held.values()].map(({ pdu }) => pdu.conversation));
    for (const conversation of conversations) {
      this.#folds.set(conversation, foldOf(conversation, this.#heldOf(conversation)));
      this.#spread(conversation);
    }
    for (const home of this.#disk.outbox.keys()) this.#deliver(home);
  }

  async submit(pdu: Pdu, body: Uint8Array): Promise<void> {
    await this.#site.clock.sleep(1, this.#power.signal);
    for (const home of new Set(pdu.recipients.map(homeOf))) {
      if (home === this.#site.home) continue;
      const queue = this.#disk.outbox.get(home) ?? new Set();
      this.#disk.outbox.set(home, queue.add(pdu.id));
    }
    this.#keep([{ pdu, body }]);
    for (const home of this.#disk.outbox.keys()) this.#deliver(home);
  }

  async held(conversation: ConversationId): Promise<readonly HeldPdu[]> {
    return this.#heldOf(conversation);
  }

  async delivered(address: Address): Promise<readonly PduId[]> {
    return [...this.#disk.held.values()]
      .map(({ pdu }) => pdu)
      .filter(({ recipients }) => recipients.includes(address))
      .map(({ id }) => id);
  }

  crash(): void {
    this.#power.abort(new FederationError('unavailable', 'power off'));
  }

  #heldOf(conversation: ConversationId): readonly HeldPdu[] {
    return [...this.#disk.held.values()].filter(({ pdu }) => pdu.conversation === conversation);
  }

  #keep(items: readonly HeldPdu[]): void {
    const conversations = new Set<ConversationId>();
    for (const held of items) {
      const { conversation, id } = held.pdu;
      if (this.#disk.held.has(id)) continue;
      this.#disk.held.set(id, held);
      const fold = this.#folds.get(conversation) ?? foldOf(conversation, []);
      this.#folds.set(conversation, fold);
      fold.add([held]);
      conversations.add(conversation);
    }
    for (const conversation of conversations) this.#spread(conversation);
  }

  #receive(origin: HomeName, { items, edus }: Transaction): Uint8Array {
    this.#power.signal.throwIfAborted();
    const kept = this.#read(items);
    for (const { pdu } of kept) this.#want(origin, pdu.conversation, []);
    this.#keep(kept);
    for (const { edu } of edus)
      if (edu.oneofKind === 'headHint')
        this.#want(origin, parseConversationId(edu.headHint.conversation), edu.headHint.tips.map(parsePduId));
    const results = items.map(() => ({ status: ItemStatus.OK, code: '', detail: '' }));
    return Answer.toBinary({ results, feed: new Uint8Array(), heldTo: 0, reach: [] });
  }

  #read(items: readonly Item[]): HeldPdu[] {
    return items.map(({ pdu, body }) => ({ pdu: parsePdu(this.#suite, pdu), body }));
  }

  #itemOf(id: PduId): Item[] {
    const held = this.#disk.held.get(id);
    return held === undefined
      ? []
      : [{ pdu: held.pdu.header, body: held.body ?? new Uint8Array(), hasBody: true, isOwed: false }];
  }

  /** Asks for what is missing, and tells the homes of members where the conversation ends here. */
  #spread(conversation: ConversationId): void {
    this.#fetch(conversation);
    const fold = this.#folds.get(conversation) as ConversationFold;
    const tips = fold.tips.join();
    for (const [address] of fold.state.members) {
      const home = homeOf(address);
      if (home === this.#site.home || !fold.isMember(address)) continue;
      const told = this.#told.get(home) ?? new Map<ConversationId, string>();
      this.#told.set(home, told);
      if (told.get(conversation) === tips) continue;
      this.#until(`tell ${home} ${conversation}`, async (signal) => {
        const now = (this.#folds.get(conversation) as ConversationFold).tips;
        if (told.get(conversation) === now.join()) return true;
        const edu = { oneofKind: 'headHint' as const, headHint: { conversation, tips: [...now] } };
        await this.#send(home, [], [{ edu }], signal);
        told.set(conversation, now.join());
        return false;
      });
    }
  }

  #deliver(home: HomeName): void {
    const queue = this.#disk.outbox.get(home) ?? new Set();
    this.#until(`deliver ${home}`, async (signal) => {
      const ids = [...queue].slice(0, BATCH);
      if (ids.length === 0) return true;
      await this.#send(
        home,
        ids.flatMap((id) => this.#itemOf(id)),
        [],
        signal,
      );
      for (const id of ids) queue.delete(id);
      return false;
    });
  }

  async #send(home: HomeName, items: Item[], edus: Transaction['edus'], signal: AbortSignal): Promise<void> {
    const { home: origin, link } = this.#site;
    const feed = new Uint8Array();
    await link.send(
      home,
      'gossip',
      Transaction.toBinary({ origin, destination: home, feed, first: 0, items, edus, reach: [] }),
      signal,
    );
  }

  #want(origin: HomeName, conversation: ConversationId, tips: readonly PduId[]): void {
    const wanted = this.#wanted.get(conversation) ?? { homes: new Set(), tips: new Set() };
    this.#wanted.set(conversation, wanted);
    wanted.homes.add(origin);
    for (const tip of tips) wanted.tips.add(tip);
    this.#fetch(conversation);
  }

  #fetch(conversation: ConversationId): void {
    let turn = 0;
    this.#until(`fetch ${conversation}`, async (signal) => {
      const { homes, tips } = this.#wanted.get(conversation) ?? { homes: new Set<HomeName>(), tips: new Set<PduId>() };
      for (const tip of tips) if (this.#disk.held.has(tip)) tips.delete(tip);
      const lacking = [...new Set([...(this.#folds.get(conversation)?.missing ?? []), ...tips])];
      const home = [...homes, ...this.#homesOf(conversation)][
        turn++ % Math.max(1, homes.size + this.#homesOf(conversation).length)
      ];
      if (lacking.length === 0 || home === undefined) return true;
      const answer = await this.#site.link.pdus(home, lacking.slice(0, ASKED), signal);
      const { pdus } = Pdus.fromBinary(answer);
      signal.throwIfAborted();
      this.#keep(this.#read(pdus));
      if (pdus.length === 0) throw new FederationError('not_found', `${home} has none of them`);
      return false;
    });
  }

  #homesOf(conversation: ConversationId): readonly HomeName[] {
    const members = [...(this.#folds.get(conversation)?.state.members.keys() ?? [])];
    return [...new Set(members.map(homeOf))].filter((home) => home !== this.#site.home);
  }

  /** One task of a name at a time: until it says that it is done, slower after each failure, not beyond a crash. */
  #until(name: string, work: (signal: AbortSignal) => Promise<boolean>): void {
    if (this.#busy.has(name)) return;
    this.#busy.add(name);
    void this.#run(work).finally(() => this.#busy.delete(name));
  }

  async #run(work: (signal: AbortSignal) => Promise<boolean>): Promise<void> {
    const { signal } = this.#power;
    try {
      for (let waitMs = RETRY_MS; ; ) {
        signal.throwIfAborted();
        try {
          if (await work(signal)) return;
          waitMs = RETRY_MS;
        } catch (error) {
          if (!(error instanceof FederationError)) throw error;
          await this.#site.clock.sleep(waitMs, signal);
          waitMs = Math.min(RETRY_SLOWEST_MS, waitMs * 2);
        }
      }
    } catch (error) {
      if (!isAbort(error, signal)) throw error;
    }
  }
}
