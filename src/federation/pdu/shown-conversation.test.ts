import { expect, test } from 'vitest';
import { utf8 } from '../../base/index.ts';
import {
  BODY_BYTES_MAX,
  encodePdus,
  type Item,
  PDU_HEADER_BYTES_MAX,
  parseConversationId,
  parseHomeName,
  parsePduId,
} from '../../protocol/index.ts';
import { ANSWER_PDUS_MAX } from './limits.ts';
import { askForPage } from './shown-conversation.ts';

const never = new AbortController().signal;
const home = parseHomeName('b.example');
const conversation = parseConversationId('ab'.repeat(16));
const id = parsePduId('c'.repeat(64));

const itemOf = (bodyBytes: number): Item => ({
  pdu: utf8('{}'),
  body: new Uint8Array(bodyBytes),
  hasBody: true,
  isOwed: false,
});

async function ask(answer: Uint8Array) {
  const asked: (string | undefined)[] = [];
  const state = async (_: unknown, __: unknown, after: string | undefined): Promise<Uint8Array> => {
    asked.push(after);
    return answer;
  };
  return { asked, page: await askForPage({ state }, home, conversation, { depth: 7, id }, never) };
}

test('a conversation is asked for from a place on, and comes as it is shown', async () => {
  const { asked, page } = await ask(encodePdus({ pdus: [itemOf(3)], more: true }));
  expect(asked).toEqual([`7.${id}`]);
  expect(page).toMatchObject({ pdus: [{ pdu: utf8('{}'), hasBody: true }], more: true });
});

test.each([
  ['no answer of ours', Uint8Array.of(255, 255)],
  [
    'more PDUs than a page has',
    encodePdus({ pdus: Array.from({ length: ANSWER_PDUS_MAX + 1 }, () => itemOf(1)), more: false }),
  ],
  [
    'more bytes than a frame has',
    encodePdus({ pdus: [itemOf(BODY_BYTES_MAX), itemOf(PDU_HEADER_BYTES_MAX)], more: false }),
  ],
])('%s is refused', async (_, answer) => {
  await expect(ask(answer)).rejects.toMatchObject({ code: 'bad_answer' });
});
