/** The bounds of a user server, each with its reason. */

const KiB = 1024;
const MiB = 1024 * KiB;

/** The first screen comes from the store: an agent's start waits so long, and does not take the processor from it. */
export const AGENT_DELAY_MS = 300;
/** So long after a start what it left behind is given back to the host: the first answers are out by then. */
export const SETTLE_MS = 3_000;
/** Rows that one transaction changes when an account is being filled: some twenty messages; what people do by hand is less. */
export const FILLING_ROWS_MIN = 100;
/** So long after the last such transaction it is over: between two of them a server may take its time. */
export const FILLED_MS = 5_000;
/** Where the control server is relieved, the next one is looked for this often: programs wait for as long as this takes. */
export const REJOIN_INTERVAL_MS = 20;
/** …and for so long: a process that has loaded its code opens its bus within a second, on a busy host within a few. */
export const REJOIN_TIMEOUT_MS = 15_000;
/** A piece of a sealed blob: its tag costs nothing then, and a range reads little more than it wants. */
export const BLOB_PIECE_BYTES = 64 * KiB;
/** In the user's folder: uploads and drafts. The control server reads there too, for a ticket. */
export const BLOBS_FOLDER = 'blobs';
/** Octets that are sent without the user server: for fewer, asking for a ticket costs more than sending them. */
export const DIRECT_BYTES_MIN: number = MiB;
/** A blob that is kept in memory until it is read once: most messages are smaller. */
export const FRESH_BLOB_BYTES_MAX: number = 64 * KiB;
/** All of them: some hundreds of messages, as a program imports them in one call. */
export const FRESH_BLOBS_BYTES_MAX: number = 4 * MiB;
/** Blobs whose size is remembered: those that a program uploads and then names, one by one or a thousand at once. */
export const KNOWN_SIZES_MAX = 4_096;
/**
 * What a server that was away has not taken is tried again so long after everybody has gone: each try is a process that
 * lives for the idle time, and mail that waited for a quarter of an hour is late, not lost.
 */
export const LATER_MS: number = 15 * 60_000;
/** One frame of a program: a JMAP request of the size that JMAP allows, and what is around it. */
export const FRAME_BYTES_MAX = 11 * MiB;
/** Requests of one connection under way; the next is read when one of them is answered. */
export const FRAME_REQUESTS_MAX = 16;
/** Bytes that wait for a program that reads slowly: beyond, nothing more is read from it. */
export const FRAME_BUFFER_BYTES_MAX = 4 * MiB;
/** A message that is sent encrypted: all that JMAP lets one email have attached, encoded, and text. What is large goes beside it. */
export const SENT_BYTES_MAX = 110 * MiB;
/** Chunks of an attachment that are asked for before the one that is given out: a megabyte each, and no wait between them. */
export const CHUNKS_AHEAD = 4;
/** A chunk without an answer for this long has failed: what the client gives one node, and another after it. */
export const CHUNK_TIMEOUT_MS: number = 10 * 60_000;
/** A login whose password is right, at a home that answers slowly, is waited for so long. */
export const JOIN_TIMEOUT_MS = 60_000;
/** An address, a URL, a name or a fingerprint that a person types. */
export const PERSON_WORD_CHARACTERS_MAX = 1_000;
