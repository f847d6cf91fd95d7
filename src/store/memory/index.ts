/** The store without a disk; portable. */
export { MemoryStore } from './memory-store.ts';
