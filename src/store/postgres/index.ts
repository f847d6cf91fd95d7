/** The store over PostgreSQL (Node). */

export { PostgresStore, type PostgresStoreDeps } from './postgres-store.ts';
export type { DatabasePlace } from './schema.ts';
export { serversOf } from './servers.ts';
