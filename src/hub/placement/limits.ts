/** The bounds of placement, each with its reason. */

/** The first wait before another connection to the broker is tried; each further one doubles it. */
export const BROKER_RETRY_FIRST_MS = 100;
export const BROKER_RETRY_MAX_MS = 2_000;
/** Whoever has a user answers where it is within this; a paused host does not. */
export const ASK_TIMEOUT_MS = 1_000;
/**
 * Our own claims are asked for again for so long after the broker was away: until it has noticed that our last connection
 * is dead (two heartbeats), and a little more. The fence protects the user's folder meanwhile.
 */
export const RECLAIM_TIMEOUT_MS = 12_000;
export const RECLAIM_INTERVAL_MS = 200;
/**
 * After the bus was away, names that nobody holds are left to those who had them: for as long as a host may rest between two tries,
 * and a second for its claims.
 */
export const RECLAIM_GRACE_MS = BROKER_RETRY_MAX_MS + 1_000;
/** Users of one host unless the operator says otherwise: what 16 GiB hold at 90 MB each. */
export const USERS_MAX = 180;
/** A message between hosts: a question or a place. */
export const PLACEMENT_MESSAGE_BYTES_MAX = 4_096;
/** Requests of programs that ask the broker where somebody is, worked on at once. */
export const LOCATE_AT_ONCE = 64;
