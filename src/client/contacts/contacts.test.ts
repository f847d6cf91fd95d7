import { describe, expect, test } from 'vitest';
import { WrittenLog } from '../../../test/harness/key-log-pages.ts';
import {
  createMemorySocketPair,
  type FrameSocket,
  type KeyPair,
  ManualClock,
  NobleSuite,
  SeededSecureRandom,
  SILENT_LOG,
} from '../../base/index.ts';
import {
  type Address,
  accountContentJson,
  countersignDocument,
  decodeClientMessage,
  encodeNodeMessage,
  type HomeContent,
  homeContentJson,
  keyRecordOf,
  type NodeMessage,
  parseAccountDocument,
  parseAddress,
  parseFeedId,
  parseHomeName,
  parseSignedDocument,
  type SignedRoot,
  signDocument,
} from '../../protocol/index.ts';
import { MemoryStore, type Store } from '../../store/index.ts';
import { createAccountSecrets } from '../../vault/index.ts';
import { Alarms } from '../alarms.ts';
import type { KeyChange } from '../client-events.ts';
import { openConnection } from '../connection/index.ts';
import { CONTACT_FRESH_MS, HOME_SILENT_MS } from '../limits.ts';
import { Contacts } from './contacts.ts';
import { HomePin } from './home-pin.ts';
import { HomePins } from './home-pins.ts';
import { KeyLogs } from './key-logs.ts';

const suite = new NobleSuite();
const random = new SeededSecureRandom(3);
const never = new AbortController().signal;
const OWN_HOME = parseHomeName('home.example');
const OTHER = parseHomeName('other.example');
const BOB = parseAddress('bob@other.example');
const keyOf = (seed: number) => suite.keyPair(new Uint8Array(32).fill(seed));
const [otherKey, evilKey, nodeKey] = [keyOf(1), keyOf(2), keyOf(3)];

/** The own home's node: what it answers about others is up to the test. */
class Answers {
  readonly documents = new Map<string, readonly Uint8Array[]>();
  /** By name of home: why it passes nothing on. */
  readonly refusals = new Map<string, string>();
  /** How many versions the node has that answers, until it hears of more. */
  readonly behind = new Map<string, number>();
  asked: string[] = [];

  async serve(socket: FrameSocket): Promise<void> {
    await socket.send(encodeNodeMessage(greeting()));
    for await (const frame of socket.incoming) {
      const message = decodeClientMessage(frame);
      if (message.oneofKind === 'getChain') await socket.send(encodeNodeMessage(this.#answer(message.getChain)));
      if (message.oneofKind === 'getKeyLog') await socket.send(encodeNodeMessage(this.#page(message.getKeyLog)));
    }
  }

  /** Roots of the other home's log that the own home heard of elsewhere. */
  disputed: SignedRoot[] = [];

  /** Each account is logged when it is shown for the first time. */
  #page({ request, after }: { request: number; after: number }): NodeMessage {
    const shown = [...this.documents].flatMap(([who, documents]) => (who.includes('@') ? documents : []));
    const log = new WrittenLog(suite, keyOf(9)).log(...shown.map((document) => keyRecordOf(suite, document)));
    return { oneofKind: 'keyLog', keyLog: { request, page: { ...log.page(after), disputed: this.disputed } } };
  }

  #answer({ request, address, after }: { request: number; address: string; after: number }): NodeMessage {
    this.asked.push(address);
    if ((this.behind.get(address) ?? 0) < after) this.behind.delete(address);
    const code = this.refusals.get(address.slice(address.lastIndexOf('@') + 1));
    if (code !== undefined)
      return {
        oneofKind: 'refused',
        refused: { request, code, message: '', fix: '', fatal: false, retryAfterMs: 0 },
      };
    return {
      oneofKind: 'chain',
      chain: { request, documents: this.documents.get(address)?.slice(after, this.behind.get(address)) ?? [] },
    };
  }
}

function greeting(): NodeMessage {
  const limits = { bodyBytes: 1, headerBytes: 1, recipients: 1, inFlightSubmits: 1, heartbeatMs: 30_000 };
  const base = { version: 1, home: OWN_HOME, node: new Uint8Array(32), nonce: new Uint8Array(32), serverTime: 0 };
  return {
    oneofKind: 'serverInfo',
    serverInfo: {
      ...base,
      limits,
      feeds: [],
      store: true,
      registration: 'open',
      deliveries: false,
      letterBytes: 0,
      largeLetterBytes: 0,
    },
  };
}

function homeDocument(changes: Partial<HomeContent> = {}, key = otherKey): Uint8Array {
  const feed = parseFeedId('ab'.repeat(32));
  const content: HomeContent = {
    home: OTHER,
    version: 1,
    previous: null,
    time: 1,
    key: key.publicKey,
    keyLog: keyOf(9).publicKey,
    nodes: [{ name: 'b1', key: nodeKey.publicKey, urls: [], feed, retired: [] }],
    registrar: 'b1',
    ...changes,
  };
  return signDocument(suite, homeContentJson(content), [key]);
}

const identities = new Map<Address, KeyPair>();

async function accountDocument(address: Address, home = otherKey): Promise<Uint8Array> {
  const secrets = await createAccountSecrets({ suite, random }, { address, createdAt: 1_700_000_000_000 });
  identities.set(address, secrets.identity);
  const content = {
    address,
    version: 1,
    previous: null,
    time: 1,
    identity: secrets.identity.publicKey,
    certificates: [secrets.certificate],
    devices: [],
    revoked: [],
    vault: { sha256: '0'.repeat(64), size: 1 },
    retentionDays: 0,
    closed: false,
  };
  return countersignDocument(suite, signDocument(suite, accountContentJson(content), [secrets.identity]), home);
}

async function openContacts(clock: ManualClock, store: Store) {
  const alarms = await Alarms.open({ clock, store, onAlarm: () => undefined });
  const own = await HomePin.open({ suite, store, alarms }, OWN_HOME);
  const homes = new HomePins({ clock, suite, store, alarms, own });
  const keyLogs = new KeyLogs({ clock, suite, store, alarms, homes });
  const changes: KeyChange[] = [];
  const onKeyChanged = (change: KeyChange): void => void changes.push(change);
  const contacts = new Contacts(
    { clock, suite, store, alarms, homes, keyLogs, onKeyChanged },
    { own: parseAddress('alice@home.example') },
  );
  return { contacts, alarms, changes };
}

async function setup() {
  const clock = new ManualClock(1_000_000);
  const store = new MemoryStore();
  const answers = new Answers();
  const [ours, theirs] = createMemorySocketPair();
  void answers.serve(theirs);
  const deps = { clock, log: SILENT_LOG, suite, random, dialer: { dial: async () => ours } };
  const connection = await openConnection(deps, { url: 'ws://x', home: OWN_HOME, key: undefined }, never);
  answers.documents.set(OTHER, [homeDocument()]);
  answers.documents.set(BOB, [await accountDocument(BOB)]);
  return {
    clock,
    store,
    answers,
    connection,
    ...(await openContacts(clock, store)),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

function nextVersion(before: Uint8Array, changes: Partial<HomeContent> = {}): Uint8Array {
  return homeDocument({ version: 2, previous: parseSignedDocument(suite, before).hash, ...changes });
}

describe('people of another home', () => {
  test('are known by their home’s chain, which is pinned at first use and read again after a while', async () => {
    await using world = await setup();
    const { answers, clock, connection, contacts, store } = world;
    const found = await contacts.lookUp(connection, BOB);
    expect(found).toMatchObject({ status: 'known', contact: { address: BOB, trust: 'first_use' } });
    expect(answers.asked.slice(0, 2)).toEqual([OTHER, OTHER]);
    answers.asked = [];
    await contacts.lookUp(connection, BOB);
    expect(answers.asked).not.toContain(OTHER);
    await clock.advance(CONTACT_FRESH_MS);
    await contacts.lookUp(connection, BOB);
    expect(answers.asked).toContain(OTHER);
    // After a restart, what was pinned is what counts.
    answers.documents.set(OTHER, [homeDocument({ time: 2 })]);
    const again = await openContacts(clock, store);
    expect(await again.contacts.lookUp(connection, BOB)).toMatchObject({ status: 'alarm', code: 'home_forked' });
  });

  test('are not taken for rolled back, nor is their home, by a node that has seen less: it is told what is known', async () => {
    await using world = await setup();
    const { alarms, answers, clock, connection, contacts } = world;
    const first = answers.documents.get(OTHER)?.[0] as Uint8Array;
    answers.documents.set(OTHER, [first, nextVersion(first)]);
    await contacts.lookUp(connection, BOB);
    answers.behind.set(OTHER, 1);
    await clock.advance(CONTACT_FRESH_MS);
    expect(await contacts.fresh(connection, BOB)).toMatchObject({ status: 'known' });
    expect(alarms.list()).toEqual([]);
  });

  test('are refused when their home did not countersign them', async () => {
    await using world = await setup();
    const { answers, connection, contacts, alarms } = world;
    answers.documents.set(BOB, [await accountDocument(BOB, evilKey)]);
    expect(await contacts.lookUp(connection, BOB)).toMatchObject({ status: 'alarm', code: 'bad_chain' });
    expect(await contacts.find(BOB)).toBeUndefined();
    expect(alarms.list()).toMatchObject([{ code: 'bad_chain', subject: BOB }]);
  });

  test.each<
    [string, (first: Uint8Array) => readonly Uint8Array[], 'home_forked' | 'home_rolled_back' | 'bad_home_chain']
  >([
    ['is another', () => [homeDocument({ time: 2 })], 'home_forked'],
    ['is gone', () => [], 'home_rolled_back'],
    [
      'goes on by a stranger’s key',
      (first) => [first, homeDocument({ version: 2, previous: null }, evilKey)],
      'bad_home_chain',
    ],
  ])('have a standing alarm, all of them, when the chain of their home %s', async (_, change, code) => {
    await using world = await setup();
    const { answers, clock, connection, contacts } = world;
    await contacts.lookUp(connection, BOB);
    const first = answers.documents.get(OTHER)?.[0] as Uint8Array;
    answers.documents.set(OTHER, change(first));
    await clock.advance(CONTACT_FRESH_MS);
    expect(await contacts.fresh(connection, BOB)).toMatchObject({ status: 'alarm', code });
    expect(contacts.alarmOf(BOB)).toBe(code);
    expect(contacts.alarmOf(parseAddress('eve@other.example'))).toBe(code);
    expect(contacts.alarmOf(parseAddress('eve@third.example'))).toBeUndefined();
    // What was only hidden and is shown again is over; two signed histories are not.
    answers.documents.set(OTHER, [first, nextVersion(first)]);
    const after = await contacts.lookUp(connection, BOB);
    expect(after.status).toBe(code === 'home_forked' ? 'alarm' : 'known');
  });

  test('of a home that does not answer stay as they are known, and others are told as unreachable', async () => {
    await using world = await setup();
    const { answers, clock, connection, contacts, alarms } = world;
    await contacts.lookUp(connection, BOB);
    answers.refusals.set(OTHER, 'home_unreachable');
    await clock.advance(CONTACT_FRESH_MS);
    const known = await contacts.lookUp(connection, BOB);
    expect(known).toMatchObject({ status: 'home_unreachable', home: OTHER, contact: { address: BOB } });
    const eve = parseAddress('eve@other.example');
    expect(await contacts.lookUp(connection, eve)).toEqual({
      status: 'home_unreachable',
      home: OTHER,
      contact: undefined,
    });
    expect(alarms.list()).toEqual([]);
    answers.refusals.set('nowhere.example', 'unknown_home');
    const lost = parseAddress('bob@nowhere.example');
    expect(await contacts.lookUp(connection, lost)).toMatchObject({ status: 'unknown_home', contact: undefined });
  });

  test('do not hold up page after page while their home is silent', async () => {
    await using world = await setup();
    const { answers, clock, connection, contacts } = world;
    answers.refusals.set(OTHER, 'home_unreachable');
    const urgent = { urgent: true };
    await contacts.lookUp(connection, BOB, urgent);
    answers.asked = [];
    expect(await contacts.lookUp(connection, BOB, urgent)).toMatchObject({ status: 'home_unreachable' });
    expect(answers.asked).toEqual([]);
    answers.refusals.clear();
    // A person who asks does not wait for that.
    expect(await contacts.lookUp(connection, BOB)).toMatchObject({ status: 'known' });
    answers.refusals.set(OTHER, 'home_unreachable');
    await clock.advance(CONTACT_FRESH_MS);
    await contacts.lookUp(connection, BOB, urgent);
    answers.refusals.clear();
    await clock.advance(HOME_SILENT_MS);
    expect(await contacts.lookUp(connection, BOB, urgent)).toMatchObject({ status: 'known' });
  });

  test('have a standing alarm when others were shown another log of their home, and only when its key signed that', async () => {
    await using world = await setup();
    const { answers, clock, connection, contacts, alarms } = world;
    const other = { subject: BOB, version: 1, sha256: 'ee'.repeat(32) };
    answers.disputed = [new WrittenLog(suite, evilKey).log(other).root(1)];
    expect(await contacts.lookUp(connection, BOB)).toMatchObject({ status: 'known' });
    answers.disputed = [new WrittenLog(suite, keyOf(9)).log(other).root(1)];
    await clock.advance(CONTACT_FRESH_MS);
    expect(await contacts.lookUp(connection, BOB)).toMatchObject({ status: 'alarm', code: 'key_log_forked' });
    expect(alarms.list()).toMatchObject([{ code: 'key_log_forked', subject: OTHER }]);
    // The proof is kept: nobody can take it back.
    answers.disputed = [];
    expect(contacts.alarmOf(parseAddress('eve@other.example'))).toBe('key_log_forked');
    expect(await contacts.lookUp(connection, BOB)).toMatchObject({ status: 'alarm', code: 'key_log_forked' });
  });

  test('are told when their key is another one', async () => {
    await using world = await setup();
    const { answers, connection, contacts, changes } = world;
    await contacts.lookUp(connection, BOB);
    const [first] = answers.documents.get(BOB) as [Uint8Array];
    expect(changes).toEqual([]);
    answers.documents.set(BOB, [first, await rekeyed(first)]);
    const found = await contacts.lookUp(connection, BOB);
    expect(found).toMatchObject({ status: 'known', contact: { trust: 'first_use' } });
    expect(changes).toMatchObject([{ address: BOB }]);
    expect(changes[0]?.fingerprint).not.toBe(changes[0]?.before);
  });
});

/** The next version of an account, with another certificate, signed by the identity key that it keeps. */
async function rekeyed(first: Uint8Array): Promise<Uint8Array> {
  const document = parseAccountDocument(suite, first);
  const { certificate } = await createAccountSecrets({ suite, random }, { address: BOB, createdAt: 1_700_000_000_000 });
  const content = { ...document, version: 2, previous: document.signed.hash, certificates: [certificate] };
  return signDocument(suite, accountContentJson(content), [identities.get(BOB) as KeyPair]);
}
