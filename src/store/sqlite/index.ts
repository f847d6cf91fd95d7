/** The store on a disk, for Node. */
export type { CheckReport } from './integrity.ts';
export type { SalvageReport } from './salvage.ts';
export { SqliteStore, type SqliteStoreDeps, type SqliteStoreOptions } from './sqlite-store.ts';
