/** Bounds of the portable part of the store, with their reasons. KEY_BYTES_MAX and VALUE_BYTES_MAX are the port's. */

/**
 * Writes that wait for their turn to be committed; beyond it no further transaction starts. It bounds memory when the disk
 * is slower than the writers, and with it how long a commit takes; several of the largest bodies fit.
 */
export const PENDING_BYTES_MAX = 16 * 1024 * 1024;

/** Entries of a sorted run before it is cut in two: short enough to shift cheaply, long enough to keep the runs few. */
export const RUN_ENTRIES_MAX = 256;
