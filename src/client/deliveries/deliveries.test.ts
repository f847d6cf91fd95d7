import { describe, expect, test } from 'vitest';
import { fromHex } from '../../base/index.ts';
import { type Delivery, type DeliveryReport, DeliveryStatus, type PduId, parsePduId } from '../../protocol/index.ts';
import { MemoryStore } from '../../store/index.ts';
import { DELIVERIES_KEPT_MAX, DELIVERY_TEXT_MAX } from '../limits.ts';
import { Deliveries } from './deliveries.ts';
import { reportOf } from './delivery-report.ts';

const ID: PduId = parsePduId('ab'.repeat(32));
/** The PDU of a blind copy of it. */
const COPY: PduId = parsePduId('ef'.repeat(32));

function delivery(changes: Partial<Delivery> = {}): Delivery {
  const recipients = ['bob@b.example'];
  const times = { at: 2_000_000, queuedAt: 1_000_000 };
  const said = { status: DeliveryStatus.REFUSED, code: 'banned', detail: 'not from you', reply: '', ...times };
  return { pdu: fromHex(ID), home: 'b.example', recipients, ...said, ...changes };
}

function report(changes: Partial<Delivery> = {}): DeliveryReport {
  const made = reportOf(delivery(changes));
  if (made === undefined) throw new Error('no report');
  return made;
}

function setup() {
  const heard: DeliveryReport[] = [];
  const deliveries = new Deliveries({
    store: new MemoryStore(),
    mailOf: async (id) => (id === COPY ? ID : id),
    onReport: (one) => heard.push(one),
  });
  return { heard, deliveries };
}

describe('delivery reports on a device', () => {
  test('are kept and told once, however often and by however many nodes they are said', async () => {
    const { deliveries, heard } = setup();
    await deliveries.take([report()]);
    await deliveries.take([report(), report({ home: 'c.example' })]);
    expect(heard.map(({ home }) => home)).toEqual(['b.example', 'c.example']);
    expect(await deliveries.of(ID)).toEqual([report(), report({ home: 'c.example' })]);
    expect(await deliveries.of(parsePduId('cd'.repeat(32)))).toEqual([]);
  });

  test('of a blind copy are told of the mail that its author has, beside those of the others', async () => {
    const { deliveries, heard } = setup();
    const recipients = ['carol@b.example'];
    await deliveries.take([report(), report({ pdu: fromHex(COPY), recipients, at: 3_000_000 })]);
    expect(heard).toMatchObject([{ pdu: ID }, { pdu: ID, recipients }]);
    expect(await deliveries.of(ID)).toMatchObject([
      { pdu: ID, recipients },
      { pdu: ID, recipients: ['bob@b.example'] },
    ]);
    expect(await deliveries.list()).toEqual(await deliveries.of(ID));
    expect(await deliveries.of(COPY)).toEqual([]);
  });

  test('follow the latest word: what has arrived after all waits no more', async () => {
    const { deliveries } = setup();
    const delayed = report({ status: DeliveryStatus.DELAYED, at: 3_000_000 });
    const delivered = report({ status: DeliveryStatus.DELIVERED, at: 4_000_000 });
    await deliveries.take([delivered]);
    await deliveries.take([delayed]);
    expect(await deliveries.list()).toEqual([delivered]);
  });

  test('are bounded: the oldest go', async () => {
    const { deliveries } = setup();
    const ids = Array.from({ length: DELIVERIES_KEPT_MAX + 2 }, (_, i) => i.toString(16).padStart(64, '0'));
    await deliveries.take(ids.map((id, at) => report({ pdu: fromHex(id), at })));
    const kept = await deliveries.list();
    expect(kept).toHaveLength(DELIVERIES_KEPT_MAX);
    expect([kept[0]?.pdu, kept.at(-1)?.pdu]).toEqual([ids.at(-1), ids[2]]);
  });
});

describe('what a node says of deliveries', () => {
  test('is left out where it is a newer home’s word, cut where it is long, refused where it is nonsense', () => {
    expect(reportOf(delivery({ status: 99 as DeliveryStatus }))).toBeUndefined();
    expect(report({ detail: 'x'.repeat(5_000) }).detail).toHaveLength(DELIVERY_TEXT_MAX);
    for (const wrong of [{ pdu: new Uint8Array(31) }, { home: 'B example' }, { recipients: ['nobody'] }])
      expect(() => reportOf(delivery(wrong))).toThrowError(expect.objectContaining({ code: 'malformed' }));
  });
});
