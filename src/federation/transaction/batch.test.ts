import { describe, expect, test } from 'vitest';
import {
  decodeTransaction,
  parseFeedId,
  parseHomeName,
  TRANSACTION_BYTES,
  type Transaction,
} from '../../protocol/index.ts';
import type { OutboxItem } from '../ports.ts';
import { encodeBatch, encodeFixedBatch } from './batch.ts';

const [OURS, THEIRS] = [parseHomeName('a.example'), parseHomeName('b.example')];
const FEED = parseFeedId('ab'.repeat(32));

function item(number: number, bodyBytes: number | undefined): OutboxItem {
  const body = bodyBytes === undefined ? undefined : new Uint8Array(bodyBytes).fill(number);
  return { number, queuedAt: 0, pdu: new Uint8Array(1_000), body, isOwed: body === undefined };
}

function fixed(items: readonly OutboxItem[]): Transaction {
  return decodeTransaction(encodeFixedBatch(OURS, THEIRS, FEED, items));
}

describe('a batch whose range was fixed while bodies were on their way', () => {
  test('is no larger than others when all of them have come', () => {
    const body = 300 * 1024;
    const { items } = fixed(Array.from({ length: 50 }, (_, at) => item(at + 1, body)));
    expect(items).toHaveLength(50);
    expect(items.reduce((sum, { body, pdu }) => sum + body.length + pdu.length, 0)).toBeLessThan(
      1.1 * TRANSACTION_BYTES,
    );
    const whole = Math.floor(TRANSACTION_BYTES / (body + 1_000));
    expect(items.map(({ hasBody }) => hasBody)).toEqual(items.map((_, at) => at < whole));
    expect(items.map(({ isOwed }) => isOwed)).toEqual(items.map((_, at) => at >= whole));
  });

  test('is as it is where it fits, and has the body of an item that comes alone, however large', () => {
    const small = [item(1, 1_000), item(2, undefined), item(3, 2_000)];
    expect(encodeFixedBatch(OURS, THEIRS, FEED, small)).toEqual(encodeBatch(OURS, THEIRS, FEED, small));
    const [alone] = fixed([item(7, 2 * TRANSACTION_BYTES)]).items;
    expect([alone?.hasBody, alone?.body.length]).toEqual([true, 2 * TRANSACTION_BYTES]);
  });
});
