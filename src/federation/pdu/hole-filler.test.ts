import { describe, expect, onTestFinished, test } from 'vitest';
import { HeldPdus } from '../../../test/harness/held-pdus.ts';
import { createPerson, type Person } from '../../../test/harness/person.ts';
import { type Said, Thread } from '../../../test/harness/thread.ts';
import { InlineSignatureChecker, type Log, ManualClock, SILENT_LOG } from '../../base/index.ts';
import { SodiumSuite, SystemRandom } from '../../base/system/index.ts';
import {
  type Address,
  type ConversationId,
  encodePdus,
  type HomeName,
  type Item,
  type PduId,
  parseAccountDocument,
  parseAddress,
  parseHomeName,
} from '../../protocol/index.ts';
import { MemoryStore } from '../../store/index.ts';
import { FederationError } from '../federation-error.ts';
import { Answers } from './answers.ts';
import { AuthorCheck } from './author-check.ts';
import { Conversations } from './conversations.ts';
import { HoleFiller } from './hole-filler.ts';
import { Holes } from './holes.ts';
import {
  ASK_TIMEOUT_MS,
  ASKED_PDUS_MAX,
  FETCH_HOMES_MAX,
  FETCH_RETRY_MS,
  FETCH_ROUNDS_MAX,
  FETCHES_AT_ONCE,
} from './limits.ts';
import type { LocalPeople } from './pdu-view.ts';

const suite = new SodiumSuite();
const random = new SystemRandom();
const [HERE, B, C] = ['a.example', 'b.example', 'c.example'].map(parseHomeName) as [HomeName, HomeName, HomeName];
const [ann, full, perhaps] = ['ann', 'full', 'perhaps'].map((name) => parseAddress(`${name}@a.example`)) as [
  Address,
  Address,
  Address,
];
const bob = createPerson(random, parseAddress('bob@b.example'));
const cleo = createPerson(random, parseAddress('cleo@c.example'));
const EVERYBODY = [ann, bob.address, cleo.address];
const DOCUMENTS = new Map([bob, cleo].map(({ address, document }) => [address, parseAccountDocument(suite, document)]));

const nobodyHere: LocalPeople = {
  admit: async () => [],
  catchUp: async () => undefined,
  deviceKeys: async () => undefined,
  documents: async () => [],
};

/** bob founds it for everybody, and says so many things one after the other. */
function written(count: number, recipients: readonly Address[] = EVERYBODY): readonly [Said, ...Said[]] {
  const thread = new Thread(random, bob);
  const all: [Said, ...Said[]] = [thread.found(bob, recipients)];
  for (let n = 0; n < count; n++) all.push(thread.mail(bob, all.slice(-1), recipients, `mail ${n}`));
  return all;
}

const conversationOf = ([founding]: readonly [Said, ...Said[]]): ConversationId => founding.pdu.conversation;
const itemOf = ({ body, pdu }: Said): Item => ({ pdu: pdu.header, body, hasBody: true, isOwed: false });

type Backfill = (ids: readonly PduId[], conversation: ConversationId, signal: AbortSignal) => Promise<Uint8Array>;

/** What a home that holds these answers us: the real code. */
function holding(...said: readonly Said[]): Backfill {
  const view = new HeldPdus();
  view.hold(...said);
  const answers = new Answers({ view, conversations: new Conversations({ view }), local: nobodyHere });
  return (ids, conversation) => answers.backfill(HERE, conversation, ids, 100);
}

const giving = (...said: readonly Said[]): Backfill => {
  const answer = encodePdus({ pdus: said.map(itemOf), more: false });
  return async () => answer;
};

/** A home that takes the question and never answers. */
const silent: Backfill = () => new Promise(() => undefined);

/** ann's home, which holds `here`, and other homes that are asked; those that are not named are away. */
async function setup(here: readonly Said[], homes: ReadonlyMap<HomeName, Backfill>) {
  const state = { asked: [] as { home: HomeName; ids: readonly PduId[] }[], filled: [] as string[], errors: 0 };
  const clock = new ManualClock(0);
  const store = new MemoryStore();
  const view = new HeldPdus();
  const conversations = new Conversations({ view });
  const holes = await Holes.open({ clock, store, view });
  const find = async (address: Address) => DOCUMENTS.get(address);
  const local: LocalPeople = {
    ...nobodyHere,
    admit: async (arrivals) =>
      arrivals.map(({ address }) => (address === full ? 'over_quota' : address === perhaps ? 'uncertain' : 'ok')),
  };
  const signatures = new InlineSignatureChecker(suite);
  const authors = new AuthorCheck(
    { clock: new ManualClock(0), suite, signatures, people: { find, refresh: find }, local },
    { home: HERE },
  );
  const away: Backfill = async () => {
    throw new FederationError('unreachable', 'away', { retry: 'later' });
  };
  const backfill = (home: HomeName, conversation: ConversationId, ids: readonly PduId[], _: number, s: AbortSignal) => {
    state.asked.push({ home, ids });
    return (homes.get(home) ?? away)(ids, conversation, s);
  };
  const commit = view.commitsOf(store, (pdus) => conversations.committed(pdus));
  const log: Log = { ...SILENT_LOG, error: () => void (state.errors += 1) };
  const onFilled = async (conversation: ConversationId): Promise<void> => void state.filled.push(conversation);
  const deps = { clock, suite, log, link: { backfill }, view, local, authors, conversations, holes, commit, onFilled };
  await commit(async ({ append, rows }) => {
    await append(here.map((said) => ({ ...said, accounts: [ann] })));
    const pdus = here.map(({ pdu }) => pdu);
    await holes.note(rows, pdus);
  });
  const run = (changes: Partial<typeof deps> = {}) => {
    const ending = new AbortController();
    const running = new HoleFiller({ ...deps, ...changes }, { home: HERE }).run(ending.signal);
    const stop = async (): Promise<void> => {
      ending.abort();
      await running;
    };
    onTestFinished(stop);
    return stop;
  };
  /** Time passes, and what needs none happens. */
  const pass = async (ms = 0): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    await clock.advance(ms);
    for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  const holds = async (...said: readonly Said[]) =>
    (await view.get(said.map(({ pdu }) => pdu.id))).map(({ body, delivered }) => ({
      delivered,
      hasBody: body !== undefined,
    }));
  return { holds, holes, pass, run, state };
}

describe('what a conversation lacks', () => {
  test('comes with all that it follows, is said to be here, and is looked for no more', async () => {
    const all = written(3);
    const home = await setup(all.slice(-1), new Map([[B, holding(...all)]]));
    home.run();
    await home.pass();
    expect(await home.holds(...all)).toEqual(all.map(() => ({ delivered: true, hasBody: true })));
    expect(home.state.filled).toEqual([conversationOf(all)]);
    expect(home.holes.size).toBe(0);
  });

  test('is asked of those who said that they hold it, and then of any home of its people', async () => {
    const all = written(2, [ann, cleo.address]);
    const home = await setup(all.slice(-1), new Map([[C, holding(...all)]]));
    const hinting = parseHomeName('hint.example');
    await home.holes.hint(conversationOf(all), [all[1]?.pdu.id as PduId], hinting);
    home.run();
    await home.pass();
    expect([...new Set(home.state.asked.map(({ home }) => home))]).toEqual([hinting, B, C]);
    expect(home.holes.size).toBe(0);
  });

  test('is looked for again later while nobody has it, and at once when a home is there again', async () => {
    const all = written(1);
    const homes = new Map<HomeName, Backfill>();
    const home = await setup(all.slice(-1), homes);
    home.run();
    await home.pass();
    const first = home.state.asked.length;
    await home.pass(FETCH_RETRY_MS - 1);
    expect(home.state.asked).toHaveLength(first);
    await home.pass(1);
    expect(home.state.asked).toHaveLength(2 * first);
    homes.set(C, holding(...all));
    home.holes.hurry();
    await home.pass();
    expect(home.holes.size).toBe(0);
  });

  test('is asked of so many homes, of each so often, and so much at once, and no more', async () => {
    const many = Array.from({ length: 12 }, (_, n) => parseAddress(`p@h${n}.example`));
    const all = written(FETCH_ROUNDS_MAX + 5, [ann, ...many]);
    // It gives one at a time, so that each answer lacks another.
    const sparing: Backfill = async (ids) => encodePdus({ pdus: all.filter(isOneOf(ids)).map(itemOf), more: false });
    const home = await setup(all.slice(-1), new Map([[B, sparing]]));
    const unheard = Array.from({ length: ASKED_PDUS_MAX + 5 }, () => written(0)[0].pdu.id);
    await home.holes.hint(conversationOf(all), unheard, C);
    home.run();
    await home.pass();
    const askedOf = (asked: HomeName) => home.state.asked.filter(({ home }) => home === asked);
    expect(new Set(home.state.asked.map(({ home }) => home)).size).toBe(FETCH_HOMES_MAX);
    expect(askedOf(B)).toHaveLength(FETCH_ROUNDS_MAX);
    expect(askedOf(C).map(({ ids }) => ids.length)).toEqual([ASKED_PDUS_MAX]);
  });
});

const isOneOf =
  (ids: readonly PduId[]) =>
  ({ pdu }: Said): boolean =>
    ids.includes(pdu.id);

describe('of what a home gives', () => {
  test('nothing is taken but what was asked for and what that follows', async () => {
    const all = written(1);
    const [uncalled] = written(0);
    const beside = new Thread(random, cleo).say(cleo, [], Uint8Array.of(1), {
      conversation: conversationOf(all),
      recipients: EVERYBODY,
    });
    const home = await setup(all.slice(-1), new Map([[B, giving(uncalled, beside)]]));
    home.run();
    await home.pass();
    expect(await home.holds(uncalled, beside)).toEqual([]);
    expect(home.state.filled).toEqual([]);
  });

  test('nothing is taken that its author did not sign, nor what is no answer', async () => {
    const forger: Person = { ...bob, device: cleo.device };
    const thread = new Thread(random, bob);
    const forged = thread.mail(forger, [thread.found(bob, EVERYBODY)], EVERYBODY, 'by somebody else');
    const reply = thread.mail(bob, [forged], EVERYBODY, 'after it');
    const garbled: Backfill = async () => Uint8Array.of(255, 255, 255);
    const home = await setup(
      [reply],
      new Map([
        [B, garbled],
        [C, giving(forged)],
      ]),
    );
    home.run();
    await home.pass();
    expect(await home.holds(forged)).toEqual([]);
    expect(home.state.errors).toBe(0);
    expect(home.holes.size).toBe(1);
  });

  test('a mail without body, with attachments, or for somebody who cannot have it now is held for the fold alone', async () => {
    const thread = new Thread(random, bob);
    const founding = thread.found(bob, EVERYBODY);
    const elsewhere = thread.mail(bob, [founding], [cleo.address], 'for cleo alone');
    const attached = [{ list: 'ab'.repeat(32), size: 100 }];
    const large = thread.say(bob, [elsewhere], Uint8Array.of(1), { recipients: [ann], attached });
    const noRoom = thread.mail(bob, [large], [full], 'no room');
    // What is delivered to ann alone would be a duplicate when it comes for both.
    const some = thread.mail(bob, [noRoom], [full, ann], 'for ann too');
    const unheard = thread.mail(bob, [some], [perhaps, ann], 'for ann too');
    const last = thread.mail(bob, [unheard], [ann], 'the last');
    const waiting = [elsewhere, large, noRoom, some, unheard];
    const home = await setup([last], new Map([[B, holding(founding, ...waiting)]]));
    home.run();
    await home.pass();
    expect(await home.holds(...waiting)).toEqual(waiting.map(() => ({ delivered: false, hasBody: false })));
    expect(await home.holds(founding)).toEqual([{ delivered: true, hasBody: true }]);
  });
});

describe('a home that does not answer', () => {
  test('is left after its time, and the next is asked', async () => {
    const all = written(1);
    const home = await setup(
      all.slice(-1),
      new Map([
        [B, silent],
        [C, holding(...all)],
      ]),
    );
    home.run();
    await home.pass(ASK_TIMEOUT_MS - 1);
    expect(home.holes.size).toBe(1);
    await home.pass(1);
    expect(home.holes.size).toBe(0);
  });

  test('holds up its own conversation, and of many only so many at once', async () => {
    const stuck = Array.from({ length: FETCHES_AT_ONCE + 3 }, () => written(1, [ann]));
    const other = new Thread(random, cleo);
    const founding = other.found(cleo, [ann]);
    const reply = other.mail(cleo, [founding], [ann], 'and this');
    const early = await setup(
      [...stuck.slice(1, FETCHES_AT_ONCE).flatMap((all) => all.slice(-1)), reply],
      new Map([
        [B, silent],
        [C, holding(founding)],
      ]),
    );
    early.run();
    await early.pass();
    expect(early.state.filled).toEqual([other.conversation]);
    const crowded = await setup(
      stuck.flatMap((all) => all.slice(-1)),
      new Map([[B, silent]]),
    );
    const stop = crowded.run();
    await crowded.pass();
    expect(crowded.state.asked).toHaveLength(FETCHES_AT_ONCE);
    await stop();
  });
});

test('what nobody answers for keeps nothing back, however often somebody calls', async () => {
  const stuck = Array.from({ length: 2 * FETCHES_AT_ONCE }, () => written(1, [ann]));
  const other = new Thread(random, cleo);
  const founding = other.found(cleo, [ann]);
  const reply = other.mail(cleo, [founding], [ann], 'and this');
  const homes = new Map([
    [B, silent],
    [C, holding(founding)],
  ]);
  const home = await setup([...stuck.flatMap((all) => all.slice(-1)), reply], homes);
  home.run();
  for (let call = 0; call < 6; call++) {
    await home.pass(10_000);
    home.holes.hurry();
  }
  await home.pass();
  expect(home.state.filled).toEqual([other.conversation]);
});

test('what was fetched and could not be said to be here is said when it is tried again', async () => {
  const all = written(1);
  const home = await setup(all.slice(-1), new Map([[B, holding(...all)]]));
  let failures = 1;
  const onFilled = async (conversation: ConversationId): Promise<void> => {
    if (failures-- > 0) throw new Error('the disk is full');
    home.state.filled.push(conversation);
  };
  home.run({ onFilled });
  await home.pass();
  expect([home.state.errors, home.holes.size]).toEqual([1, 1]);
  await home.pass(FETCH_RETRY_MS);
  expect([home.state.filled.length, home.holes.size]).toEqual([1, 0]);
});
