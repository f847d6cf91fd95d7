/** The bounds of agents, each with its reason. */

const KiB = 1024;
const MiB = 1024 * KiB;

/** Calls of one end that wait for the other: far more than a person's programs have under way. */
export const LINE_CALLS_MAX = 1_024;
/** An agent is asked this often whether it still answers. */
export const PING_INTERVAL_MS = 2_000;
/** First wait before an agent is started again; it doubles. */
export const RESTART_FIRST_MS = 500;
/** Its ceiling. */
export const RESTART_CEILING_MS = 60_000;
/** Ends in a row, each soon after the start, after which the breaker opens: what fails so often fails for a reason. */
export const FAILED_STARTS_MAX = 5;
/** An agent that ran this long has started well: what ends it later is not held against its start. */
export const GOOD_START_MS = 60_000;
/** How long an open breaker keeps an agent down. */
export const BREAKER_REST_MS = 5 * 60_000;
/** An agent's own memory: the client at work, the largest mail several times over, and room for a catch-up. */
export const AGENT_HEAP_MIB = 256;
/** Its young generation: small, since agents are many and mostly idle; less would make a catch-up mostly collecting. */
export const AGENT_YOUNG_MIB = 4;
/** What an agent is given to end by itself. */
export const STOP_TIMEOUT_MS = 2_000;

/** The file of what waits to be sent, without a cache on disk, is written anew when it has grown by so much. */
export const KEPT_FILE_BYTES_MAX = 32 * MiB;
/** Rows of it that are read at once: a body has up to 2 MiB. */
export const KEPT_PAGE_ROWS = 8;
/** Messages told at once: one transaction of the store. */
export const TELL_BATCH = 64;
/** Bytes of contents told at once. */
export const TELL_BYTES = 4 * MiB;
/** Bytes of messages opened a moment ago that are kept, so that none is decrypted a second time to be told. */
export const OPENED_BYTES_MAX = 4 * MiB;
/** Attachments that are open for reading: each may hold connections to other nodes. More are read as well, and opened more often. */
export const DOWNLOADS_OPEN_MAX = 8;
/** One that nobody has asked a chunk of for so long is closed: longer than a player of films pauses between two. */
export const DOWNLOAD_IDLE_MS = 60_000;
/** What cannot be told, since the user server is in trouble, is told again after this. */
export const TELL_RETRY_MS = 1_000;
/** What is complete is looked at this often: soon enough for a person, and nothing to look at for hundreds of them. */
export const REPORT_INTERVAL_MS = 5_000;
/** And at the start, until there is something to say: whoever has just signed in looks at it. */
export const REPORT_FIRST_MS = 200;
/** Pending changes taken from the store at once. */
export const PENDING_BATCH = 64;
/** First wait before pending changes that failed are tried again; it doubles. */
export const REPLAY_FIRST_MS = 1_000;
/** Its ceiling. */
export const REPLAY_CEILING_MS = 60_000;
/** One answer of an agent, beyond which it is taken for lost: a home that does not answer holds nothing up for longer. */
export const AGENT_CALL_TIMEOUT_MS = 60_000;
/** One try to reach a node, all its addresses and the handshake included. */
export const DIAL_TIMEOUT_MS = 10_000;
