/**
 * The servers that an address names, as libpq writes several: `postgres://user@one:5432,two:5432/mail`. At most one of them takes
 * writes, and that one is looked for: which one that is changes when a standby takes over. Reads go there too, since a
 * standby shows what was acknowledged a moment later.
 */
import pg from 'pg';
import type { Log } from '../../base/index.ts';
import { StoreError } from '../store-error.ts';
import { isAway, READ_ONLY } from './engine-errors.ts';
import { CONNECT_TIMEOUT_MS, STATEMENT_TIMEOUT_MS } from './limits.ts';

const ADDRESS = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)([^@/?#]*)([/?#].*)?$/;
const ATTRIBUTES = 'target_session_attrs';
/** What libpq calls a server that takes writes. */
const WRITABLE: readonly string[] = ['read-write', 'primary'];

/** One address for each server. Throws StoreError `failed`. */
export function serversOf(url: string): readonly string[] {
  const [, head = '', hosts = '', tail = ''] = ADDRESS.exec(url) ?? [];
  return hosts.split(',').map((host) => {
    const address = `${head}${host}${tail}`;
    if (host === '' || !URL.canParse(address))
      throw new StoreError('failed', 'this is not the address of a PostgreSQL', {
        fix: 'Write it like postgres://user:password@db.example/restante, with a comma between several hosts.',
      });
    return withoutAttributes(new URL(address));
  });
}

/** The driver does not know the attributes that it is to look for. */
function withoutAttributes(url: URL): string {
  const wanted = url.searchParams.get(ATTRIBUTES);
  if (wanted !== null && !WRITABLE.includes(wanted))
    throw new StoreError('failed', `a store is written, and ${ATTRIBUTES}=${wanted} may lead to a server that is not`, {
      fix: `Write ${ATTRIBUTES}=read-write, or leave it out.`,
    });
  url.searchParams.delete(ATTRIBUTES);
  return url.href;
}

/** Connects to the first server from `first` on that takes writes. Throws what the driver throws of the last that was tried. */
export async function connect(
  { log }: { readonly log: Log },
  servers: readonly string[],
  first: string,
): Promise<{ readonly client: pg.Client; readonly server: string }> {
  const from = Math.max(0, servers.indexOf(first));
  let last: unknown;
  for (const server of [...servers.slice(from), ...servers.slice(0, from)]) {
    try {
      return { client: await connectTo(log, server), server };
    } catch (error) {
      // Who refuses us is asked no more, as by libpq: another server may be an old one.
      if (!isAway(error)) throw error;
      last = error;
    }
  }
  throw last;
}

async function connectTo(log: Log, server: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: server,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'restante',
    pipeline: true,
  });
  // Whatever waits for an answer hears of it too.
  client.on('error', (error) => log.debug({ error: error.message }, 'a connection to the database ended'));
  try {
    await client.connect();
    const { rows } = await client.query<{ setting: string }>(
      "SELECT current_setting('transaction_read_only') AS setting",
    );
    if (rows[0]?.setting === 'on')
      throw Object.assign(new Error('this server of the database takes no writes'), { code: READ_ONLY });
    return client;
  } catch (error) {
    await client.end().catch(() => undefined); // it may have ended: that was the error
    throw error;
  }
}
