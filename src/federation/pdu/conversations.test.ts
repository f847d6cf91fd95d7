import { expect, test } from 'vitest';
import { HeldPdus } from '../../../test/harness/held-pdus.ts';
import { createPerson } from '../../../test/harness/person.ts';
import { type Said, Thread } from '../../../test/harness/thread.ts';
import { SystemRandom } from '../../base/system/index.ts';
import { parseAddress, parseHomeName } from '../../protocol/index.ts';
import { Conversations } from './conversations.ts';
import { CONVERSATION_PAGE } from './limits.ts';

const random = new SystemRandom();
const [A, B, C] = ['a.example', 'b.example', 'c.example'].map(parseHomeName);
const ann = createPerson(random, parseAddress('ann@a.example'));
const bob = createPerson(random, parseAddress('bob@b.example'));
const cleo = parseAddress('cleo@c.example');

/** What a home holds of a conversation that ann founded with bob, and its folds. */
function setup() {
  const view = new HeldPdus();
  const thread = new Thread(random, ann);
  const founding = thread.found(ann, [bob.address]);
  view.hold(founding);
  const conversations = new Conversations({ view });
  /** As a node does: on its disk first. */
  const commit = (...said: readonly Said[]): void => {
    view.hold(...said);
    conversations.committed(said.map(({ pdu }) => pdu));
  };
  return { commit, conversations, founding, thread, view };
}

test('a conversation follows what is committed: who hears of it, and whether anybody may join', async () => {
  const { commit, conversations, founding, thread } = setup();
  const { conversation } = thread;
  expect(await conversations.memberHomes(conversation)).toEqual(new Set([A, B]));
  expect(await conversations.isOpen(conversation)).toBe(false);
  const adding = thread.member(ann, [founding], [bob.address, cleo], cleo, 'invited');
  const opening = thread.join(ann, [adding], [bob.address, cleo], { open: 'reader' });
  commit(adding, opening);
  expect(await conversations.memberHomes(conversation)).toEqual(new Set([A, B, C]));
  expect(await conversations.isOpen(conversation)).toBe(true);
  commit(thread.member(ann, [opening], [bob.address, cleo], bob.address, 'removed'));
  expect(await conversations.memberHomes(conversation)).toEqual(new Set([A, C]));
});

test('what somebody may say is asked of what the PDU follows, and not known before that is here', async () => {
  const { commit, conversations, founding, thread } = setup();
  const between = thread.mail(ann, [founding], [bob.address], 'between');
  const reply = thread.mail(bob, [between], [ann.address], 'reply');
  expect(await conversations.allows(reply.pdu, reply.body)).toBe('unknown');
  commit(between);
  expect(await conversations.allows(reply.pdu, reply.body)).toBe('allowed');
  const taking = thread.member(bob, [between], [ann.address], ann.address, 'removed');
  const demoting = thread.member(ann, [between], [bob.address], bob.address, 'reader');
  commit(demoting);
  expect(await conversations.allows(taking.pdu, taking.body)).toBe('forbidden');
  // It does not follow what made its author a reader.
  expect(await conversations.allows(reply.pdu, reply.body)).toBe('allowed');
});

test('a conversation of several pages is read whole, and one that is not known is empty', async () => {
  const { conversations, founding, thread, view } = setup();
  const all = [founding];
  for (let n = 0; n < CONVERSATION_PAGE + 5; n++) all.push(thread.mail(ann, all.slice(-1), [bob.address], `mail ${n}`));
  view.hold(...all);
  const fold = await conversations.get(thread.conversation);
  expect([fold.size, fold.missing.length]).toEqual([all.length, 0]);
  expect(await conversations.memberHomes(new Thread(random, ann).conversation)).toEqual(new Set());
});

test('a conversation that could not be read is read again by who asks next, also after a commit', async () => {
  const { founding, thread, view } = setup();
  let isBroken = true;
  const read = <Args extends readonly unknown[], Answer>(work: (...args: Args) => Promise<Answer>) => {
    return async (...args: Args): Promise<Answer> => {
      if (isBroken) throw new Error('the disk does not answer');
      return work(...args);
    };
  };
  const conversations = new Conversations({
    view: {
      get: read((ids) => view.get(ids)),
      page: read((conversation, after, limit) => view.page(conversation, after, limit)),
      areDelivered: (reader, pdus) => view.areDelivered(reader, pdus),
      areHeld: (reader, ids) => view.areHeld(reader, ids),
    },
  });
  const { conversation } = thread;
  await expect(conversations.get(conversation)).rejects.toThrow('the disk does not answer');
  isBroken = false;
  expect((await conversations.get(conversation)).size).toBe(1);
  const next = thread.mail(ann, [founding], [bob.address], 'next');
  view.hold(next);
  isBroken = true;
  conversations.committed([next.pdu]);
  await expect(conversations.get(conversation)).rejects.toThrow('the disk does not answer');
  isBroken = false;
  expect((await conversations.get(conversation)).size).toBe(2);
});
