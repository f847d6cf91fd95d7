/** The signed log of a feed, its Merkle tree and proofs, in the formats of Dat v6. Portable. */
export * from './bitfield.ts';
export * from './bitfield-rle.ts';
export type { CheckOptions, CheckProblem } from './feed-check.ts';
export * from './feed-error.ts';
export * from './feed-key.ts';
export * from './feed-log.ts';
export * from './flat-tree.ts';
export type { ForkProof, SignedNode } from './fork-proof.ts';
export { judgeFork } from './fork-proof.ts';
export * from './limits.ts';
export * from './merkle.ts';
export * from './proof.ts';
export type { Acceptance, RefusalReason } from './replica.ts';
export * from './sleep-export.ts';
export * from './sleep-file.ts';
export * from './synchronizer/index.ts';
export * from './tree-index.ts';
export { type CreateStreamCipher, createNobleStreamCipher, type StreamCipher } from './wire/index.ts';
