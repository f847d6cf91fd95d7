/** The bounds of transactions between homes, each with its reason. Those that travel are in protocol/limits.ts. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The first wait after a failure: most failures are a restart. */
export const BACKOFF_FIRST_MS = SECOND;
/** The longest wait: a home that returns unnoticed has its mail within the hour. */
export const BACKOFF_MAX_MS = HOUR;
/** A wait is drawn from this part of itself up to the whole, so that homes do not return in step. */
export const BACKOFF_JITTER = 0.5;
/** The first wait of an item that the other home answered "later" to: it asks somebody else meanwhile. */
export const DEFERRED_FIRST_MS = MINUTE;
/** And the longest. */
export const DEFERRED_MAX_MS = HOUR;
/** Deferred items of one destination, 100 bytes of memory each; while there are so many its main line waits. */
export const DEFERRED_MAX = 1_000;
/** Rows of deferred items for one destination: those of each of the 64 nodes that a home has at most. */
export const DEFERRED_ROWS_MAX = 64 * DEFERRED_MAX;
/** Between a home's contact and our try: if it came to pull, the pull is under way by then and we stay out of its way. */
export const CONTACT_PAUSE_MS = 250;
/** A home that has just pulled a batch is pulling the next: we send nothing for so long. */
export const PULL_PATIENCE_MS = 10 * SECOND;
/** A request between homes ends by then: a batch of 2 MiB over 300 kbit/s. */
export const REQUEST_TIMEOUT_MS = MINUTE;
/** Receiving ends before the sender gives up, so that it hears the answer. */
export const RECEIVE_TIMEOUT_MS = 50 * SECOND;
/** Requests to homes that answered last time, at once; each holds a batch, its encoding and the items of the next (some 6 MiB at most). */
export const SENDS_MAX = 32;
/** Requests to homes that did not answer last time: apart, so that a hundred dead homes cannot hold up a living one. */
export const PROBES_MAX = 8;
/** Pulls at once: our own asking, which is never urgent. */
export const PULLS_MAX = 8;
/** Rejections kept for the operator to look at; the counter counts all. */
export const REJECTIONS_KEPT_MAX = 10;
/** Characters of a detail or message of another home that we keep. */
export const DETAIL_CHARACTERS_MAX = 200;
/** A transaction's id: a feed and three numbers, or 32 hexadecimal digits; room for other programs. */
export const TXN_CHARACTERS_MAX = 200;
/** Answers kept for each origin. It has one transaction in flight, so that one would do; the rest is for late twins. */
export const ANSWERS_KEPT_MAX = 64;
/** Transactions of one origin that wait behind its one under way; an honest origin has none. */
export const ORIGIN_WAITING_MAX = 4;
/** Transactions being received at once: their bodies are in memory and their signatures on the threads. */
export const RECEIVING_MAX = 16;
/** Transactions that wait for their turn, of all origins: 2 MiB each at worst. */
export const WAITING_MAX = 64;
/** Feeds of which another home may say how far they reach: its document names no more that matter at once. */
export const PEER_FEEDS_MAX = 64;
/** Origins we mean to pull from: 200 bytes each. More are noticed when they next say so. */
export const PULLING_MAX = 10_000;
/** Who said it has more for us usually sends it by itself; we ask when nothing has come for so long. */
export const PULL_GRACE_MS = 10 * SECOND;
/** After a start, known homes are asked one by one over this time at most, … */
export const START_SPREAD_MAX_MS = MINUTE;
/** … and so far apart when they are few. */
export const START_STEP_MS = 50;
/** An item pushed to us and answered "later" is the sender's to send again; after twice its longest wait we ask. */
export const WANTED_OF_SENDER_MS = 2 * HOUR;
/** Rows of wanted items read at once. */
export const WANTED_PAGE_MAX = 500;
/** Rows of deferred items, lines or homes read at once. */
export const PAGE_ROWS_MAX = 1_000;
/** Bodies of one pull under answer for one home: a home that asks more at once is told to wait. */
export const PULL_ANSWERS_MAX = 2;
