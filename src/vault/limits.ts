/** The bounds of the vault, each with its reason. */

const KiB = 1024;
const MiB = 1024 * KiB;

/** What 64 KiB of base64 hold: an account document takes no larger certificate. Room for a hundred rotations. */
export const CERTIFICATE_BYTES_MAX = 48 * KiB;
/** The secrets of an account; their sealed form must fit VAULT_RECORD_BYTES_MAX (256 KiB) after base64. */
export const SECRETS_BYTES_MAX = 160 * KiB;
/**
 * What a body may grow to when it is opened. Our own are not compressed; GnuPG compresses text to a quarter at best, so a
 * 2 MiB body is honestly below this, and a bomb stops here.
 */
export const OPENED_BYTES_MAX = 16 * MiB;
/**
 * Session key packets that are tried with our keys. One names each of our keys, a few may hide the recipient; thousands
 * are an attack on the processor, at a key agreement each.
 */
export const SESSION_KEYS_TRIED_MAX = 16;
/** Signatures on one body that are looked at: one is ours, a mailing program adds perhaps another. */
export const SIGNATURES_MAX = 4;
/** Packets in one sequence: 500 recipients and the data; a certificate with some hundred certifications. */
export const PACKETS_MAX = 1024;
/** Chunks that the packets of one sequence come in: 16 MiB in the smallest first chunk that RFC 9580 allows, 512 bytes. */
export const PARTIAL_CHUNKS_MAX = 32_768;
/** A detached signature: some hundred bytes for Ed25519, a little more for RSA and notations. */
export const SIGNATURE_BYTES_MAX = 16 * KiB;
/** Beyond this a list of recipients is bound by its hash: a signature subpacket ends at 64 KiB, GnuPG shows a line. */
export const RECIPIENTS_NOTATION_CHARACTERS_MAX = 1024;
/** Parsed certificates that are kept, some 20 KiB each: the correspondents of a busy person. */
export const PARSED_CERTIFICATES_MAX = 1024;

/** Jobs one thread holds at once: while one waits for the key agreement of Web Crypto, another uses the processor. */
export const JOBS_PER_THREAD = 4;
/** Jobs that are done without threads: a quarter of a second of work, less than threads take to start. */
export const JOBS_BEFORE_THREADS = 32;
/** Jobs that wait in a pool for each thread: half a second of work; whoever brings more waits for room. */
export const QUEUED_JOBS_PER_THREAD = 256;
/** Threads that may die in a row before any of them gets ready: more is a broken installation, not bad luck. */
export const FAILED_STARTS_MAX = 3;

/** Characters of text kept for search and reading without opening the body again. */
export const INDEXED_TEXT_CHARACTERS_MAX = 256 * KiB;
/** Characters of the beginning of a text that lists show. */
export const SNIPPET_CHARACTERS = 160;
/** Header fields kept for reading: a message with more is an attack or a broken list server. */
export const INDEXED_HEADERS_MAX = 500;
/** Parts of a message: a digest of a busy list has some hundred. A hundred thousand empty ones would cost seconds. */
export const MIME_PARTS_MAX = 1_000;
/** Boundaries that a message may name: deeper nesting is refused by the parser, forwarded mails bring some of their own. */
export const MIME_BOUNDARIES_MAX = 256;
/** Messages that are read where they are asked for, in a few milliseconds: a larger one goes to a thread of the pool. */
export const MIME_INLINE_BYTES_MAX = 64 * KiB;
