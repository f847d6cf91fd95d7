/** The bounds of the synchronizer, each with its reason. */
const KiB = 1024;
const MiB = 1024 * KiB;

/** Peers at once, unless the caller says otherwise: a home's fleet and some mirrors. */
export const PEERS_MAX = 64;
/** How often late requests, silent peers and dials are looked at. npm's peers call one dead that is silent for 5 s. */
export const TICK_MS = 1_000;
/** A peer that has heard nothing from us for so long gets a keep-alive: less than half of npm's patience. */
export const KEEP_ALIVE_MS = 2_000;
/** A peer that has said nothing at all for so long is gone: four of its keep-alives, and a slow line. */
export const SILENT_MS = 20_000;
/** From the connection to the peer's handshake: a satellite's round trips, and a busy peer. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/** A request that waits so long is given to another peer, if another has the block. */
export const LATE_MS = 5_000;
/** A peer that owes blocks and has sent none for so long is dropped. */
export const SLOW_MS = 20_000;
/** A request that waits so long is not waited for any more, also of a peer that sends something else all the while. */
export const OVERDUE_MS = 10 * 60_000;
/** A frame that is under way for so long is looked at: slower than the next bound, it is an attempt to hold us. */
export const FRAME_GRACE_MS = 15_000;
/** Bytes a second: a modem's line. */
export const FRAME_RATE_MIN = 1_000;
/** A write that the transport has not taken for so long: the other end does not read. */
export const WRITE_TIMEOUT_MS = 20_000;
/** Handed to the transport at a time: what a line that is a thirtieth of a megabit takes within that. */
export const WRITE_BYTES_MAX = 64 * KiB;

/** How long the last words to a peer may take when we leave. */
export const GOODBYE_TIMEOUT_MS = 2_000;

/** Blocks that one Want asks about: hypercore's chunk. A peer's bitmap is kept for wanted windows only. */
export const WINDOW_BLOCKS = 2 ** 20;
/** Windows of one peer and feed at a time: two megabytes of bitmap at most. */
export const WINDOWS_MAX = 16;

/** Requests under way to one peer for one feed: at first few, so that a slow peer holds up few. */
export const REQUESTS_FIRST = 16;
/** At most: 1 KiB blocks at a gigabit and 30 ms. */
export const REQUESTS_MAX = 4_096;
/** A block that took longer than this to come shrinks the number, one that was quicker grows it. */
export const REQUEST_TARGET_MS = 400;
/** Bytes under way from one peer for one feed, by the size of its blocks so far. */
export const REQUESTED_BYTES_MAX = 8 * MiB;
/** Blocks of a peer that have come and are not judged yet; beyond it nothing more is asked for. */
export const UNJUDGED_BYTES_MAX = 8 * MiB;
/** Blocks asked for again with everything that proves them, after a peer could not; then it is dropped. */
export const PLAIN_RETRIES_MAX = 64;

/** Claims of one storing transaction: large enough that its cost is shared, small enough to stay quick. */
export const STORE_BLOCKS_MAX = 1_024;
export const STORE_BYTES_MAX = 4 * MiB;
/** Storing transactions under way: some commit while the next is judged. */
export const STORES_MAX = 8;
/** While fewer blocks than these are under way, the next begin at once; */
export const STORE_BLOCKS_FEW = 64;
/** otherwise when so many wait: small groups cost more than they gain. */
export const STORE_BLOCKS_EAGER = 256;
/** After a store refused (a full disk) the feed rests before it asks for blocks again. */
export const STORE_RETRY_MS = 5_000;

/** Requests of a peer that wait to be answered; one that asks for more is dropped. Sixteen feeds at full speed. */
export const ANSWERS_MAX = 65_536;
/** Requests that one read of the store answers. */
export const ANSWER_BATCH_MAX = 512;
/** Bytes of blocks that one read brings. */
export const ANSWER_BYTES_MAX = MiB;
/** Bytes that wait for the transport; beyond it no more answers are read. */
export const OUTBOX_BYTES_MAX = MiB;

/** What a peer may say beside blocks, in messages: a burst, and so many a second. Each block it brings earns two more. */
export const CHATTER_BURST = 10_000;
export const CHATTER_PER_SECOND = 1_000;
/** What a request for a block that is not here costs of it. */
export const ABSURD_REQUEST_COST = 20;
/** Feeds that a peer opens and we do not have. */
export const UNKNOWN_FEEDS_MAX = 32;
/** Messages kept for such a feed, in case it is added (hypercore-protocol 6 keeps as many). */
export const UNKNOWN_FEED_MESSAGES_MAX = 16;

/** Addresses that are remembered; the oldest failures are forgotten first. */
export const ADDRESSES_MAX = 1_024;
/** The first wait after an address failed; each further failure doubles it. */
export const DIAL_BACKOFF_MS = 1_000;
export const DIAL_BACKOFF_MAX_MS = 5 * 60_000;
/** A connection that lasted so long clears its address's failures. */
export const DIAL_SETTLED_MS = 30_000;
