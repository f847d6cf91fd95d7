/** Reads of what is durable, each of one snapshot, over a few connections to the server where the writer is. */
import { setMaxListeners } from 'node:events';
import pg from 'pg';
import type { Clock, Log } from '../../base/index.ts';
import type { Scan, ScanResult } from '../engine.ts';
import type { KeySpan } from '../key-span.ts';
import type { Row } from '../store.ts';
import { isAway, toStoreError } from './engine-errors.ts';
import {
  CONNECT_TIMEOUT_MS,
  PAGE_BYTES_MAX,
  PAGE_ROWS_MAX,
  READ_CONNECTIONS_MAX,
  READ_PATIENCE_MS,
  RETRY_FIRST_MS,
  RETRY_MAX_MS,
  STATEMENT_TIMEOUT_MS,
} from './limits.ts';
import type { DatabasePlace } from './schema.ts';
import type { Writer } from './writer.ts';
import { bufferOf } from './writes.ts';

type Queryable = Pick<pg.ClientBase, 'query'>;

interface Wanted {
  readonly span: KeySpan;
  readonly reverse: boolean;
  readonly limit: number;
  readonly maxBytes: number;
}

export interface ReaderDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Knows which server has the store as it was left, and looks for it. */
  readonly writer: Pick<Writer, 'search' | 'server'>;
}

export class Reader {
  readonly #deps: ReaderDeps;
  readonly #schema: string;
  readonly #closing = new AbortController();
  #server: string | undefined;
  #connections: pg.Pool | undefined;
  /** Of servers that have gone. */
  readonly #ending = new Set<Promise<void>>();

  constructor(deps: ReaderDeps, { schema }: DatabasePlace) {
    this.#deps = deps;
    this.#schema = schema;
    // One listener for each read that waits for the database to come back: as many as have been asked for.
    setMaxListeners(0, this.#closing.signal);
  }

  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#insist(async () => {
      const rows = await this.#rows(this.#pool, {
        name: 'get',
        text: `SELECT key, value FROM ${this.#schema}.kv WHERE key = ANY($1::bytea[])`,
        values: [keys.map(bufferOf)],
      });
      const found = new Map(rows.map(([key, value]) => [key.toString('latin1'), value]));
      return keys.map((key) => {
        const value = found.get(bufferOf(key).toString('latin1'));
        return value === undefined ? undefined : new Uint8Array(value);
      });
    });
  }

  scan(scan: Scan): Promise<ScanResult> {
    return this.#insist(async () => (await this.#scanAtOnce(scan)) ?? (await this.#scanByPages(scan)));
  }

  /** Every row, in the order of the keys, as of one moment. */
  async *everything(span: KeySpan): AsyncGenerator<readonly Row[], void, void> {
    const client = await this.#pool.connect();
    try {
      await client.query(SNAPSHOT);
      for (let { from } = span; ; ) {
        const wanted = { span: { from, to: span.to }, reverse: false, limit: PAGE_ROWS_MAX, maxBytes: PAGE_BYTES_MAX };
        const rows = await this.#page(client, wanted);
        const last = rows.at(-1);
        if (last === undefined) break;
        yield rows;
        from = after(last.key);
      }
      await client.query('COMMIT');
      client.release();
    } catch (error) {
      client.release(true);
      throw toStoreError(error);
    }
  }

  async sizeBytes(): Promise<number> {
    return this.#insist(async () => {
      const { rows } = await this.#pool.query<[string]>({
        rowMode: 'array',
        text: 'SELECT pg_total_relation_size($1::regclass)',
        values: [`${this.#schema}.kv`],
      });
      return Number(rows[0]?.[0] ?? 0);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#connections?.end();
    await Promise.all(this.#ending);
  }

  /** Throws StoreError when no server has the store any more. */
  get #pool(): pg.Pool {
    const { log, writer } = this.#deps;
    const { server } = writer;
    if (this.#connections !== undefined && this.#server === server) return this.#connections;
    this.#leave();
    this.#server = server;
    this.#connections = new pg.Pool({
      connectionString: server,
      max: READ_CONNECTIONS_MAX,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
      application_name: 'restante',
    });
    this.#connections.on('error', (error) => log.debug({ error: error.message }, 'a connection to the database ended'));
    return this.#connections;
  }

  /** What an old server still shows is asked for no more. */
  #leave(): void {
    const ending = this.#connections?.end();
    if (ending === undefined) return;
    this.#ending.add(ending);
    void ending.finally(() => this.#ending.delete(ending));
  }

  /** One statement, where it tells all; undefined where more would have to be asked. */
  async #scanAtOnce({ limit, maxBytes, reverse, spans }: Scan): Promise<ScanResult | undefined> {
    const [span, more] = spans;
    if (span === undefined || more !== undefined || limit > PAGE_ROWS_MAX) return undefined;
    const rows = await this.#page(this.#pool, { span, reverse, limit, maxBytes: Math.min(maxBytes, PAGE_BYTES_MAX) });
    const { bytes, isFull } = measure(rows, limit, maxBytes);
    if (!isFull && bytes > PAGE_BYTES_MAX) return undefined;
    return { rows, stopped: isFull };
  }

  async #scanByPages({ limit, maxBytes, reverse, spans }: Scan): Promise<ScanResult> {
    const client = await this.#pool.connect();
    try {
      await client.query(SNAPSHOT);
      const rows: Row[] = [];
      let bytes = 0;
      let stopped = false;
      for (let [span, ...rest] = spans; span !== undefined && !stopped; ) {
        const page = await this.#page(client, {
          span,
          reverse,
          limit: Math.min(PAGE_ROWS_MAX, limit - rows.length),
          maxBytes: Math.min(PAGE_BYTES_MAX, maxBytes - bytes),
        });
        rows.push(...page);
        const last = page.at(-1);
        if (last === undefined) [span, ...rest] = rest;
        else {
          span = reverse ? { from: span.from, to: last.key } : { from: after(last.key), to: span.to };
          const measured = measure(page, limit - rows.length + page.length, maxBytes - bytes);
          bytes += measured.bytes;
          stopped = measured.isFull;
        }
      }
      await client.query('COMMIT');
      client.release();
      return { rows, stopped };
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  /** One row at least where there is one; the last may go beyond the bytes. */
  async #page(client: Queryable, { limit, maxBytes, reverse, span }: Wanted): Promise<Row[]> {
    const order = `ORDER BY key ${reverse ? 'DESC' : 'ASC'}`;
    const rows = await this.#rows(client, {
      name: reverse ? 'page back' : 'page',
      text: `SELECT key, value FROM (
               SELECT key, value, sum(octet_length(value))
                 OVER (${order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
               FROM (SELECT key, value FROM ${this.#schema}.kv WHERE key >= $1 AND key < $2 ${order} LIMIT $3) AS page
             ) AS summed WHERE before IS NULL OR before <= $4::bigint ${order}`,
      values: [bufferOf(span.from), bufferOf(span.to), limit, String(maxBytes)],
    });
    return rows.map(([key, value]) => ({ key: new Uint8Array(key), value: new Uint8Array(value) }));
  }

  async #rows(client: Queryable, query: pg.QueryConfig): Promise<(readonly [key: Buffer, value: Buffer])[]> {
    const { rows } = await client.query<[Buffer, Buffer]>({ ...query, rowMode: 'array' });
    return rows;
  }

  /** A database that has gone comes back, or another takes its place: the read begins again until then. */
  async #insist<Result>(read: () => Promise<Result>): Promise<Result> {
    const { clock, log, writer } = this.#deps;
    const until = clock.monotonic() + READ_PATIENCE_MS;
    for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(RETRY_MAX_MS, 2 * waitMs)) {
      try {
        return await read();
      } catch (error) {
        if (!isAway(error) || clock.monotonic() + waitMs > until) throw toStoreError(error);
      }
      // It may take longer than this read has patience.
      writer.search().catch((error: unknown) => log.debug({ error }, 'no server of the database has the store'));
      await clock.sleep(waitMs, this.#closing.signal);
    }
  }
}

const SNAPSHOT = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

function measure(
  rows: readonly Row[],
  limit: number,
  maxBytes: number,
): { readonly bytes: number; readonly isFull: boolean } {
  const bytes = rows.reduce((sum, { value }) => sum + value.length, 0);
  return { bytes, isFull: rows.length >= limit || bytes > maxBytes };
}

/** The first key behind `key`. */
function after(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
