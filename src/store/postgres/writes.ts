/**
 * A write set as the statements of one transaction, which go out together and are answered together. All keys travel as one
 * byte string and all values as another, with where each begins: the server cuts them, and nothing is spelled as text.
 */
import type { QueryConfig } from 'pg';
import { DELETED, type WriteSet } from '../write-set.ts';

export interface CommitMark {
  readonly schema: string;
  readonly epoch: bigint;
  /** The number of this commit. */
  readonly commit: bigint;
}

export function statementsOf(writes: WriteSet, mark: CommitMark): QueryConfig[] {
  const { schema, epoch, commit } = mark;
  const statements: QueryConfig[] = [
    { text: 'BEGIN' },
    {
      // Fails where nothing is updated, and with it the transaction: there is no other way to ask within one. A commit that was
      // sent again may be done already; one behind it is not undone by what arrives late of a connection that was given up.
      name: 'mark',
      text: `WITH mine AS (UPDATE ${schema}.store SET commits = $2::bigint
                           WHERE epoch = $1::bigint AND commits BETWEEN $2::bigint - 1 AND $2::bigint RETURNING 1)
             SELECT 1 / count(*) FROM mine`,
      values: [String(epoch), String(commit)],
    },
  ];
  for (const { from, to } of writes.deletedSpans)
    statements.push({
      name: 'delete range',
      text: `DELETE FROM ${schema}.kv WHERE key >= $1 AND key < $2`,
      values: [bufferOf(from), bufferOf(to)],
    });
  const { deleted, put } = sortWrites(writes);
  if (deleted.length > 0)
    statements.push({
      name: 'delete',
      text: `DELETE FROM ${schema}.kv WHERE key = ANY($1::bytea[])`,
      values: [deleted.map(bufferOf)],
    });
  if (put.length > 0) statements.push(putAll(schema, put));
  statements.push({ text: 'COMMIT' });
  return statements;
}

type Entry = readonly [key: Uint8Array, value: Uint8Array];

function sortWrites(writes: WriteSet): { readonly deleted: readonly Uint8Array[]; readonly put: readonly Entry[] } {
  const deleted: Uint8Array[] = [];
  const put: Entry[] = [];
  writes.forEach((key, written) => {
    if (written === DELETED) deleted.push(key);
    else put.push([key, written]);
  });
  return { deleted, put };
}

function putAll(schema: string, put: readonly Entry[]): QueryConfig {
  const keys = join(put.map(([key]) => key));
  const values = join(put.map(([, value]) => value));
  return {
    name: 'put',
    text: `INSERT INTO ${schema}.kv (key, value)
           SELECT substring($1::bytea FROM key_at FOR key_size), substring($2::bytea FROM value_at FOR value_size)
           FROM unnest($3::int[], $4::int[], $5::int[], $6::int[]) AS part (key_at, key_size, value_at, value_size)
           ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    values: [keys.bytes, values.bytes, keys.starts, keys.sizes, values.starts, values.sizes],
  };
}

/** `starts` count from 1, as SQL does. */
function join(parts: readonly Uint8Array[]): {
  readonly bytes: Buffer;
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
} {
  let at = 1;
  const sizes = parts.map(({ length }) => length);
  const starts = sizes.map((size) => {
    const start = at;
    at += size;
    return start;
  });
  return { bytes: Buffer.concat(parts), starts, sizes };
}

/** Of the driver: it sends Buffers as they are, and other arrays as text. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
