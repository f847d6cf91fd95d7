/**
 * Homes for the tests of this layer: real stores, real layers, a clock that is moved, and between them a link that loses,
 * doubles and delays. A home may die at any step and come back from its store; what was delivered is rows of that store,
 * written as a node would, so that "once" and "in order" are seen where they count.
 */

import { sha256 } from '@noble/hashes/sha2.js';
import {
  fromUtf8,
  ManualClock,
  readUint64,
  SeededPrng,
  SeededSecureRandom,
  SILENT_LOG,
  toHex,
  uint64Bytes,
  utf8,
} from '../../base/index.ts';
import {
  type FeedId,
  type HomeDocument,
  type HomeName,
  type Item,
  type ItemResult,
  ItemStatus,
  parseFeedId,
  parseHomeName,
} from '../../protocol/index.ts';
import { MemoryStore, type Row, type Store } from '../../store/index.ts';
import { FederationError } from '../federation-error.ts';
import type { FederationLink, HintPort, HomeDirectory, OutboxView, PduInbox, Staging } from '../ports.ts';
import { type Fate, Fault, type Life, mortalStore } from './mortal-store.contract.ts';
import { TransactionLayer } from './transaction-layer.ts';

const BODY = new Uint8Array(0);
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
/** The wall clock at the start; nothing rests on it. */
const START = 1_700_000_000_000;

export function homeName(letter: string): HomeName {
  return parseHomeName(`${letter}.example`);
}

/** The nth feed of a home. */
export function feedOf(letter: string, nth = 0): FeedId {
  return parseFeedId(toHex(sha256(utf8(`${letter} ${nth}`))));
}

export interface Faults {
  /** Chances of each, per request. */
  readonly lose: number;
  readonly loseAnswer: number;
  readonly double: number;
  readonly delay: number;
}

export const CALM: Faults = { lose: 0, loseAnswer: 0, double: 0, delay: 0 };
export const STORM: Faults = { lose: 0.15, loseAnswer: 0.15, double: 0.15, delay: 0.3 };

export class World {
  readonly clock = new ManualClock(START);
  readonly prng: SeededPrng;
  readonly homes = new Map<HomeName, TestHome>();
  faults: Faults = CALM;

  constructor(seed: number) {
    this.prng = new SeededPrng(seed);
  }

  async add(letter: string): Promise<TestHome> {
    const home = new TestHome(this, letter);
    this.homes.set(home.name, home);
    await home.start();
    return home;
  }

  /** Lets time pass; all that can happen without time happens at each step. */
  async pass(ms: number, stepMs = 500): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      await quiet();
      await this.clock.advance(Math.min(stepMs, ms - passed));
    }
    await quiet();
  }

  /** Passes time until it holds, at most `withinMs`. */
  async until(holds: () => Promise<boolean>, withinMs: number, stepMs = 500): Promise<boolean> {
    for (let passed = 0; passed < withinMs; passed += stepMs) {
      await quiet();
      if (await holds()) return true;
      await this.clock.advance(stepMs);
    }
    await quiet();
    return holds();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const home of this.homes.values()) await home.stop();
  }
}

/** Everything that waits for nothing but promises has run. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

export class TestHome {
  readonly name: HomeName;
  readonly letter: string;
  readonly world: World;
  readonly store = new MemoryStore();
  readonly feeds: FeedId[];
  layer: TransactionLayer<Judgement> | undefined;
  fate: Fate = () => 'go';
  /** Hashes of what was sent, by destination and transaction id: more than one is a retry that differs. */
  readonly sent = new Map<string, Set<string>>();
  readonly heard: string[] = [];
  readonly reads: number[] = [];
  judgedCount = 0;
  /** Whether what it takes comes to be on as many disks as its answers need. */
  areCopiesThere = true;
  hasRoom = true;
  /** Texts that are answered "later" so many times. */
  readonly laterFor = new Map<string, number>();
  #life = { isOver: false };
  #written = new Map<string, number>();

  constructor(world: World, letter: string) {
    this.world = world;
    this.letter = letter;
    this.name = homeName(letter);
    this.feeds = [feedOf(letter)];
  }

  get isUp(): boolean {
    return this.layer !== undefined && !this.#life.isOver;
  }

  /** Opens from the store; a home that dies or fails while it opens tries again when it is started again. */
  async start(): Promise<boolean> {
    await this.stop();
    const life = { isOver: false };
    this.#life = life;
    const { clock, prng } = this.world;
    const store = mortalStore(this.store, life, (step) => this.fate(step));
    try {
      this.layer = await TransactionLayer.open<Judgement>({
        clock,
        prng,
        random: new SeededSecureRandom(prng.below(2 ** 31)),
        store,
        log: SILENT_LOG,
        home: this.name,
        outbox: this.#outbox(store),
        inbox: this.#inbox(),
        commit: (work) => store.transact((rows) => work({ rows, views: rows, append: async () => undefined })),
        hints: this.#hints(),
        link: this.#link(life),
        directory: this.#directory(),
        fleet: {
          progressed: () => undefined,
          hasRoom: () => this.hasRoom,
          untilCopied: async () => this.areCopiesThere,
        },
        onRejected: () => undefined,
      });
      return true;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return false;
    }
  }

  /** Everything in memory is gone; what was under way never ends. */
  async stop(): Promise<void> {
    this.#life.isOver = true;
    const { layer } = this;
    this.layer = undefined;
    await layer?.[Symbol.asyncDispose]();
  }

  /** As a node that accepts mail: it is in the outbox, then the layer is told. */
  async write(to: TestHome, texts: readonly string[], feed = this.feeds.at(-1) as FeedId): Promise<void> {
    const key = `${to.letter} ${feed}`;
    let number = this.#written.get(key) ?? 0;
    await this.store.transact((rows) => {
      for (const text of texts) rows.put(outboxKey(to.name, feed, ++number), utf8(text));
    });
    this.#written.set(key, number);
    this.layer?.queued(to.name);
  }

  /** What arrived, in the order in which it became part of the feed. */
  async delivered(): Promise<readonly string[]> {
    const rows = await this.store.range({ from: utf8('M'), to: utf8('N'), limit: 1_000_000 });
    return rows.map(({ value }) => fromUtf8(value));
  }

  async deliveredCount(): Promise<number> {
    const [last] = await this.store.range({ from: utf8('M'), to: utf8('N'), limit: 1, reverse: true });
    return last === undefined ? 0 : readUint64(last.key.subarray(-8));
  }

  async queuedTo(to: TestHome): Promise<number> {
    const all = (await this.layer?.status()) ?? [];
    return all.find(({ home }) => home === to.name)?.queued ?? 0;
  }

  #outbox(store: Store): OutboxView {
    const world = this.world;
    const reach: OutboxView['reach'] = async (destination) => {
      const found: { feed: FeedId; number: number }[] = [];
      for (const feed of this.feeds) {
        const [from, to] = [outboxKey(destination, feed, 0), outboxKey(destination, feed, Number.MAX_SAFE_INTEGER)];
        const [last] = await store.range({ from, to, limit: 1, reverse: true });
        if (last !== undefined) found.push({ feed, number: readUint64(last.key.subarray(-8)) });
      }
      return found;
    };
    return {
      destinations: async () => {
        const names: HomeName[] = [];
        for (const { name } of world.homes.values()) if ((await reach(name)).length > 0) names.push(name);
        return names;
      },
      reach,
      held: async (destination, feed) => (await reach(destination)).find((known) => known.feed === feed)?.number ?? 0,
      read: async (destination, feed, first, last, maxBytes) => {
        const [from, to] = [outboxKey(destination, feed, first), outboxKey(destination, feed, last + 1)];
        const rows = await store.range({ from, to, limit: last - first + 1, maxBytes });
        this.reads.push(rows.length);
        return rows.map(({ key, value }: Row) => ({
          number: readUint64(key.subarray(-8)),
          queuedAt: START,
          pdu: value,
          body: BODY,
          isOwed: false,
        }));
      },
    };
  }

  #inbox(): PduInbox<Judgement> {
    return {
      judge: async (origin, items) => {
        this.judgedCount += items.length;
        return items.map((item: Item) => ({ origin, text: fromUtf8(item.pdu) }));
      },
      stage: async (staging, origin, judged) => {
        const results: ItemResult[] = [];
        for (const { text } of judged) results.push(await this.#stage(staging, origin, text));
        return results;
      },
    };
  }

  async #stage({ rows }: Staging, origin: HomeName, text: string): Promise<ItemResult> {
    if (text.startsWith('bad')) return { status: ItemStatus.REJECTED, code: 'bad_signature', detail: `${text} is bad` };
    const key = utf8(`P${origin} ${text}`);
    if ((await rows.get(key)) !== undefined) return { status: ItemStatus.DUPLICATE, code: '', detail: '' };
    const later = this.laterFor.get(text) ?? 0;
    if (later > 0) {
      this.laterFor.set(text, later - 1);
      return { status: ItemStatus.LATER, code: 'missing', detail: '' };
    }
    const [last] = await rows.range({ from: utf8('M'), to: utf8('N'), limit: 1, reverse: true });
    const number = last === undefined ? 1 : readUint64(last.key.subarray(-8)) + 1;
    rows.put(key, utf8(''));
    rows.put(Uint8Array.of(...utf8('M'), ...uint64Bytes(number)), utf8(text));
    return { status: ItemStatus.OK, code: '', detail: '' };
  }

  #hints(): HintPort {
    return {
      make: async (_, conversation) => ({ edu: { oneofKind: 'headHint', headHint: { conversation, tips: [] } } }),
      hear: async (origin, edus) => {
        for (const { edu } of edus)
          if (edu.oneofKind === 'headHint') this.heard.push(`${origin} ${edu.headHint.conversation}`);
      },
    };
  }

  #directory(): HomeDirectory {
    const find = async (home: HomeName): Promise<HomeDocument> => {
      const found = this.world.homes.get(home);
      if (found === undefined) throw new FederationError('unknown_home', `no ${home}`);
      return documentOf(found);
    };
    return { find, refresh: find, chain: async (home) => [await find(home)] };
  }

  #link(life: Life): FederationLink {
    const none = async (): Promise<never> => {
      throw new FederationError('refused', 'not in these tests');
    };
    return {
      send: (destination, txn, body, signal) => {
        const name = `${destination} ${txn}`;
        const hashes = this.sent.get(name) ?? new Set();
        this.sent.set(name, hashes.add(toHex(sha256(body))));
        return this.#carry(life, destination, signal, (layer) => layer.send(this.name, txn, body));
      },
      pull: (destination, feed, after, signal) =>
        this.#carry(life, destination, signal, (layer) => layer.pull(this.name, feed, after)),
      pdus: none,
      state: none,
      backfill: none,
      account: none,
      keyLog: none,
      blob: none,
    };
  }

  async #carry<Answer>(
    life: Life,
    to: HomeName,
    signal: AbortSignal,
    deliver: (layer: TransactionLayer<Judgement>) => Promise<Answer>,
  ): Promise<Answer> {
    const { clock, faults, prng } = this.world;
    if (this.fate('request') === 'die') life.isOver = true;
    if (life.isOver) throw new Fault('dead');
    const [isLost, isAnswerLost, isDoubled, isDelayed] = [
      faults.lose,
      faults.loseAnswer,
      faults.double,
      faults.delay,
    ].map((chance) => prng.next() < chance);
    if (isDelayed) await clock.sleep(prng.below(5_000), signal);
    const other = this.world.homes.get(to);
    if (isLost || other?.layer === undefined || !other.isUp)
      throw new FederationError('unreachable', `no way to ${to}`);
    const { layer } = other;
    layer.contact(this.name);
    if (isDoubled) void clock.sleep(prng.below(3_000)).then(() => deliver(other.layer ?? layer).catch(() => undefined));
    let answer: Answer;
    try {
      answer = await deliver(layer);
    } catch (error) {
      if (error instanceof FederationError) throw error;
      throw new FederationError('unavailable', 'an internal error', { cause: error });
    }
    if (isAnswerLost || !other.isUp) throw new FederationError('unreachable', `the answer of ${to} was lost`);
    if (this.fate('answer') === 'die') life.isOver = true;
    if (life.isOver) throw new Fault('dead');
    return answer;
  }
}

interface Judgement {
  readonly origin: HomeName;
  readonly text: string;
}

function outboxKey(destination: HomeName, feed: FeedId, number: number): Uint8Array {
  return Uint8Array.of(...utf8(`O${destination} ${feed}`), ...uint64Bytes(number));
}

function documentOf({ name, letter, feeds }: TestHome): HomeDocument {
  const key = new Uint8Array(32);
  const feed = feeds.at(-1) ?? feedOf(letter);
  const document = {
    home: name,
    version: 1,
    previous: null,
    time: 0,
    key,
    keyLog: key,
    nodes: [{ name: 'one', key, urls: [], feed, retired: feeds.slice(0, -1) }],
    registrar: 'one',
    signed: { bytes: key, hash: '', version: 1, previous: null, content: {}, signers: new Set<string>() },
  };
  return document;
}

/** What is wrong with what arrived of `texts`: nothing is doubled, and the order is that of the sender. */
export function disorderOf(delivered: readonly string[], texts: readonly string[]): string | undefined {
  if (new Set(delivered).size !== delivered.length) return 'something arrived twice';
  const places = new Map(texts.map((text, index) => [text, index]));
  let last = -1;
  for (const text of delivered) {
    const place = places.get(text);
    if (place === undefined) return `${text} was never sent`;
    if (place < last) return `${text} arrived after a later one`;
    last = place;
  }
  return undefined;
}

export function texts(count: number, prefix = 'mail'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix} ${index + 1}`);
}
