/** Every bound of a fleet, each with its reason. */
import { RECIPIENTS_MAX } from '../../protocol/index.ts';

/** Who connects says and proves who it is in this time. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/** A control message names feeds by key, or carries documents of a home: some kilobytes each. */
export const CONTROL_BYTES_MAX = 4 * 1024 * 1024;
/** Bytes of feeds in one frame: what is larger goes in several, so that control messages are not held up long. */
export const CHUNK_BYTES_MAX = 256 * 1024;
/** Frames of feeds that were received and not judged yet; beyond it the other node waits. */
export const CHUNKS_QUEUED_MAX = 64;
/** A frame of a link, before it is read. */
export const LINK_FRAME_BYTES_MAX = CONTROL_BYTES_MAX + 1;
/** A node that cannot be reached is tried again after this, then after twice as long, … */
export const REDIAL_MIN_MS = 500;
/** … up to this: a node that comes back is found within half a minute. */
export const REDIAL_MAX_MS = 30_000;
/** The share of such a wait that is left to chance: nodes that lost each other at once do not all come back at once. */
export const REDIAL_JITTER = 0.5;
/** A link that held so long did not fail: it is made again without a wait. */
export const LINK_SETTLED_MS = 10_000;
/** The node that does not dial first does so when there has been no link for this long: the other may have no way to it. */
export const SECOND_DIALER_MS = 10_000;
/** A request to another node, the keeping of it on disk included. */
export const ASK_TIMEOUT_MS = 20_000;
/** Requests of one link that wait for an answer: each comes from a client that waits. */
export const ASKS_MAX = 1_000;
/** What was done elsewhere for a client of ours is here in this time, or the client learns it later. */
export const CATCH_UP_MS = 5_000;
/** Feeds that one home ever had: a thousand nodes, or restored a thousand times. */
export const FEEDS_MAX = 1_000;
/** How long a join token counts: a person carries it from one terminal to the next. */
export const TOKEN_MS = 3_600_000;
/** Tokens that are not used yet. */
export const TOKENS_MAX = 100;
/** The log of the home's keys is asked for this often, and whenever something in it may be new. */
export const KEY_LOG_INTERVAL_MS = 60_000;
/** With --durability, a receipt says `pending` after this; the entry travels on. */
export const DURABILITY_TIMEOUT_MS = 5_000;
/** Connections that say they are newcomers, at once: each is somebody with a token. */
export const NEWCOMERS_MAX = 8;
/** To connect to another node and shake hands as WebSockets do. */
export const DIAL_TIMEOUT_MS = 10_000;
/** After a change in the exchange with another home the other nodes are told this much later, of all that changed by then. */
export const EXCHANGE_PAUSE_MS = 1_000;
/** What another node holds of another home is awaited here for this long; then it is told again with its next change. */
export const HELD_WAIT_MS = 60_000;
/** Numbers of one outbox that were put off: as many as federation keeps. */
export const DEFERRED_TOLD_MAX = 1_000;
/** Mirrors that an operator names: each copies all that this node takes. */
export const MIRRORS_MAX = 100;
/** The largest block of a node's feed is a body of 2 MiB and its frame; in base64 it fits a control message. */
export const ASKED_BLOCK_BYTES_MAX = 3 * 1024 * 1024 - 64 * 1024;
/** Addresses of one question after their newest versions: the recipients of one mail, which are as many at most. */
export const VERSIONS_ASKED_MAX = RECIPIENTS_MAX;
/**
 * Questions to the registrar after accounts that are not here, on average, and saved up. Only addresses that nobody here knows
 * cost one; whoever writes to many such is told to come again, and people's own mail goes on beside.
 */
export const VERSIONS_INTERVAL_MS = 50;
export const VERSIONS_BURST = 200;
