/**
 * Rows of the journal as bytes: a JSON array, and behind it the bytes of those columns that are bytes, which JSON names by
 * their length. Reading mail's lists is what a cold start waits for, and nothing reads faster than JSON.
 *
 * Form: size of the JSON (u32) ‖ JSON ‖ bytes. JSON: a row is an array of its columns, a row that is gone its key.
 */
import { fromUtf8, readUint32, utf8, writeUint32 } from '../../../base/index.ts';
import type { JournalRecord, SqlValue } from '../../../jmap/index.ts';
import { TABLES, type TableName } from '../../../jmap/index.ts';
import { HubError } from '../../hub-error.ts';

type Encoded = string | readonly (string | number | null | { readonly bytes: number })[];

/** Records of one table. */
export function encodeRows(records: readonly JournalRecord[]): Buffer {
  const blobs: Uint8Array[] = [];
  const json = utf8(JSON.stringify(records.map((record) => encodeRow(record, blobs))));
  const size = new Uint8Array(4);
  writeUint32(size, 0, json.length);
  return Buffer.concat([size, json, ...blobs]);
}

/** Throws HubError `malformed`. */
export function decodeRows(table: TableName, bytes: Uint8Array): JournalRecord[] {
  try {
    const jsonEnd = 4 + readUint32(bytes, 0);
    const rows = JSON.parse(fromUtf8(bytes.subarray(4, jsonEnd))) as Encoded[];
    const keyLength = KEY_LENGTHS.get(table) ?? 1;
    let at = jsonEnd;
    return rows.map((encoded): JournalRecord => {
      if (typeof encoded === 'string') return { table, key: encoded, row: undefined };
      const row = encoded.map((value): SqlValue => {
        if (value === null || typeof value !== 'object') return value;
        at += value.bytes;
        return new Uint8Array(bytes.buffer, bytes.byteOffset + at - value.bytes, value.bytes);
      });
      return { table, key: row.slice(0, keyLength).join(' '), row };
    });
  } catch (cause) {
    throw new HubError('malformed', 'rows of the journal do not read', { cause });
  }
}

const KEY_LENGTHS: ReadonlyMap<TableName, number> = new Map(TABLES.map(({ name, keyLength }) => [name, keyLength]));

function encodeRow({ key, row }: JournalRecord, blobs: Uint8Array[]): Encoded {
  if (row === undefined) return key;
  return row.map((value) => {
    if (!(value instanceof Uint8Array)) return value;
    blobs.push(value);
    return { bytes: value.length };
  });
}
