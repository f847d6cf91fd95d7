/** The bounds of the sealed journal, each with its reason. */

const KiB = 1024;
const MiB = 1024 * KiB;

/** A frame of a part: large enough that its tag and its call cost nothing, small enough to be held twice in memory. */
export const PART_FRAME_BYTES = 256 * KiB;
/** Read at once where less is asked for: most messages and transactions are smaller, and each read waits for a thread. */
export const READ_AHEAD_BYTES = 16 * KiB;
/** One frame: the rows of one transaction. A thousand emails with their texts stay below. */
export const FRAME_BYTES_MAX = 256 * MiB;
/** Transactions share a frame up to so many rows: a frame is encoded, and read, as a whole. */
export const FRAME_ROWS_MAX = 4096;
/** A log that is longer becomes a part: it is held in memory while it is read, and read at each start. */
export const LOG_BYTES_MAX = MiB;
/** Logs that wait to become a part: each start begins one, however little is written. */
export const LOGS_MAX = 16;
/** Parts beside each other: each costs a look at its keys when a start reads the older ones. */
export const PARTS_MAX = 6;
/** A part is merged with an older one that is at most so many times its size: so a row is written again few times. */
export const MERGE_RATIO = 4;
