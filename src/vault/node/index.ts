/** The Node adapters of the vault: bulk work in threads. */
export * from './pool.ts';
