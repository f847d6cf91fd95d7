/** Ordered keys in one database. */
export * from './store.ts';
export * from './store-error.ts';
