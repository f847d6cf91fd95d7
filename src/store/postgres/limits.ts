/** Bounds of the PostgreSQL adapter, with their reasons. */

const SECOND_MS = 1000;

/** For reads that run side by side; commits have a connection of their own. */
export const READ_CONNECTIONS_MAX = 4;
/** Name lookup, TLS and a server that is starting included. */
export const CONNECT_TIMEOUT_MS = 10 * SECOND_MS;
/** A statement that has no answer by then is taken for lost: sixteen mebibytes of writes take a second. */
export const STATEMENT_TIMEOUT_MS = 30 * SECOND_MS;
/** The first wait before another connection is tried; each further one doubles it. A failover takes seconds. */
export const RETRY_FIRST_MS = 100;
export const RETRY_MAX_MS = 2 * SECOND_MS;
/** How long a read waits for a database that has gone before it fails: a failover, and not a person's patience. */
export const READ_PATIENCE_MS = 20 * SECOND_MS;
/** The same when the store is closed: somebody wants to stop the node. */
export const CLOSE_PATIENCE_MS = 5 * SECOND_MS;
/** Rows of a range that are asked for at once: most callers want less, and their values are in memory together. */
export const PAGE_ROWS_MAX = 1024;
/** The same in bytes of values. */
export const PAGE_BYTES_MAX: number = 4 * 1024 * 1024;
/** What names may look like where they are not quoted: PostgreSQL cuts longer ones. */
export const SCHEMA_NAME: RegExp = /^[a-z][a-z0-9_]{0,62}$/;
