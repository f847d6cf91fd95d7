/** The numbers of node choice, each with its reason. README.md lists them as rules. */

/** The seed's loop: often enough that nobody waits for it, seldom enough that a whole fleet's clients cost nothing. */
export const LOOP_MS = 10_000;
/** The seed's ping: an answer at or over this does not count. */
export const PING_LIMIT_MS = 500;
/** The seed's pool: of the nodes that answered, the fastest of each so many, rounded up. */
export const POOL_SHARE = 4;
/** After a cut a try is made at once, then at this interval, so that a restarted node is found while the person waits. */
export const QUICK_RETRY_MS = 3_000;
/** So many quick tries fill the time up to the next loop, which then goes on alone. */
export const QUICK_TRIES = 3;
/** Status's back-off after a connect: a node that accepts and cuts is not met more often than the loop runs. */
export const REST_AFTER_CONNECT_MS = 10_000;
/** Status's grey list: long enough for a restart or a repair, short enough to come back the same session. */
export const REST_AFTER_FAILURE_MS = 180_000;
/** Status switches at the second: one failed request is chance. */
export const FAILED_REQUESTS_MAX = 2;
/** Loops for which the pinned node alone is tried before another is borrowed. */
export const PINNED_LOOPS = 3;
/** Loops that find nobody in time before slow nodes are asked as well: a poor line is known by then, a fault of a moment over. */
export const FAST_LOOPS = 3;
/** The pinned node is wished for whatever its speed: half a loop is time enough to answer. */
export const PINNED_PING_LIMIT_MS = 5_000;
/** The same for nodes that are slow, all of them: one is better than none. */
export const SLOW_PING_LIMIT_MS = PINNED_PING_LIMIT_MS;
/** A connect with its handshakes, over a poor line; less than a loop, so that one loop leaves a node that hangs. */
export const CONNECT_LIMIT_MS = 5_000;
/** Heartbeats that may stay away before a connection is taken for dead. */
export const MISSED_HEARTBEATS = 2;
/** What a node may announce as its heartbeat; beyond it is cut to these, so that no node can switch the check off. */
export const HEARTBEAT_MIN_MS = 1_000;
export const HEARTBEAT_MAX_MS = 60_000;
/** Wall clock and monotonic clock parted by this between two looks: the machine slept, or somebody set the time. */
export const CLOCK_JUMP_MS = 4_000;
/** No look at the clock for this long, two loops, means the same where monotonic time runs on during sleep. */
export const STALL_MS = 2 * LOOP_MS;
/** How often the driver looks at the clocks, so that waking up is noticed within a second. */
export const WATCH_MS = 1_000;
