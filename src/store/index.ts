/** Ordered keys in one database. Portable; the adapter for disks is the door `store/sqlite`. */
export * from './copy.ts';
export * from './faulty-store.ts';
export * from './key-span.ts';
export * from './memory/index.ts';
export * from './store.ts';
export * from './store-error.ts';
