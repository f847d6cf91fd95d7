/**
 * The connection that commits. A commit goes out as one batch of statements. When the connection is lost under way, the next
 * one, to whichever server takes writes by then, is asked whether it was done; if not it is sent again, for as long as the store
 * is open: nobody is told of a commit that may yet turn out to be one. Where the store is as it was left only the writer
 * knows, so reads go where it is.
 */
import type pg from 'pg';
import type { Clock, Log } from '../../base/index.ts';
import { StoreError } from '../store-error.ts';
import type { WriteSet } from '../write-set.ts';
import { isAway, isTakenOver, takenOver, toStoreError } from './engine-errors.ts';
import { CLOSE_PATIENCE_MS, RETRY_FIRST_MS, RETRY_MAX_MS } from './limits.ts';
import { confirmReplicated, type DatabasePlace, type Ownership, ownershipOf, takeOwnership } from './schema.ts';
import { connect, serversOf } from './servers.ts';
import { statementsOf } from './writes.ts';

export interface WriterDeps {
  readonly clock: Clock;
  readonly log: Log;
}

export class Writer {
  /** Why nothing is written or read any more, when it is so: another has the store, or what was confirmed is not there. */
  readonly lost: Promise<StoreError>;
  readonly #deps: WriterDeps;
  readonly #schema: string;
  readonly #servers: readonly string[];
  readonly #epoch: bigint;
  readonly #closing = new AbortController();
  #commits: bigint;
  #client: pg.Client | undefined;
  #server: string;
  #loss: StoreError | undefined;
  #lose: (loss: StoreError) => void = () => undefined;
  /** One commit or search at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #search: Promise<void> | undefined;

  /** Makes what is missing and takes the store. Throws StoreError `locked`, `newer_schema`, `corrupt`, `failed`. */
  static async open(deps: WriterDeps, place: DatabasePlace): Promise<Writer> {
    const servers = serversOf(place.url);
    let client: pg.Client | undefined;
    try {
      const connected = await connect(deps, servers, servers[0] as string);
      client = connected.client;
      await checkDurable(client);
      if (!(await takeLock(client, place.schema)))
        throw new StoreError('locked', `another process has the store ${place.schema} open`, {
          fix: 'Stop it, or name another store.',
        });
      return new Writer(deps, place, servers, { ...connected, ...(await takeOwnership(client, place)) });
    } catch (error) {
      await client?.end();
      throw toStoreError(error);
    }
  }

  private constructor(
    deps: WriterDeps,
    { schema }: DatabasePlace,
    servers: readonly string[],
    opened: Ownership & { readonly client: pg.Client; readonly server: string },
  ) {
    this.#deps = deps;
    this.#schema = schema;
    this.#servers = servers;
    this.#epoch = opened.epoch;
    this.#commits = opened.commits;
    this.#server = opened.server;
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
    this.#take(opened.client);
  }

  /** The server that has the store as it was left, for reads. Throws StoreError when none has it any more. */
  get server(): string {
    if (this.#loss !== undefined) throw this.#loss;
    return this.#server;
  }

  async commit(writes: WriteSet): Promise<void> {
    return this.#inTurn(async () => {
      const commit = this.#commits + 1n;
      const statements = statementsOf(writes, { schema: this.#schema, epoch: this.#epoch, commit });
      let mayBeDone = false;
      const attempt = async (): Promise<void> => {
        if (this.#client === undefined && (await this.#reconnect(commit)) === 'done') return;
        try {
          await this.#run(this.#client as pg.Client, statements);
        } catch (error) {
          mayBeDone ||= this.#client === undefined || isAway(error);
          throw error;
        }
      };
      // A server may be at an attempt still whose connection was lost: its number is nobody else's until it is known.
      await this.#insist(attempt, () => mayBeDone);
      this.#commits = commit;
    });
  }

  /** A read found its server away: another may have taken its place. Resolves when one has the store; nobody need wait for it. */
  search(): Promise<void> {
    this.#search ??= this.#inTurn(() =>
      this.#insist(async () => {
        if (this.#client === undefined) await this.#reconnect(this.#commits + 1n);
        // A machine that has lost its power ends no connection: only who asks notices.
        else await this.#client.query('SELECT 1');
      }),
    ).finally(() => {
      this.#search = undefined;
    });
    return this.#search;
  }

  /** The store is no more. */
  async drop(): Promise<void> {
    await this.#client?.query(`DROP SCHEMA ${this.#schema} CASCADE`);
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

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = this.#turn;
    const result = before.then(work);
    this.#turn = result.catch(() => undefined); // thrown to who asked for it
    return result;
  }

  /** Until it is done, whatever the database does; what it refuses is thrown unless `mayBeDone`. */
  async #insist(work: () => Promise<void>, mayBeDone = () => false): Promise<void> {
    for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(RETRY_MAX_MS, 2 * waitMs)) {
      if (this.#loss !== undefined) throw this.#loss;
      try {
        return await work();
      } catch (error) {
        // While there is no connection it is unknown whether the last commit was done: whatever keeps us out is waited for.
        const isOut = this.#client === undefined;
        await this.#drop();
        if (isTakenOver(error)) throw this.#end(takenOver());
        if (this.#loss !== undefined) throw this.#loss;
        if (!isOut && !isAway(error) && !mayBeDone()) throw toStoreError(error);
        const { log } = this.#deps;
        const fields = { error: (error as Error).message };
        if (waitMs === RETRY_FIRST_MS) log.warn(fields, 'the database is away; what is written waits for it');
        else log.debug(fields, 'the database is still away');
      }
      await this.#pause(waitMs);
    }
  }

  /** All at once; the answers come together. A COMMIT of what failed before it rolls back without an error of its own. */
  async #run(client: pg.Client, statements: readonly pg.QueryConfig[]): Promise<void> {
    const answers = await Promise.allSettled(statements.map((statement) => client.query(statement)));
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
  }

  /** Whether the commit that was under way when the last connection ended was done. */
  async #reconnect(commit: bigint): Promise<'done' | 'open'> {
    const { client, server } = await connect(this.#deps, this.#servers, this.#server);
    try {
      await checkDurable(client);
      await takeLock(client, this.#schema); // may be held by our own last connection: the epoch counts
      const isDone = this.#judge(await ownershipOf(client, this.#schema), commit);
      if (isDone) await confirmReplicated(client, this.#schema);
      this.#closing.signal.throwIfAborted(); // nobody would end it
      if (server !== this.#server) this.#deps.log.warn({}, 'another server of the database has taken over');
      this.#server = server;
      this.#take(client);
      return isDone ? 'done' : 'open';
    } catch (error) {
      await client.end().catch(() => undefined); // it may have ended: that was the error
      throw error;
    }
  }

  /** Whether a store has this commit. Throws when it is ours no more, or lacks what was confirmed before. */
  #judge(found: Ownership | undefined, commit: bigint): boolean {
    if (found !== undefined && found.epoch > this.#epoch) throw this.#end(takenOver());
    const has = found?.epoch === this.#epoch ? found.commits : undefined;
    if (has === commit || has === commit - 1n) return has === commit;
    throw this.#end(wentBack(has === undefined ? undefined : commit - 1n - has));
  }

  #take(client: pg.Client): void {
    this.#client = client;
    client.once('end', () => {
      if (this.#client !== client) return;
      this.#client = undefined;
      // At once, also where nobody writes: who has taken over, and whether that one has everything.
      this.search().catch((error: unknown) =>
        this.#deps.log.debug({ error }, 'no server of the database has the store'),
      );
    });
  }

  #end(loss: StoreError): StoreError {
    this.#loss = loss;
    this.#lose(loss);
    return loss;
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

/** `lost`: how many commits; undefined: all since the store was opened, and perhaps more. */
function wentBack(lost: bigint | undefined): StoreError {
  const what = lost === undefined ? 'what it had confirmed' : `the last ${lost} commits that it had confirmed`;
  return new StoreError('corrupt', `the database lacks ${what}: a replica took over that had not everything`, {
    fix: 'Bring back the server that had it, or let the node join its home anew from the others, or restore a backup: it then begins a new feed.',
  });
}
