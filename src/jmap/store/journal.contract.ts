/** What every journal keeps: whole transactions in order, the last version of each row, lists before what only search needs. */
import { describe, expect, test } from 'vitest';
import type { Journal, JournalRecord } from './journal.ts';
import { LATE_TABLES, TABLES } from './schema.ts';

/** `reopen` is what a program that starts again would open. */
export interface JournalSite extends AsyncDisposable {
  readonly journal: Journal;
  reopen(): Promise<Journal>;
}

export function journalContract(name: string, openSite: () => Promise<JournalSite>): void {
  describe(`${name} keeps rows`, () => {
    test('none at first', async () => {
      await using site = await openSite();
      expect([...(await rowsOf(site.journal, 'lists')), ...(await rowsOf(site.journal, 'rest'))]).toEqual([]);
    });

    test('in their last version, and those that are gone not at all', async () => {
      await using site = await openSite();
      await written(site.journal, [
        [put('email', '1', [1, 'first']), put('email', '2', [2, 'two'])],
        [put('email', '1', [1, 'second']), { table: 'email', key: '2', row: undefined }],
        [put('email', '3', [3, 'three'])],
      ]);
      expect(await rowsOf(await site.reopen(), 'lists')).toEqual([
        put('email', '1', [1, 'second']),
        put('email', '3', [3, 'three']),
      ]);
    });

    test('with every kind of value, and keys that begin like others', async () => {
      await using site = await openSite();
      const rows = [
        put('object', '1 Private a', [1, 'Private', 'a', '{"x":"\u{1f600}\\u0000 \\n"}']),
        put('object', '1 Private a b', [1, 'Private', 'a b', '']),
        put('object', '1 Private ', [1, 'Private', '', null]),
        put('email', '9007199254740991', [Number.MAX_SAFE_INTEGER, -1, 0, null]),
      ];
      await written(site.journal, [rows]);
      const read = await rowsOf(await site.reopen(), 'lists');
      expect([...read].sort(byKey)).toEqual([...rows].sort(byKey));
      await written(site.journal, [[put('header', '1', [1, Uint8Array.of(0, 255, 13, 10)])]]);
      const [header] = await rowsOf(await site.reopen(), 'rest');
      expect(Buffer.from(header?.row?.[1] as Uint8Array)).toEqual(Buffer.of(0, 255, 13, 10));
    });

    test('of lists before the rest, table after table', async () => {
      await using site = await openSite();
      await written(site.journal, [TABLES.map(({ name: table }) => put(table, '1', [1])).reverse()]);
      const journal = await site.reopen();
      const lists = (await rowsOf(journal, 'lists')).map(({ table }) => table);
      const rest = (await rowsOf(journal, 'rest')).map(({ table }) => table);
      expect(lists).toEqual(TABLES.map(({ name: table }) => table).filter((table) => !LATE_TABLES.has(table)));
      expect(rest).toEqual([...LATE_TABLES]);
    });

    test('of many transactions that were appended before a flush', async () => {
      await using site = await openSite();
      const batches = Array.from({ length: 1000 }, (_, n) => [put('email', `${n % 100}`, [n % 100, n])]);
      await written(site.journal, batches);
      const rows = await rowsOf(await site.reopen(), 'lists');
      expect(rows.map(({ row }) => row?.[1]).sort((a, b) => Number(a) - Number(b))).toEqual(
        Array.from({ length: 100 }, (_, n) => 900 + n),
      );
    });
  });
}

async function written(journal: Journal, batches: readonly (readonly JournalRecord[])[]): Promise<void> {
  for (const batch of batches) journal.append(batch);
  await journal.flush();
}

function put(table: JournalRecord['table'], key: string, row: NonNullable<JournalRecord['row']>): JournalRecord {
  return { table, key, row };
}

async function rowsOf(journal: Journal, portion: 'lists' | 'rest'): Promise<JournalRecord[]> {
  const rows: JournalRecord[] = [];
  for await (const records of journal.load(portion)) rows.push(...records);
  return rows;
}

function byKey(a: JournalRecord, b: JournalRecord): number {
  return a.table === b.table ? (a.key < b.key ? -1 : 1) : a.table < b.table ? -1 : 1;
}
