import { describe, expect, test } from 'vitest';
import {
  type Address,
  type DeliveryReport,
  type HomeName,
  type PduId,
  parseAddress,
  parseHomeName,
  parsePduId,
} from '../../protocol/index.ts';
import { MemoryStore } from '../../store/index.ts';
import { REPORTS_KEPT_MS, REPORTS_OF_AUTHOR_MAX } from './limits.ts';
import { keepReports, readReports } from './report-shelf.ts';

const ALICE: Address = parseAddress('alice@a.example');
const THERE: HomeName = parseHomeName('b.example');

function idOf(number: number): PduId {
  return parsePduId(number.toString(16).padStart(64, '0'));
}

function setup() {
  const store = new MemoryStore();
  return {
    keep: async (number: number, changes: Partial<DeliveryReport> & { readonly at: number }) => {
      const report: DeliveryReport = {
        ...{ pdu: idOf(number), home: THERE, recipients: [], status: 'refused', code: '', detail: '', queuedAt: 0 },
        ...changes,
      };
      await store.transact((rows) => keepReports(rows, ALICE, [report], report.at));
    },
    read: async (now: number, author = ALICE) =>
      (await readReports(store, author, now)).map(({ at, pdu, status }) => `${Number(`0x${pdu}`)} ${status} ${at}`),
  };
}

describe('delivery reports of an author', () => {
  test('are one for each mail and home: the later one stands, the newest first', async () => {
    const { keep, read } = setup();
    await keep(1, { at: 10, status: 'delayed' });
    await keep(2, { at: 20 });
    await keep(1, { at: 30, status: 'delivered' });
    await keep(1, { at: 15, home: parseHomeName('c.example') });
    expect(await read(40)).toEqual(['1 delivered 30', '2 refused 20', '1 refused 15']);
    expect(await read(40, parseAddress('alicia@a.example'))).toEqual([]);
    expect(await read(40, parseAddress('alic@a.example'))).toEqual([]);
  });

  test('go when they are old, unless the mail still waits', async () => {
    const { keep, read } = setup();
    await keep(1, { at: 10, status: 'delayed' });
    await keep(2, { at: 10 });
    expect(await read(10 + REPORTS_KEPT_MS)).toHaveLength(2);
    expect(await read(11 + REPORTS_KEPT_MS)).toEqual(['1 delayed 10']);
  });

  test('are bounded: a flood of delayed mail pushes out the oldest of it, and no refusal', async () => {
    const { keep, read } = setup();
    await keep(1, { at: 1 });
    await keep(2, { at: 2, status: 'delivered' });
    for (let number = 3; number < 3 + REPORTS_OF_AUTHOR_MAX; number++)
      await keep(number, { at: number, status: 'delayed' });
    const kept = await read(1_000);
    expect(kept).toHaveLength(REPORTS_OF_AUTHOR_MAX);
    expect(kept.at(-1)).toBe('1 refused 1');
    expect(kept.at(-2)).toBe('4 delayed 4');
  });
});
