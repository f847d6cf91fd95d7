/** The bounds of what authors are told of their mail at other homes, each with its reason. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A mail that waits for so long is reported as delayed: when mail servers tell it too (Postfix and Exim: four hours). */
export const DELAY_TOLD_MS = 4 * HOUR;
/** How often the queues are looked at for that, and for what was delivered after all. */
export const LOOK_INTERVAL_MS = 15 * MINUTE;
/** Items looked at, or reports written, in one transaction: some tens of milliseconds in which nothing else is written. */
export const LOOK_PAGE_ITEMS = 50;
/** Of their bodies, which nobody needs here: one item is read whatever its size. */
export const LOOK_PAGE_BYTES = 1_048_576;
/**
 * Reports kept for one author, of 500 bytes: a bad day of a busy person, and one frame of the client protocol. Beyond them
 * those that matter least go first: delivered after all, then delayed, then refused; the oldest of each.
 */
export const REPORTS_OF_AUTHOR_MAX = 200;
/** Whoever has not connected for so long is not told any more what has an end. */
export const REPORTS_KEPT_MS = 30 * DAY;
