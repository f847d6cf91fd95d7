/** The bounds of components and of what they tell each other, each with its reason. */

const KiB = 1024;

/** One bus message: commands, events and sealed secrets are small; mail never travels on the bus. */
export const BUS_MESSAGE_BYTES_MAX = 256 * KiB;
/** The launch message: keys, paths and a few numbers. */
export const LAUNCH_BYTES_MAX = 64 * KiB;
/** A kind of message or the name of a secret, such as `session.open`. */
export const NAME_CHARACTERS_MAX = 64;
/** Paths in a launch message: Linux takes no longer ones. */
export const PATH_CHARACTERS_MAX = 4_096;
/** How long a request may take unless its caller says otherwise: beyond a slow disk, below a person's patience. */
export const REQUEST_TIMEOUT_MS = 30_000;
/** Requests of one component that wait for an answer: a bug that asks in a loop stops here. */
export const PENDING_REQUESTS_MAX = 1_024;
/** Requests that one component works on at once; what comes beyond is answered `busy`. */
export const HANDLED_REQUESTS_MAX = 256;
