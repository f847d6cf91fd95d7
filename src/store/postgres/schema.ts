/**
 * The layout of a store in a database, and who has it. Each store is a schema of its own, so that several nodes share a
 * database.
 *
 *     kv      key and value, ordered by key: bytea compares as unsigned bytes, a prefix first
 *     store   one row: the version of the layout, who has it, and how many commits were made
 *
 * - `epoch` grows with each opening; a commit of an earlier one changes nothing and fails. A process that was paused, or cut
 *   off while another took its place, cannot write.
 * - `commits` counts: whoever lost the connection while it committed reads there whether that was done. A database that has
 *   gone back, since a replica took over which had not everything, is seen by it. A commit follows the one before it, or is
 *   the same again: what the network delivers late, of a connection that was given up, overwrites nothing that came after.
 *
 * Only what PostgreSQL-compatible engines have, too: no extension, no function of our own, no session's state that outlives a
 * connection.
 */
import type { ClientBase } from 'pg';
import { StoreError } from '../store-error.ts';

/** SQLSTATE. */
const FEATURE_NOT_SUPPORTED = '0A000';

/** The statements that lead from version i to i + 1; `$` stands for the schema. Only ever extended. */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    'CREATE TABLE $.kv (key bytea PRIMARY KEY, value bytea NOT NULL)',
    `CREATE TABLE $.store (
       id integer PRIMARY KEY CHECK (id = 1), version integer NOT NULL, epoch bigint NOT NULL, commits bigint NOT NULL)`,
    'INSERT INTO $.store VALUES (1, 0, 0, 0)',
  ],
];

export const SCHEMA_VERSION: number = MIGRATIONS.length;

export interface DatabasePlace {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  readonly schema: string;
  /** Whether it may be made: where a store was before, an empty one in its place would be a loss that nobody sees. */
  readonly isNew?: boolean;
}

export interface Ownership {
  readonly epoch: bigint;
  readonly commits: bigint;
}

/** Makes the layout, or brings it to the current version, and takes the store. Throws `newer_schema`, `corrupt`. */
export async function takeOwnership(client: ClientBase, { isNew, schema }: DatabasePlace): Promise<Ownership> {
  if (!isNew && (await versionOf(client, schema)) === 0)
    throw new StoreError('corrupt', `this database has no store ${schema}`, {
      fix: 'Name the database that has it with --database, or restore the node from a backup.',
    });
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
  await client.query('BEGIN');
  try {
    await migrate(client, schema);
    const { rows } = await client.query<{ epoch: string; commits: string }>(
      `UPDATE ${schema}.store SET epoch = epoch + 1 RETURNING epoch, commits`,
    );
    await client.query('COMMIT');
    await storeUncompressed(client, schema);
    return { epoch: BigInt(rows[0]?.epoch ?? 0), commits: BigInt(rows[0]?.commits ?? 0) };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined); // the first error says why
    throw error;
  }
}

async function migrate(client: ClientBase, schema: string): Promise<void> {
  const version = await versionOf(client, schema);
  if (version > SCHEMA_VERSION)
    throw new StoreError('newer_schema', `the schema ${schema} was written by a newer version of Restante`, {
      fix: 'Use that version again, or restore a backup that was made with this one.',
      details: { found: version, supported: SCHEMA_VERSION },
    });
  if (version === SCHEMA_VERSION) return;
  for (const statement of MIGRATIONS.slice(version).flat()) await client.query(statement.replaceAll('$', schema));
  await client.query(`UPDATE ${schema}.store SET version = ${SCHEMA_VERSION}`);
}

/** What is kept is mostly ciphertext, which trying to compress costs and does not shorten. Engines without the setting do as they do. */
async function storeUncompressed(client: ClientBase, schema: string): Promise<void> {
  try {
    await client.query(`ALTER TABLE ${schema}.kv ALTER COLUMN value SET STORAGE EXTERNAL`);
  } catch (error) {
    if ((error as { readonly code?: string }).code !== FEATURE_NOT_SUPPORTED) throw error;
  }
}

/** 0: there is nothing yet. */
async function versionOf(client: ClientBase, schema: string): Promise<number> {
  const tables = await client.query<{ name: string }>(
    'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = $1',
    [schema],
  );
  const names = tables.rows.map(({ name }) => name);
  if (names.length === 0) return 0;
  if (!names.includes('store') || !names.includes('kv'))
    throw new StoreError('corrupt', `the schema ${schema} is not a store of Restante`, {
      fix: 'Name another schema.',
      details: { tables: names.slice(0, 10) },
    });
  const { rows } = await client.query<{ version: number }>(`SELECT version FROM ${schema}.store`);
  return Number(rows[0]?.version ?? 0);
}

/** What the store says of itself; undefined: this server has no such store. */
export async function ownershipOf(client: ClientBase, schema: string): Promise<Ownership | undefined> {
  if ((await versionOf(client, schema)) === 0) return undefined;
  const { rows } = await client.query<{ epoch: string; commits: string }>(`SELECT epoch, commits FROM ${schema}.store`);
  return rows[0] === undefined ? undefined : { epoch: BigInt(rows[0].epoch), commits: BigInt(rows[0].commits) };
}

/**
 * A commit that is there although nobody was told of it need not be at the synchronous standby yet: the wait for that may have
 * been cut short. What is committed after it is confirmed after it.
 */
export async function confirmReplicated(client: ClientBase, schema: string): Promise<void> {
  await client.query(`UPDATE ${schema}.store SET commits = commits`);
}
