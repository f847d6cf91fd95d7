/** The bounds of following other homes' key logs, each with its reason. */

/** A log looked at this recently is not asked for again, unless something newer was seen of its home. */
export const KEY_LOG_FRESH_MS = 5 * 60_000;
/** Somebody who says that a log is longer makes us look again at most this often. */
export const KEY_LOG_HURRY_MS = 10_000;
/** Logs kept open: a few hundred bytes each. */
export const KEY_LOGS_OPEN_MAX = 1_000;
/** Logs that we follow: as many homes as our people write to. */
export const KEY_LOGS_MAX = 100_000;
/** Other homes hear of what we saw at most this often; what changes meanwhile is told together. */
export const KEY_ROOTS_INTERVAL_MS = 60_000;
/** Roots heard and not looked at yet: one that finds no room is lost, as any EDU may be. */
export const KEY_ROOTS_HEARD_MAX = 10_000;
/** How long one home may take to show its log to us when another spoke of it. */
export const KEY_LOG_TIMEOUT_MS = 15_000;
