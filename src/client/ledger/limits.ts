/** The bounds of the ledger, each with its reason. */

/** Questions remembered of one mailbox in one feed: what a person reads in a report; older settled ones are forgotten. */
export const EVIDENCE_MAX = 64;
/** Nodes whose heads are remembered: as many as a home document may name. */
export const NODES_MAX = 64;
/** Intervals of one encoded set: a client that holds every other one of a million entries. */
export const INTERVALS_MAX = 500_000;
/** A node's name in an encoded ledger, bytes: 64 characters of up to four. */
export const NODE_NAME_BYTES_MAX = 256;
/** Heads of one mailbox and feed that no entry has led to yet: one of each node, and some that were overtaken. */
export const OPEN_HEADS_MAX = 128;
/** Stretches of one encoded verifier state: they border on gaps, as the ledger's intervals do. */
export const STRETCHES_MAX = INTERVALS_MAX;
