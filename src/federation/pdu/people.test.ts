import { describe, expect, test } from 'vitest';
import { createPerson, type Person } from '../../../test/harness/person.ts';
import { type Log, ManualClock, SILENT_LOG, utf8 } from '../../base/index.ts';
import { SodiumSuite, SystemRandom } from '../../base/system/index.ts';
import {
  type AccountContent,
  type Address,
  accountContentJson,
  countersignDocument,
  encodeDocuments,
  type HomeDocument,
  type HomeName,
  homeContentJson,
  parseAccountDocument,
  parseAddress,
  parseFeedId,
  parseHomeDocument,
  parseHomeName,
  signDocument,
} from '../../protocol/index.ts';
import { MemoryStore } from '../../store/index.ts';
import { FederationError } from '../federation-error.ts';
import { personKey } from '../row-keys.ts';
import { PEOPLE_FRESH_MS, PEOPLE_PAGE_MAX, PEOPLE_REFRESH_MS, PEOPLE_VERSIONS_MAX } from './limits.ts';
import { People } from './people.ts';

const suite = new SodiumSuite();
const random = new SystemRandom();
const never = new AbortController().signal;
/** Every home of these tests signs with it. */
const HOME_KEY = suite.keyPair(random.bytes(32));
const B = parseHomeName('b.example');
const bob = createPerson(random, parseAddress('bob@b.example'));
/** Another person whom the home shows under the same address. */
const impostor = createPerson(random, bob.address);

const countersigned = ({ document }: Person): Uint8Array => countersignDocument(suite, document, HOME_KEY);
const one = countersigned(bob);
const two = next(bob, one, 2);
const three = next(bob, two, 3);

function next({ content, identity }: Person, previous: Uint8Array, version: number): Uint8Array {
  const { hash } = parseAccountDocument(suite, previous).signed;
  const changed: AccountContent = { ...content, version, previous: hash, retentionDays: version };
  return signDocument(suite, accountContentJson(changed), [identity]);
}

function homeDocument(home: HomeName): HomeDocument {
  const key = HOME_KEY.publicKey;
  const node = { name: 'one', key, urls: [], feed: parseFeedId('0f'.repeat(32)), retired: [] };
  const shared = { version: 1, previous: null, time: 0, key, keyLog: key, nodes: [node], registrar: node.name };
  return parseHomeDocument(suite, signDocument(suite, homeContentJson({ home, ...shared }), [HOME_KEY]));
}

/** Homes that show these documents, whatever they were asked for: `shown` is replaced by the test. */
function setup() {
  const state = {
    shown: new Map<Address, readonly Uint8Array[]>([[bob.address, [one]]]),
    away: undefined as FederationError | undefined,
    asked: [] as string[],
    grown: [] as HomeName[],
    warnings: [] as string[],
    /** What an answer that tells of nothing more waits for on its way. */
    way: Promise.resolve(),
  };
  const log: Log = { ...SILENT_LOG, warn: (_, message) => void state.warnings.push(message) };
  const link = {
    account: async (address: Address, after: number): Promise<Uint8Array> => {
      state.asked.push(`${address} after ${after}`);
      if (state.away !== undefined) throw state.away;
      const chain = state.shown.get(address) ?? [];
      const documents = chain.filter((bytes) => parseAccountDocument(suite, bytes).version > after);
      if (documents.length === 0) await state.way;
      return encodeDocuments({ documents });
    },
  };
  const directory = {
    find: async (home: HomeName) => homeDocument(home),
    refresh: async (home: HomeName) => homeDocument(home),
    chain: async (home: HomeName) => [homeDocument(home)],
  };
  const clock = new ManualClock(0);
  const onNew = (home: HomeName): void => void state.grown.push(home);
  const deps = { clock, suite, store: new MemoryStore(), log, link, directory, onNew };
  return { clock, deps, state, people: new People(deps) };
}

const FIRST = `${bob.address} after 0`;

describe('a person of another home', () => {
  test('is asked for once, and known then, also to the next process', async () => {
    const { deps, people, state } = setup();
    expect((await people.find(bob.address, never))?.version).toBe(1);
    expect((await people.find(bob.address, never))?.version).toBe(1);
    expect((await new People(deps).find(bob.address, never))?.version).toBe(1);
    // The second question asks whether there is more.
    expect(state.asked).toEqual([FIRST, `${bob.address} after 1`]);
    expect(state.grown).toEqual([B]);
  });

  test('is asked for once by all who ask at the same time, and one who gives up stops no other', async () => {
    const { people, state } = setup();
    const hurried = new AbortController();
    const asking = [people.find(bob.address, hurried.signal), people.find(bob.address, never)] as const;
    hurried.abort(new Error('enough'));
    await expect(asking[0]).rejects.toThrow('enough');
    expect((await asking[1])?.version).toBe(1);
    expect(state.asked.filter((question) => question === FIRST)).toHaveLength(1);
  });

  test('is asked for again at most once a minute, and what was added is pinned', async () => {
    const { clock, deps, people, state } = setup();
    const since = clock.monotonic();
    await people.find(bob.address, never);
    expect((await people.refresh(bob.address, since, never))?.version).toBe(1);
    state.shown.set(bob.address, [one, two, three]);
    await clock.advance(PEOPLE_REFRESH_MS - 1);
    const refreshed = () => people.refresh(bob.address, clock.monotonic(), never);
    // What it has by now is not known: nobody is told that it has nothing new.
    await expect(refreshed()).rejects.toMatchObject({ code: 'rate_limited', retry: 'later' });
    await clock.advance(1);
    expect((await refreshed())?.version).toBe(3);
    expect((await new People(deps).find(bob.address, never))?.version).toBe(3);
    expect(state.grown).toEqual([B, B]);
  });

  test('of whom an answer comes late may have more by then: it is none to whoever asked after it was given', async () => {
    const { clock, people, state } = setup();
    await people.find(bob.address, never);
    await clock.advance(PEOPLE_REFRESH_MS);
    let arrive = (): void => undefined;
    state.way = new Promise((resolve) => {
      arrive = resolve;
    });
    const early = people.refresh(bob.address, clock.monotonic(), never);
    while (state.asked.length < 4) await new Promise((proceed) => setImmediate(proceed));
    await clock.advance(1);
    state.shown.set(bob.address, [one, two]);
    const late = people.refresh(bob.address, clock.monotonic(), never);
    const refused = expect(late).rejects.toMatchObject({ code: 'rate_limited', retry: 'later' });
    arrive();
    expect((await early)?.version).toBe(1);
    await refused;
  });

  test('whom its home shows anew is known by that to all who asked since, also before it is on disk', async () => {
    const { clock, deps, state } = setup();
    const disk = { ready: Promise.resolve() };
    class SlowStore extends MemoryStore {
      override async transact<Result>(work: Parameters<MemoryStore['transact']>[0]): Promise<Result> {
        await disk.ready;
        return super.transact(work) as Promise<Result>;
      }
    }
    const people = new People({ ...deps, store: new SlowStore() });
    await people.find(bob.address, never);
    await clock.advance(PEOPLE_REFRESH_MS);
    let write = (): void => undefined;
    disk.ready = new Promise((resolve) => {
      write = resolve;
    });
    state.shown.set(bob.address, [one, two]);
    const since = clock.monotonic();
    const first = people.refresh(bob.address, since, never);
    while (state.asked.length < 4) await new Promise((proceed) => setImmediate(proceed));
    const second = people.refresh(bob.address, since, never);
    write();
    expect([(await first)?.version, (await second)?.version]).toEqual([2, 2]);
  });

  test('of whom a client has seen more than we have is asked for now; what the home has is not known while it is away', async () => {
    const { clock, people, state } = setup();
    expect(await people.documents(bob.address, 0, never)).toHaveLength(1);
    await clock.advance(1);
    await expect(people.documents(bob.address, 2, never)).rejects.toMatchObject({ code: 'rate_limited' });
    await clock.advance(PEOPLE_REFRESH_MS);
    state.away = new FederationError('unreachable', 'away');
    await expect(people.documents(bob.address, 2, never)).rejects.toMatchObject({ code: 'unreachable' });
    expect(await people.documents(bob.address, 0, never)).toHaveLength(1);
    state.away = undefined;
    state.shown.set(bob.address, [one, two]);
    expect(await people.documents(bob.address, 2, never)).toEqual([]);
    expect(await people.documents(bob.address, 1, never)).toHaveLength(1);
    await clock.advance(PEOPLE_REFRESH_MS);
    // It says so itself.
    expect(await people.documents(bob.address, 3, never)).toEqual([]);
  });

  test('whom its home does not know is nobody, and nothing is kept', async () => {
    const { deps, people, state } = setup();
    state.shown.clear();
    expect(await people.find(bob.address, never)).toBeUndefined();
    expect(await deps.store.sizeBytes()).toBe(0);
    expect(state.grown).toEqual([]);
  });

  test('that its home did not countersign is refused, as is an answer that is no chain', async () => {
    const { deps, people, state } = setup();
    state.shown.set(bob.address, [bob.document]);
    await expect(people.find(bob.address, never)).rejects.toMatchObject({ code: 'bad_answer' });
    const garbled = new People({ ...deps, link: { account: async () => utf8('no message of ours') } });
    await expect(garbled.find(bob.address, never)).rejects.toMatchObject({ code: 'bad_answer' });
    expect(await deps.store.sizeBytes()).toBe(0);
  });

  test.each([
    ['another past', [countersigned(impostor)]],
    ['less than before', []],
    ['a version of somebody else', [one, next(impostor, one, 2)]],
  ])('of whom its home shows %s stays who was seen first, and the operator is told', async (_, shown) => {
    const { clock, people, state } = setup();
    await people.find(bob.address, never);
    state.shown.set(bob.address, shown);
    await clock.advance(PEOPLE_REFRESH_MS);
    const known = await people.refresh(bob.address, clock.monotonic(), never);
    expect(known?.signed.bytes).toEqual(one);
    expect(state.warnings).toHaveLength(1);
    expect(state.grown).toEqual([B]);
  });

  test('of whom its home never stops telling costs so many questions and no more', async () => {
    const { deps } = setup();
    let asked = 0;
    const account = async (): Promise<Uint8Array> => {
      asked += 1;
      return encodeDocuments({ documents: [one] });
    };
    const people = new People({ ...deps, link: { account } });
    await expect(people.find(bob.address, never)).rejects.toMatchObject({ code: 'bad_answer' });
    expect(asked).toBe(PEOPLE_VERSIONS_MAX);
  });
});

describe('a client that wants a chain', () => {
  test('gets what is newer than it has, asked for when nobody asked just now', async () => {
    const { clock, people, state } = setup();
    expect(await people.documents(bob.address, 0, never)).toEqual([one]);
    state.shown.set(bob.address, [one, two]);
    expect(await people.documents(bob.address, 0, never)).toEqual([one]);
    await clock.advance(PEOPLE_FRESH_MS);
    expect(await people.documents(bob.address, 1, never)).toEqual([two]);
  });

  test('gets it at once when the home’s key log has something newer', async () => {
    const { people, state } = setup();
    await people.documents(bob.address, 0, never);
    state.shown.set(bob.address, [one, two]);
    people.outdated(bob.address);
    expect(await people.documents(bob.address, 0, never)).toEqual([one, two]);
  });

  test('gets what was seen of a home that does not answer, and hears why when nothing was', async () => {
    const { clock, people, state } = setup();
    await people.documents(bob.address, 0, never);
    await clock.advance(PEOPLE_FRESH_MS);
    state.away = new FederationError('unreachable', 'away', { retry: 'later' });
    expect(await people.documents(bob.address, 0, never)).toEqual([one]);
    const stranger = parseAddress('stranger@b.example');
    await expect(people.documents(stranger, 0, never)).rejects.toMatchObject({ code: 'unreachable' });
  });
});

test('a home that is forgotten is believed anew, however many people it has, and no other is forgotten', async () => {
  const { clock, deps, people, state } = setup();
  await people.find(bob.address, never);
  const neighbour = parseAddress('bob@b.example.org');
  await deps.store.transact((rows) => {
    for (let n = 0; n < PEOPLE_PAGE_MAX + 10; n++) rows.put(personKey(parseAddress(`a${n}@b.example`), 1), one);
    rows.put(personKey(neighbour, 1), one);
    rows.put(personKey(neighbour, 2), two);
  });
  state.shown.set(bob.address, [countersigned(impostor)]);
  await clock.advance(PEOPLE_REFRESH_MS);
  await people.forget(B);
  const left = await deps.store.range({ from: utf8('D'), to: utf8('E'), limit: 10 });
  expect(left.map(({ key }) => key)).toEqual([personKey(neighbour, 1), personKey(neighbour, 2)]);
  expect((await people.find(bob.address, never))?.identity).toEqual(impostor.identity.publicKey);
  expect(state.warnings).toEqual([]);
});
