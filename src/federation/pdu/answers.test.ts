import { describe, expect, test } from 'vitest';
import { HeldPdus } from '../../../test/harness/held-pdus.ts';
import { createPerson } from '../../../test/harness/person.ts';
import { type Said, Thread } from '../../../test/harness/thread.ts';
import { fromUtf8 } from '../../base/index.ts';
import { SystemRandom } from '../../base/system/index.ts';
import {
  BODY_BYTES_MAX,
  decodeDocuments,
  decodePdus,
  type HomeName,
  type PduId,
  parseAddress,
  parseHomeName,
} from '../../protocol/index.ts';
import { Answers } from './answers.ts';
import { Conversations } from './conversations.ts';
import { ANSWER_PDUS_MAX, ASKED_PDUS_MAX } from './limits.ts';
import type { LocalPeople } from './pdu-view.ts';

const random = new SystemRandom();
const [B, C, STRANGER] = ['b.example', 'c.example', 'x.example'].map(parseHomeName) as [HomeName, HomeName, HomeName];
const ann = createPerson(random, parseAddress('ann@a.example'));
const [bob, cleo] = [parseAddress('bob@b.example'), parseAddress('cleo@c.example')];

/** ann's home, asked by others. */
function setup() {
  const view = new HeldPdus();
  const local: LocalPeople = {
    admit: async () => [],
    catchUp: async () => undefined,
    deviceKeys: async () => undefined,
    documents: async (address, after) => (address === ann.address ? [ann.document].slice(after) : []),
  };
  const answers = new Answers({ view, conversations: new Conversations({ view }), local });
  return { answers, view };
}

/** ann founds it with bob and cleo, and then writes to bob alone, `count` times. */
function written(count: number, text = 'to bob alone') {
  const thread = new Thread(random, ann);
  const founding = thread.found(ann, [bob, cleo]);
  const mails: Said[] = [];
  for (let n = 0; n < count; n++) mails.push(thread.mail(ann, [mails.at(-1) ?? founding], [bob], text));
  return { thread, founding, mails, all: [founding, ...mails] };
}

const idsOf = (said: readonly Said[]): readonly PduId[] => said.map(({ pdu }) => pdu.id);

/** The answer as its receiver reads it: each header’s id by what the PDU is, and its body’s text. */
function read(bytes: Uint8Array, all: readonly Said[]) {
  const { more, pdus } = decodePdus(bytes);
  const textOf = (header: Uint8Array) => all.findIndex(({ pdu }) => Buffer.compare(pdu.header, header) === 0);
  const told = pdus.map(({ body, hasBody, pdu }) => [textOf(pdu), hasBody ? fromUtf8(body) : undefined] as const);
  return { more, told };
}

describe('a home that asks for PDUs by id', () => {
  test('gets those that were sent to its people, without their bodies those of its conversations, and no others', async () => {
    const { answers, view } = setup();
    const { all } = written(1);
    const elsewhere = written(0, 'elsewhere').thread.found(ann, [parseAddress('dan@d.example')]);
    view.hold(...all, elsewhere);
    const ids = idsOf([...all, elsewhere]);
    const asked = async (origin: HomeName) => read(await answers.pdus(origin, ids), all).told;
    expect(await asked(B)).toEqual([
      [0, 'founded'],
      [1, 'to bob alone'],
    ]);
    expect(await asked(C)).toEqual([
      [0, 'founded'],
      [1, undefined],
    ]);
    expect(await asked(STRANGER)).toEqual([]);
  });

  test.each([
    ['as many as fit an answer', BODY_BYTES_MAX / 4, 3],
    ['one that alone fills it', BODY_BYTES_MAX, 1],
  ])('gets %s, which it can read', async (_, bodyBytes, count) => {
    const { answers, view } = setup();
    const { all, mails, thread } = written(5, 'x'.repeat(bodyBytes));
    view.hold(...all);
    expect(decodePdus(await answers.pdus(B, idsOf(mails))).pdus).toHaveLength(count);
    const followed = decodePdus(await answers.backfill(B, thread.conversation, idsOf(mails.slice(-1)), 10));
    expect([followed.pdus.length, followed.more]).toEqual([count, true]);
  });
});

describe('a home that asks for a conversation', () => {
  test('is refused the same way whether it has nobody in it or nothing of it is here', async () => {
    const { answers, view } = setup();
    const { all, thread } = written(1);
    view.hold(...all);
    const unheard = new Thread(random, ann).conversation;
    for (const conversation of [thread.conversation, unheard]) {
      await expect(answers.state(STRANGER, conversation, undefined)).rejects.toMatchObject({ code: 'forbidden' });
      await expect(answers.backfill(STRANGER, conversation, [], 10)).rejects.toMatchObject({ code: 'forbidden' });
    }
  });

  test('gets it without the bodies of mail where anybody may join', async () => {
    const { answers, view } = setup();
    const { all, founding, thread } = written(0);
    const opening = thread.join(ann, [founding], [bob, cleo], { open: 'member' });
    view.hold(...all, opening);
    const { told } = read(await answers.state(STRANGER, thread.conversation, undefined), [founding, opening]);
    expect(told).toEqual([
      [0, undefined],
      [1, fromUtf8(opening.body)],
    ]);
  });

  test('gets it page by page', async () => {
    const { answers, view } = setup();
    const { all, thread } = written(ANSWER_PDUS_MAX);
    view.hold(...all);
    const first = read(await answers.state(B, thread.conversation, undefined), all);
    expect([first.told.length, first.more]).toEqual([ANSWER_PDUS_MAX, true]);
    const last = all[ANSWER_PDUS_MAX - 1] as Said;
    const place = `${last.pdu.depth}.${last.pdu.id}`;
    const second = read(await answers.state(B, thread.conversation, place), all);
    expect(second).toMatchObject({ more: false, told: [[ANSWER_PDUS_MAX, undefined]] });
  });

  test.each(['', '1', '0.ab', `1.${'g'.repeat(64)}`, `01.${'a'.repeat(64)}`])(
    'is refused the place %j',
    async (place) => {
      const { answers, view } = setup();
      const { all, thread } = written(0);
      view.hold(...all);
      await expect(answers.state(B, thread.conversation, place)).rejects.toMatchObject({ code: 'malformed' });
    },
  );
});

describe('a home that asks what PDUs follow', () => {
  test('gets them from the deepest on, as many as it asks for, and hears that there are more', async () => {
    const { answers, view } = setup();
    const { all, mails, thread } = written(5);
    view.hold(...all);
    const ask = async (limit: number) => {
      const bytes = await answers.backfill(C, thread.conversation, idsOf(mails.slice(-1)), limit);
      const { more, told } = read(bytes, all);
      return { more, told: told.map(([at]) => at) };
    };
    expect(await ask(3)).toEqual({ more: true, told: [5, 4, 3] });
    expect(await ask(100)).toEqual({ more: false, told: [5, 4, 3, 2, 1, 0] });
    expect(await ask(0)).toEqual({ more: true, told: [5] });
  });

  test('gets at most a page, of what it may ask for at once, of this conversation', async () => {
    const { answers, view } = setup();
    const { all, founding, thread } = written(ANSWER_PDUS_MAX + 10);
    const beside = Array.from({ length: ASKED_PDUS_MAX + 5 }, (_, n) => thread.mail(ann, [founding], [bob], `${n}`));
    const foreign = written(0).founding;
    view.hold(...all, ...beside, foreign);
    const ask = async (from: readonly Said[], limit: number) =>
      decodePdus(await answers.backfill(B, thread.conversation, idsOf(from), limit)).pdus.length;
    expect(await ask(all.slice(-1), 1_000)).toBe(ANSWER_PDUS_MAX);
    // Those that were asked for, and what they all follow.
    expect(await ask(beside, 1_000)).toBe(ASKED_PDUS_MAX + 1);
    expect(await ask([foreign], 1_000)).toBe(0);
  });
});

test('a person’s chain is shown from the version that is asked for on', async () => {
  const { answers } = setup();
  const ask = async (after: number) => decodeDocuments(await answers.account(ann.address, after)).documents;
  expect(await ask(0)).toEqual([ann.document]);
  expect(await ask(1)).toEqual([]);
});
