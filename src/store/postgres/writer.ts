/**
 * The connection that commits. A commit goes out as one batch of statements. When the connection is lost under way, the next
 * one is asked whether it was done; if not it is sent again, for as long as the store is open: nobody is told of a commit
 * that may yet turn out to be one.
 */
import pg from 'pg';
import type { Clock, Log } from '../../base/index.ts';
import { StoreError } from '../store-error.ts';
import type { WriteSet } from '../write-set.ts';
import { isAway, isTakenOver, takenOver, toStoreError } from './engine-errors.ts';
import { CLOSE_PATIENCE_MS, CONNECT_TIMEOUT_MS, RETRY_FIRST_MS, RETRY_MAX_MS, STATEMENT_TIMEOUT_MS } from './limits.ts';
import { commitsOf, type DatabasePlace, type Ownership, takeOwnership } from './schema.ts';
import { statementsOf } from './writes.ts';

export interface WriterDeps {
  readonly clock: Clock;
  readonly log: Log;
}

export class Writer {
  readonly #deps: WriterDeps;
  readonly #place: DatabasePlace;
  readonly #epoch: bigint;
  readonly #closing = new AbortController();
  #commits: bigint;
  #client: pg.Client | undefined;
  /** Why nothing is written any more. */
  #ended: StoreError | undefined;

  /** Makes what is missing and takes the store. Throws StoreError `locked`, `newer_schema`, `corrupt`, `failed`. */
  static async open(deps: WriterDeps, place: DatabasePlace): Promise<Writer> {
    const client = await connect(deps, place);
    try {
      await checkDurable(client);
      if (!(await takeLock(client, place.schema)))
        throw new StoreError('locked', `another process has the store ${place.schema} open`, {
          fix: 'Stop it, or name another store.',
        });
      return new Writer(deps, place, await takeOwnership(client, place), client);
    } catch (error) {
      await client.end();
      throw toStoreError(error);
    }
  }

  private constructor(deps: WriterDeps, place: DatabasePlace, { commits, epoch }: Ownership, opened: pg.Client) {
    this.#deps = deps;
    this.#place = place;
    this.#epoch = epoch;
    this.#commits = commits;
    this.#client = opened;
  }

  /** One at a time. */
  async commit(writes: WriteSet): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    const commit = this.#commits + 1n;
    const statements = statementsOf(writes, { schema: this.#place.schema, epoch: this.#epoch, commit });
    for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(RETRY_MAX_MS, 2 * waitMs)) {
      try {
        if (this.#client === undefined && (await this.#reconnect(commit)) === 'done') break;
        await this.#run(this.#client as pg.Client, statements);
        break;
      } catch (error) {
        await this.#drop();
        if (isTakenOver(error)) this.#ended = takenOver();
        if (this.#ended !== undefined) throw this.#ended;
        if (!isAway(error)) throw toStoreError(error);
        if (waitMs === RETRY_FIRST_MS)
          this.#deps.log.warn(
            { error: (error as Error).message },
            'the database is away; what is written waits for it',
          );
      }
      await this.#pause(waitMs);
    }
    this.#commits = commit;
  }

  /** The store is no more. */
  async drop(): Promise<void> {
    await this.#client?.query(`DROP SCHEMA ${this.#place.schema} CASCADE`);
  }

  /** What waits for a database that is away waits a little longer, and no more. */
  async closeSoon(): Promise<void> {
    await this.#deps.clock.sleep(CLOSE_PATIENCE_MS, this.#closing.signal).catch(() => undefined); // closed by then
    this.#closing.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#drop();
  }

  /** All at once; the answers come together. A COMMIT of what failed before it rolls back without an error of its own. */
  async #run(client: pg.Client, statements: readonly pg.QueryConfig[]): Promise<void> {
    const answers = await Promise.allSettled(statements.map((statement) => client.query(statement)));
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
  }

  /** Whether the commit that was under way when the last connection ended was done. */
  async #reconnect(commit: bigint): Promise<'done' | 'open'> {
    const client = await connect(this.#deps, this.#place);
    try {
      await takeLock(client, this.#place.schema); // may be held by our own last connection: the epoch counts
      const commits = await commitsOf(client, this.#place.schema, this.#epoch);
      if (commits === undefined) throw (this.#ended = takenOver());
      if (commits !== commit && commits !== commit - 1n) throw (this.#ended = wentBack(commit - 1n - commits));
      this.#client = client;
      return commits === commit ? 'done' : 'open';
    } catch (error) {
      await client.end().catch(() => undefined); // it may have ended: that was the error
      throw error;
    }
  }

  async #drop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined); // what it had to say was said
  }

  async #pause(ms: number): Promise<void> {
    try {
      await this.#deps.clock.sleep(ms, this.#closing.signal);
    } catch (cause) {
      throw new StoreError('closed', 'the store was closed while the database was away', { cause });
    }
  }
}

async function connect({ log }: WriterDeps, { url }: DatabasePlace): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'restante',
    pipeline: true,
  });
  // Whatever waits for an answer hears of it too.
  client.on('error', (error) => log.debug({ error: error.message }, 'a connection to the database ended'));
  await client.connect();
  return client;
}

/** Throws `failed` when this server says that something is on disk before it is. */
async function checkDurable(client: pg.Client): Promise<void> {
  await client.query('SET synchronous_commit = on');
  const { rows } = await client.query<{ setting: string }>("SELECT setting FROM pg_settings WHERE name = 'fsync'");
  if (rows[0]?.setting === 'off')
    throw new StoreError('failed', 'this database runs with fsync = off: it would lose mail that was acknowledged', {
      fix: 'Set fsync = on in postgresql.conf.',
    });
}

/** Held as long as the connection; engines without such locks give it to anybody, and the epoch decides alone. */
async function takeLock(client: pg.Client, schema: string): Promise<boolean> {
  const { rows } = await client.query<{ got: boolean }>(
    "SELECT pg_try_advisory_lock(hashtextextended('restante ' || $1, 0)) AS got",
    [schema],
  );
  return rows[0]?.got ?? true;
}

function wentBack(lost: bigint): StoreError {
  return new StoreError('corrupt', `the database lacks the last ${lost} commits that it had confirmed`, {
    fix: 'A replica took over that had not everything. Restore the node from a backup or from the other nodes: it begins a new feed.',
  });
}
