/** The bounds of one connection, each with its reason. */

/** From dialling to the node's first frame: the Dialer has a deadline of its own below this. */
export const GREETING_MS = 15_000;
/** A request without an answer for this long has failed: a node that writes to a slow disk still answers sooner. */
export const REQUEST_MS = 20_000;
/** A stream may pause this long between two pages. */
export const STREAM_PAUSE_MS = 30_000;
/** How often deadlines are looked at; a deadline is late by at most this. */
export const WATCH_INTERVAL_MS = 1_000;
/** Unanswered pings in a row after which the connection counts as dead. */
export const MISSED_HEARTBEATS_MAX = 2;
/** A node may ask for heartbeats no closer and no rarer than this. */
export const HEARTBEAT_MS = { min: 1_000, max: 600_000 } as const;
/** A person waits this long for the answer to "are you there?" after sleep. */
export const PROBE_MS = 5_000;
