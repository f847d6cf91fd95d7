import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, fromHex } from '../base/index.ts';
import {
  decodeAnswer,
  decodeDocuments,
  decodePdus,
  decodeTransaction,
  encodeAnswer,
  encodeDocuments,
  encodePdus,
  encodeTransaction,
} from './federation-bodies.ts';
import { type Item, ItemStatus, type Transaction } from './generated/federation.ts';
import { FEDERATION_BODY_BYTES_MAX, FEDERATION_PARTS_MAX } from './limits.ts';
import { ProtocolError } from './protocol-error.ts';

const item: Item = { pdu: Uint8Array.of(1, 2), body: Uint8Array.of(3), hasBody: true, isOwed: false };
const empty: Transaction = {
  origin: 'a.example',
  destination: 'b.example',
  feed: new Uint8Array(32).fill(7),
  first: 0,
  items: [],
  edus: [],
  reach: [],
};

describe('bodies between homes', () => {
  test('come back', () => {
    const transaction = { ...empty, first: 2 ** 53 - 1, items: [item, { ...item, hasBody: false }] };
    expect(decodeTransaction(encodeTransaction(transaction))).toEqual(transaction);
    const hint: Transaction = {
      ...empty,
      edus: [{ edu: { oneofKind: 'headHint', headHint: { conversation: 'c', tips: ['d', 'e'] } } }],
      reach: [{ feed: Uint8Array.of(1), number: 5 }],
    };
    expect(decodeTransaction(encodeTransaction(hint))).toEqual(hint);
    const answer = {
      results: [{ status: ItemStatus.REJECTED, code: 'c', detail: 'd' }],
      feed: Uint8Array.of(1),
      heldTo: 9,
      reach: [],
    };
    expect(decodeAnswer(encodeAnswer(answer))).toEqual(answer);
    expect(decodePdus(encodePdus({ pdus: [item], more: true }))).toEqual({ pdus: [item], more: true });
    expect(decodeDocuments(encodeDocuments({ documents: [item.pdu] }))).toEqual({ documents: [item.pdu] });
  });

  test.each<[string, Partial<Transaction>, string]>([
    ['51 items', { first: 1, items: Array.from({ length: 51 }, () => item) }, 'too_large'],
    ['101 EDUs', { edus: Array.from({ length: 101 }, () => ({ edu: { oneofKind: undefined } })) }, 'too_large'],
    ['items and EDUs', { first: 1, items: [item], edus: [{ edu: { oneofKind: undefined } }] }, 'malformed'],
    ['items from number 0', { first: 0, items: [item] }, 'malformed'],
  ])('a transaction of %s is refused', (_, parts, code) => {
    expect(() => decodeTransaction(encodeTransaction({ ...empty, ...parts }))).toThrow(
      expect.objectContaining({ code }),
    );
  });

  test('what would cost more to decode than it may is refused before it is decoded', () => {
    // Field 1 of Pdus, empty: two bytes that would become an object each.
    const bomb = concatBytes(...Array.from({ length: FEDERATION_PARTS_MAX + 1 }, () => fromHex('0a00')));
    expect(() => decodePdus(bomb)).toThrow(expect.objectContaining({ code: 'too_large' }));
    const huge = new Uint8Array(FEDERATION_BODY_BYTES_MAX + 1);
    expect(() => decodeAnswer(huge)).toThrow(expect.objectContaining({ code: 'too_large' }));
  });

  test('any bytes are a message or a refusal', () => {
    const decoders = [decodeTransaction, decodeAnswer, decodePdus, decodeDocuments];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...decoders), (bytes, decode) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});
