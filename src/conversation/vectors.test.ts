import { expect, test } from 'vitest';
import { utf8 } from '../base/index.ts';
import { isAddress, parseConversationId, parseConversationNonce, parsePduId } from '../protocol/index.ts';
import { ConversationFold, type ConversationPdu } from './index.ts';
import vectors from './vectors.json' with { type: 'json' };

const conversation = parseConversationId(vectors.conversation);
type Vector = (typeof vectors.cases)[number];

function addressOf(text: string) {
  if (!isAddress(text)) throw new Error(`${text} is no address`);
  return text;
}

function pdusOf(vector: Vector): ConversationPdu[] {
  return vector.pdus.map((given) => ({
    pdu: {
      id: parsePduId(given.id),
      type: given.type as 'mail' | 'member' | 'state',
      conversation,
      author: addressOf(given.author),
      depth: given.depth,
      prev: given.prev.map(parsePduId),
      recipients: given.recipients.map(addressOf),
      ...(given.nonce === undefined ? {} : { nonce: parseConversationNonce(given.nonce) }),
      ...(given.state_key === undefined ? {} : { stateKey: given.state_key }),
    },
    body: given.body === undefined ? undefined : utf8(given.body),
  }));
}

test.each(vectors.cases)('vector: $name', (vector) => {
  for (const pdus of [pdusOf(vector), pdusOf(vector).reverse()]) {
    const fold = new ConversationFold(conversation);
    fold.add(pdus);
    expect(fold.state.founder).toBe(vector.founder);
    expect(fold.state.founding).toBe(vector.founding);
    expect(Object.fromEntries(fold.state.members)).toEqual(vector.members);
    expect(fold.state.settings).toEqual(vector.settings);
    expect(fold.tips).toEqual(vector.tips);
    expect(fold.missing).toEqual(vector.missing);
    expect(fold.waiting).toEqual(vector.waiting);
    expect(
      vector.pdus
        .map(({ id }) => parsePduId(id))
        .filter((id) => fold.counts(id))
        .sort(),
    ).toEqual(vector.counting);
  }
});
