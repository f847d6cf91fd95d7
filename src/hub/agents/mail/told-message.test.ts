import { describe, expect, test } from 'vitest';
import type { Summary } from '../../../client/index.ts';
import { parseAddress, parseConversationId, parseFeedId, parsePduId } from '../../../protocol/index.ts';
import { toldMessage } from './told-message.ts';

const ALICE = parseAddress('alice@home.example');
const BOB = parseAddress('bob@home.example');
const DOOR = parseAddress('smtp-door-0123456789abcdef@home.example');
const CONVERSATION = parseConversationId('c'.repeat(32));

function summaryOf(said: Partial<Summary>): Summary {
  return {
    id: parsePduId('1'.repeat(64)),
    conversation: CONVERSATION,
    feed: parseFeedId('f'.repeat(64)),
    number: 1,
    author: BOB,
    recipients: [ALICE, BOB],
    from: 'bob@home.example',
    to: [ALICE],
    subject: 'a',
    snippet: '',
    sentAt: 1_000,
    receivedAt: 1_000_000,
    size: 1,
    attachmentCount: 0,
    proof: 'verified',
    bound: true,
    keywords: [],
    ...said,
  };
}

describe('the thread of a message', () => {
  test.each([
    ['is its conversation', {}, CONVERSATION],
    ['is told by the header of a note to oneself', { author: ALICE, recipients: [ALICE] }, undefined],
    ['is told by the header of mail from outside', { author: DOOR, recipients: [ALICE] }, undefined],
  ])('%s', (_, said, conversation) => {
    expect(toldMessage(summaryOf(said), ALICE).conversation).toBe(conversation);
  });
});
