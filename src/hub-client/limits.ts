/** The bounds of the library, each with its reason. */

const MiB = 1024 * 1024;

/** One answer of a user server: JMAP's largest, and some room. Bodies travel by HTTP. */
export const ANSWER_BYTES_MAX: number = 64 * MiB;
/** What comes before the octets of a download: a size, or a refusal. */
export const FIRST_ANSWER_BYTES_MAX = 8 * 1024;
/** For connecting, where name lookup and TLS are included. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** For opening a session: the user server may start for it, and the home be asked. */
export const OPEN_TIMEOUT_MS = 60_000;
/** For asking the broker where a user is. */
export const LOCATE_TIMEOUT_MS = 10_000;
/** The first wait before a session is opened again; each further one doubles it. */
export const REOPEN_FIRST_MS = 50;
export const REOPEN_MAX_MS = 5_000;
/** Chunks of a frame that are held apart: whoever sends byte for byte makes an object of each, many times its size. */
export const CHUNKS_MAX = 1_024;
