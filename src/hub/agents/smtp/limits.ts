/** The bounds of the SMTP agent, each with its reason. */

const MiB = 1024 * 1024;

/** From the first packet to the greeting, TLS included. */
export const CONNECT_TIMEOUT_MS = 15_000;
/** A server may take this long to judge a message before it answers (RFC 5321, section 4.5.3.2.6, says ten minutes). */
export const ANSWER_TIMEOUT_MS = 10 * 60_000;
/** The largest message that is handed over: what large providers take. */
export const MESSAGE_BYTES_MAX = 50 * MiB;
/** Recipients of one message: RFC 5321, section 4.5.3.1.8, lets servers refuse more. */
export const RECIPIENTS_MAX = 100;
/** A recipient for whom a server asks to come again is told as not reached after this: as long as a home tries. */
export const DEFERRED_MS = 5 * 24 * 60 * 60_000;
/** All of a submission: beyond, it is taken for lost. Above what the answer alone may take. */
export const SEND_TIMEOUT_MS = 15 * 60_000;
