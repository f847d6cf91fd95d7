/** The rows of one transaction as one frame of a log: table by table, so that a frame is all of it or nothing. */
import { readUint32, writeUint32 } from '../../../base/index.ts';
import type { JournalRecord } from '../../../jmap/index.ts';
import { TABLES, type TableName } from '../../../jmap/index.ts';
import { HubError } from '../../hub-error.ts';
import { decodeRows, encodeRows } from './rows.ts';

const HEADER_BYTES = 5;

/** Form: for each table: its number (1) ‖ size (u32) ‖ rows. */
export function encodeBatch(batch: readonly JournalRecord[]): Buffer {
  const chunks: Uint8Array[] = [];
  for (const [number, { name }] of TABLES.entries()) {
    const records = batch.filter(({ table }) => table === name);
    if (records.length === 0) continue;
    const rows = encodeRows(records);
    const header = new Uint8Array(HEADER_BYTES);
    header[0] = number;
    writeUint32(header, 1, rows.length);
    chunks.push(header, rows);
  }
  return Buffer.concat(chunks);
}

/** Throws HubError `malformed`. */
export function decodeBatch(bytes: Uint8Array): JournalRecord[] {
  const records: JournalRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + HEADER_BYTES + readUint32(bytes, at + 1);
    // One by one: a transaction may have more rows than a call may have arguments.
    for (const record of decodeRows(tableOf(bytes[at] as number), bytes.subarray(at + HEADER_BYTES, end)))
      records.push(record);
    at = end;
  }
  return records;
}

/** Throws HubError `malformed`: a table that a newer program has. */
export function tableOf(number: number): TableName {
  const table = TABLES[number]?.name;
  if (table === undefined) throw new HubError('malformed', 'the journal was written by a newer program');
  return table;
}

/** The last version of each row of some batches, by table and key. */
export class LatestRows {
  readonly #tables = new Map<TableName, Map<string, JournalRecord>>();

  take(records: readonly JournalRecord[]): void {
    for (const record of records) {
      let rows = this.#tables.get(record.table);
      if (rows === undefined) this.#tables.set(record.table, (rows = new Map()));
      rows.set(record.key, record);
    }
  }

  of(table: TableName): ReadonlyMap<string, JournalRecord> {
    return this.#tables.get(table) ?? NONE;
  }
}

const NONE: ReadonlyMap<string, JournalRecord> = new Map();
