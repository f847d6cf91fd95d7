/** The key logs of other homes: followed for our people, and compared with what third homes were shown. */
export * from './key-logs.ts';
export * from './key-roots.ts';
