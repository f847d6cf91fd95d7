/**
 * Rows of the journal as bytes: a JSON array, and behind it the bytes of those columns that are bytes, which JSON names by
 * their length. Reading mail's lists is what a cold start waits for, and nothing reads faster than JSON.
 *
 * Form: size of the JSON (u32) ‖ JSON ‖ bytes. JSON: a row is an array of its columns, a row that is gone its key.
 */
import { fromUtf8, readUint32, utf8, writeUint32 } from '../../../base/index.ts';
import type { JournalRecord, SqlValue } from '../../../jmap/index.ts';
import { rowKey, TABLES, type TableName } from '../../../jmap/index.ts';
import { HubError } from '../../hub-error.ts';

type EncodedValue = string | number | null | { readonly bytes: number };
type Encoded = string | readonly EncodedValue[];

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
    const json = fromUtf8(bytes.subarray(4, jsonEnd));
    const rows = JSON.parse(json) as Encoded[];
    const keyLength = KEY_LENGTHS.get(table) ?? 1;
    const hasBytes = json.includes('{"bytes":');
    let at = jsonEnd;
    const decode = (value: EncodedValue): SqlValue => {
      if (value === null || typeof value !== 'object') return value;
      at += value.bytes;
      return new Uint8Array(bytes.buffer, bytes.byteOffset + at - value.bytes, value.bytes);
    };
    return rows.map((encoded): JournalRecord => {
      if (typeof encoded === 'string') return { table, key: encoded, row: undefined };
      // Of most tables JSON has the rows as they are, and there are tens of thousands of them.
      const row = hasBytes ? encoded.map(decode) : (encoded as readonly SqlValue[]);
      return { table, key: rowKey(row, keyLength), row };
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
