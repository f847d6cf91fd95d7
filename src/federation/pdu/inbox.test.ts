import { describe, expect, test } from 'vitest';
import { HeldPdus } from '../../../test/harness/held-pdus.ts';
import { createPerson, type Person } from '../../../test/harness/person.ts';
import { type Said, Thread } from '../../../test/harness/thread.ts';
import { InlineSignatureChecker, ManualClock, utf8 } from '../../base/index.ts';
import { SodiumSuite, SystemRandom } from '../../base/system/index.ts';
import { CONVERSATION_PDUS_MAX } from '../../conversation/index.ts';
import {
  type Address,
  BODY_BYTES_MAX,
  type Item,
  ItemStatus,
  type PduContent,
  type PduId,
  parseAccountDocument,
  parseAddress,
  parseHomeName,
} from '../../protocol/index.ts';
import { MemoryStore } from '../../store/index.ts';
import { FederationError } from '../federation-error.ts';
import { AuthorCheck } from './author-check.ts';
import { Conversations } from './conversations.ts';
import { Holes } from './holes.ts';
import { Inbox, type Judged } from './inbox.ts';
import { ATTACHMENT_WAIT_MS } from './limits.ts';
import type { Admission, LocalPeople } from './pdu-view.ts';

const suite = new SodiumSuite();
const random = new SystemRandom();
const never = new AbortController().signal;
const [HERE, THERE] = [parseHomeName('a.example'), parseHomeName('b.example')];
const ann = parseAddress('ann@a.example');
const amy = parseAddress('amy@a.example');
const bob = createPerson(random, parseAddress('bob@b.example'));
const ben = createPerson(random, parseAddress('ben@b.example'));
const cleo = createPerson(random, parseAddress('cleo@c.example'));
const DOCUMENTS = new Map([bob, ben].map(({ address, document }) => [address, parseAccountDocument(suite, document)]));
const ATTACHED = { attached: [{ list: 'ab'.repeat(32), size: 100 }] };

const itemOf = ({ body, pdu }: Said): Item => ({ pdu: pdu.header, body, hasBody: true, isOwed: false });
const bodyless = (said: Said): Item => ({ ...itemOf(said), body: new Uint8Array(0), hasBody: false });

/** A mail by itself. */
function mail(author: Person, changes: Partial<PduContent> = {}, recipients: readonly Address[] = [ann]): Said {
  const thread = new Thread(random, author);
  return thread.say(author, [], utf8('ciphertext'), { recipients, ...changes });
}

/** The home of ann and amy, at which others' PDUs arrive. */
async function setup() {
  const state = {
    admissions: new Map<Address, Admission>([ann, amy].map((address) => [address, 'ok'])),
    /** Throws when the authors' home is away. */
    documentOf: (address: Address) => DOCUMENTS.get(address),
    asked: [] as Address[],
    areAttachmentsHere: true,
    waited: [] as number[],
  };
  const find = async (address: Address) => {
    state.asked.push(address);
    return state.documentOf(address);
  };
  const local: LocalPeople = {
    admit: async (arrivals) => arrivals.map(({ address }) => state.admissions.get(address) ?? 'unknown_recipient'),
    catchUp: async () => undefined,
    deviceKeys: async () => undefined,
    documents: async () => [],
  };
  const attachments = {
    piece: async () => undefined,
    gather: async (_: Address, __: unknown, ___: unknown, waitMs: number) => {
      state.waited.push(waitMs);
      return state.areAttachmentsHere;
    },
  };
  const view = new HeldPdus();
  const store = new MemoryStore();
  const signatures = new InlineSignatureChecker(suite);
  const authors = new AuthorCheck(
    { clock: new ManualClock(0), suite, signatures, people: { find, refresh: find }, local },
    { home: HERE },
  );
  const conversations = new Conversations({ view });
  const holes = await Holes.open({ clock: new ManualClock(0), store, view });
  const link = { blob: async () => new Uint8Array(0) };
  const deps = { suite, store, view, local, authors, conversations, holes, attachments, link };
  const inbox = new Inbox(deps, { home: HERE });
  const appended: PduId[] = [];
  const commit = view.commitsOf(store, (pdus) => appended.push(...pdus.map(({ id }) => id)));
  const judge = (...items: readonly Item[]) => inbox.judge(THERE, items, never);
  const stage = (judged: readonly Judged[]) => commit((staging) => inbox.stage(staging, THERE, judged));
  const take = async (...items: readonly Item[]) => stage(await judge(...items));
  return { appended, commit, holes, inbox, judge, stage, state, store, take, view };
}

type Home = Awaited<ReturnType<typeof setup>>;

const verdictOf = async (home: Home, item: Item): Promise<string> => {
  const [judged] = await home.judge(item);
  return judged !== undefined && 'code' in judged ? `${judged.status} ${judged.code}` : `${judged?.status}`;
};

describe('a PDU from another home is refused', () => {
  const thread = new Thread(random, bob);
  const forged = { ...bob, device: { ...bob.device, secretKey: ben.device.secretKey } };
  const otherDevice = { ...bob, device: ben.device };
  const refused: readonly (readonly [string, Item, string])[] = [
    ['that is none', { ...itemOf(mail(bob)), pdu: utf8('{}') }, 'malformed'],
    ['with another body', { ...itemOf(mail(bob)), body: utf8('ciphertexd') }, 'malformed'],
    ['with a longer body', { ...itemOf(mail(bob)), body: utf8('ciphertext and more') }, 'malformed'],
    ['that is a note', itemOf(mail(bob, { type: 'note' })), 'malformed'],
    ['deeper than a conversation is', itemOf(mail(bob, { depth: CONVERSATION_PDUS_MAX + 1 })), 'malformed'],
    ['with too large a body', itemOf(mail(bob, { body: bodyOfSize(BODY_BYTES_MAX + 1) })), 'too_large'],
    [
      'that changes who is in it, without its body',
      bodyless(thread.member(bob, [thread.found(bob, [ann])], [ann], ann, 'reader')),
      'malformed',
    ],
    ['by somebody of a third home', itemOf(mail(cleo)), 'forged_author'],
    ['for nobody here', itemOf(mail(bob, {}, [cleo.address])), 'no_recipient'],
    ['for nobody who is known here', itemOf(mail(bob, {}, [parseAddress('eve@a.example')])), 'unknown_recipient'],
    [
      'by nobody whom its home knows',
      itemOf(mail(createPerson(random, parseAddress('x@b.example')))),
      'unknown_author',
    ],
    ['by a device that its author has not', itemOf(mail(otherDevice)), 'unknown_device'],
    ['signed by somebody else', itemOf(mail(forged)), 'bad_signature'],
  ];

  test.each(refused)('%s', async (_, item, code) => {
    expect(await verdictOf(await setup(), item)).toBe(`rejected ${code}`);
  });

  test('that its author had no right to, by what it follows', async () => {
    const home = await setup();
    const founding = thread.found(bob, [ann]);
    home.view.hold(founding);
    expect(await verdictOf(home, itemOf(thread.mail(ben, [founding], [ann], 'let me in')))).toBe(
      'rejected not_a_member',
    );
    expect(await verdictOf(home, itemOf(thread.mail(bob, [founding], [ann], 'hello again')))).toBe('good');
  });

  test('that follows one which is refused beside it', async () => {
    const home = await setup();
    const founding = thread.found(bob, [ann]);
    const strange = thread.mail(otherDevice, [founding], [ann], 'not mine');
    const after = thread.mail(bob, [strange], [ann], 'after it');
    const results = await home.take(...[founding, strange, after].map(itemOf));
    expect(results.map(({ code }) => code)).toEqual(['', 'unknown_device', 'not_a_member']);
    expect(home.appended).toEqual([founding.pdu.id]);
  });
});

test('a PDU is taken that follows one beside it which is for nobody here any more', async () => {
  const home = await setup();
  const thread = new Thread(random, bob);
  const eve = parseAddress('eve@a.example');
  const founding = thread.found(bob, [ann, eve]);
  const toEve = thread.mail(bob, [founding], [eve], 'are you there?');
  const reply = thread.mail(bob, [toEve], [ann], 'after it');
  const results = await home.take(...[founding, toEve, reply].map(itemOf));
  expect(results.map(({ code }) => code)).toEqual(['', 'unknown_recipient', '']);
  expect(home.appended).toEqual([founding.pdu.id, reply.pdu.id]);
});

function bodyOfSize(size: number): PduContent['body'] {
  return { sha256: '00'.repeat(32), size };
}

describe('a PDU waits', () => {
  test('while one of its readers has no room, or its body is owed', async () => {
    const home = await setup();
    home.state.admissions.set(amy, 'over_quota');
    expect(await verdictOf(home, itemOf(mail(bob, {}, [ann, amy])))).toBe('later over_quota');
    expect(await verdictOf(home, { ...bodyless(mail(bob)), isOwed: true })).toBe('later body_owed');
  });

  test('while the keys of its author cannot be had, and is refused only for what will not change', async () => {
    const home = await setup();
    home.state.documentOf = () => {
      throw new FederationError('unreachable', 'away', { retry: 'later' });
    };
    expect(await verdictOf(home, itemOf(mail(bob)))).toBe('later unknown_keys');
    expect(await verdictOf(home, itemOf(mail(bob, {}, [cleo.address])))).toBe('rejected no_recipient');
  });

  test('while what is attached is on its way: the first for a moment, those behind it not at all', async () => {
    const home = await setup();
    home.state.areAttachmentsHere = false;
    const [one, two, plain] = [mail(bob, ATTACHED), mail(bob, ATTACHED), mail(bob)];
    const results = await home.take(...[one, two, plain].map(itemOf));
    expect(results.map(({ code }) => code)).toEqual(['attachment_coming', 'attachment_coming', '']);
    expect(home.state.waited).toEqual([ATTACHMENT_WAIT_MS, 0]);
    home.state.areAttachmentsHere = true;
    expect(await verdictOf(home, itemOf(one))).toBe('good');
  });

  test('and nothing is fetched that is attached to one which is refused', async () => {
    const home = await setup();
    const forged = mail({ ...bob, device: ben.device }, ATTACHED);
    expect(await verdictOf(home, itemOf(forged))).toBe('rejected unknown_device');
    expect(home.state.waited).toEqual([]);
  });
});

describe('what is good', () => {
  test('comes to those who live here and are known, and what is bad beside it harms nothing', async () => {
    const home = await setup();
    const good = mail(bob, {}, [ann, parseAddress('eve@a.example'), cleo.address, amy]);
    const judged = await home.judge(itemOf(mail(cleo)), itemOf(good), { ...itemOf(mail(bob)), pdu: utf8('x') });
    expect(judged[1]).toMatchObject({ status: 'good', accounts: [ann, amy] });
    const results = await home.stage(judged);
    expect(results.map(({ status }) => status)).toEqual([ItemStatus.REJECTED, ItemStatus.OK, ItemStatus.REJECTED]);
    expect(home.appended).toEqual([good.pdu.id]);
  });

  test('and is here already is known before anybody is asked for anything', async () => {
    const home = await setup();
    const said = mail(bob);
    home.view.hold(said);
    home.state.admissions.set(ann, 'over_quota');
    const results = await home.take(itemOf(said), { ...bodyless(said), isOwed: true });
    expect(results.map(({ status }) => status)).toEqual([ItemStatus.DUPLICATE, ItemStatus.DUPLICATE]);
    expect(home.state.asked).toEqual([]);
    expect(home.appended).toEqual([]);
  });

  test('is taken once, said twice in a transaction or taken by another while it was judged', async () => {
    const home = await setup();
    const said = itemOf(mail(bob));
    const judged = await home.judge(said, said);
    const late = await home.judge(said);
    const statuses = (await home.stage(judged)).map(({ status }) => status);
    expect(statuses).toEqual([ItemStatus.OK, ItemStatus.DUPLICATE]);
    expect((await home.stage(late)).map(({ status }) => status)).toEqual([ItemStatus.DUPLICATE]);
    expect(home.appended).toHaveLength(1);
  });

  test('and was held for the fold alone is delivered when it comes to its readers', async () => {
    const home = await setup();
    const said = mail(bob);
    home.view.take({ ...said, accounts: [] });
    expect((await home.take(itemOf(said))).map(({ status }) => status)).toEqual([ItemStatus.OK]);
    expect(home.appended).toEqual([said.pdu.id]);
  });
});

describe('what a PDU follows', () => {
  const thread = new Thread(random, bob);
  const founding = thread.found(bob, [ann]);
  const reply = thread.mail(bob, [founding], [ann], 'and this');
  const judgeReply = async (home: Home): Promise<readonly Judged[]> => home.judge(itemOf(reply));

  test('and is not here is looked for, while the PDU is delivered', async () => {
    const home = await setup();
    expect((await home.stage(await judgeReply(home))).map(({ status }) => status)).toEqual([ItemStatus.OK]);
    expect(home.holes.due(10).map(({ conversation }) => conversation)).toEqual([thread.conversation]);
  });

  test('and comes beside it is not', async () => {
    const home = await setup();
    await home.take(itemOf(founding), itemOf(reply));
    expect(home.holes.size).toBe(0);
  });

  test('is not looked for when the transaction is not committed', async () => {
    const home = await setup();
    const judged = await judgeReply(home);
    const failing = home.commit(async (staging) => {
      await home.inbox.stage(staging, THERE, judged);
      throw new Error('the disk is full');
    });
    await expect(failing).rejects.toThrow('the disk is full');
    expect([home.holes.size, home.appended.length, await home.store.sizeBytes()]).toEqual([0, 0, 0]);
  });
});
