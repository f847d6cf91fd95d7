/** The bounds of the door, each with its reason. */
import { BODY_BYTES_MAX } from '../protocol/index.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND_MS = 1000;

/** What fits a body as it is: its bound, less what encrypting adds, and the trace headers. Of a larger message parts go beside it. */
export const LETTER_BYTES_MAX = BODY_BYTES_MAX - 32 * KiB;
/** A message as it comes, told in EHLO, unless the operator says otherwise: what the large providers send. */
export const MESSAGE_BYTES_DEFAULT = 50 * MiB;
/** The most that an operator may say: it is held in memory until it is on disk. */
export const MESSAGE_BYTES_LIMIT = 512 * MiB;
/** RFC 5321 allows 1 000; programs that put a whole HTML text into one line are known, ones that put more there are not. */
export const LINE_BYTES_MAX = 64 * KiB;
/** A command with its parameters: RFC 5321 asks for 512, and extensions add some hundred each. */
export const COMMAND_BYTES_MAX = 4 * KiB;
/** RFC 5321, 4.5.3.1.8: at least 100. Each of them costs an encryption. */
export const RECIPIENTS_MAX = 100;
/** Recipients refused in one connection before it is cut: a list of addresses that are tried, not mail. */
export const REFUSED_RECIPIENTS_MAX = 20;
/** A message with more Received headers goes in circles (RFC 5321, 6.3: at least 100). */
export const HOPS_MAX = 100;
/** The header of a message: others take 100 to 500 KiB, and it is read more than once. */
export const HEADER_BYTES_MAX = 256 * KiB;
/** A hundred servers with ten lines each, and as much again; the work on folded fields grows with the square of their lines. */
export const HEADER_LINES_MAX = 2_000;
/** DKIM signatures that are judged, each with a hash over the text and a question to DNS: lists add one or two to an author's. */
export const DKIM_SIGNATURES_MAX = 8;
/** Of a message that came over some ten lists: three fields each. */
export const ARC_FIELDS_MAX = 30;
/** A From field names one author, or a few that wrote together; each domain is asked for its policy. */
export const FROM_DOMAINS_MAX = 4;
/** Questions to DNS for one message: SPF may ask some forty, each signature one, ARC and DMARC two. */
export const DNS_LOOKUPS_MAX = 80;
/** For all of them together; the sender waits ten minutes for the answer after its message (RFC 5321, 4.5.3.2.6). */
export const AUTHENTICATION_MS = 20 * SECOND_MS;
/** Large messages that are in memory at once, each as large as can be: their memory is apart, so that small ones always have theirs. */
export const LARGE_MESSAGES_MAX = 2;
/** Decoded at once of an attachment, so that no copy of all of it is made. */
export const BASE64_WINDOW_BYTES = 256 * KiB;
/** Empty lines after an attachment's base64: some programs leave one. */
export const PART_END_LINES_MAX = 99;
/** The header of a part that may go another way; it is kept in the message, in base64. */
export const PART_HEADER_BYTES_MAX = 16 * KiB;
/** What a part leaves in its message, beside its header: its manifest, with a name and a type as long as they can be. */
export const PART_LEFT_BYTES = 24 * KiB;
/** Multiparts within each other, and parts, that are looked through for attachments: a message has a few. */
export const MIME_DEPTH_MAX = 10;
export const MIME_LEAVES_MAX = 1_000;
/** Messages of all connections in memory, until they are on disk; encrypting takes four times as much for a moment. */
export const MEMORY_BYTES_MAX = 32 * MiB;
/** Of one remote network: a quarter, so that one that sends slowly on many connections leaves room for the others. */
export const MEMORY_PER_REMOTE_BYTES_MAX = 8 * MiB;
/** Connections at once, some ten KiB each beside their message. */
export const CONNECTIONS_MAX = 500;
/** Of one remote network: large senders keep ten or so. */
export const CONNECTIONS_PER_REMOTE_MAX = 20;
/** Messages of one remote network, one per this many milliseconds on average … */
export const MESSAGE_INTERVAL_MS = SECOND_MS;
/** … after so many at once: a mailing list that has something for everybody here. */
export const MESSAGE_BURST = 200;
/** Remote networks that are remembered: a flood of others may push one out, which then has its burst again. */
export const REMOTES_REMEMBERED = 10_000;
/** RFC 6647, 4.5: who comes again before this has not waited. Mail servers wait five minutes or more. */
export const GREYLIST_FIRST_MS = 60 * SECOND_MS;
/** Who comes again after this begins anew: the longest pause between tries of common mail servers is four hours. */
export const GREYLIST_RETRY_MS = 24 * 3600 * SECOND_MS;
/** A network that came again is known for so long after its last mail: a monthly letter keeps it. */
export const GREYLIST_KEPT_MS = 35 * 24 * 3600 * SECOND_MS;
/** Networks that are known, and envelopes that wait; a flood of others may push one out, which then waits again. */
export const GREYLISTED_MAX = 20_000;
/** A filter that has not answered by then is not waited for: spamd asks block lists, which takes a second or two. */
export const FILTER_MS = 15 * SECOND_MS;
/** Larger messages are not given to it, as its own client does: junk is small. */
export const FILTER_BYTES_MAX = 512 * KiB;
/** An answer has two lines. */
export const FILTER_ANSWER_BYTES_MAX = 64 * KiB;
/** RFC 5321, 4.5.3.2.7: a server waits at least five minutes for the next command. */
export const IDLE_TIMEOUT_MS = 300 * SECOND_MS;
/** Messages that some of their recipients have and others not yet: who has them is known until the sender comes again. */
export const UNFINISHED_REMEMBERED = 1_000;
/** Whoever is still connected when what was being written is written is told at once that the door closes. */
export const CLOSE_TIMEOUT_MS = 1;
/**
 * How long others keep the home's own MTA-STS policy: weeks, as RFC 8461 asks of one that is enforced, or somebody between waits
 * until it is forgotten; a day for one that is tried, or taken back.
 */
export const OWN_POLICY_MAX_AGE_SECONDS = { none: 86_400, testing: 86_400, enforce: 21 * 86_400 } as const;
