/** The bounds of ordinary mail on its way out, each with its reason. */
import { BODY_BYTES_MAX, LETTER_PIECE_BYTES } from '../../protocol/index.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What comes in one frame of the client protocol, as a body does. A larger letter comes in pieces. */
export const WHOLE_BYTES_MAX = BODY_BYTES_MAX;
/** A text that came in part is kept so long after its last piece: a device that stays away for a weekend goes on from there. */
export const UPLOAD_KEPT_MS = 3 * DAY;
/** Those that were given up are looked for this often. */
export const UPLOADS_SWEEP_MS = HOUR;
/** RFC 5321, 4.5.3.1.8: every server takes so many in one transaction. */
export const LETTER_RECIPIENTS_MAX = 100;
/** Of a header: what Sendmail and Postfix take is between 32 and 100 KiB. */
export const HEADER_BYTES_MAX = 128 * KiB;
/** What one row of the store holds of a sealed text. */
export const PIECE_BYTES = LETTER_PIECE_BYTES;

/** Recipients of one account on average, one per this many milliseconds: five hundred an hour … */
export const RECIPIENT_INTERVAL_MS = 7_200;
/** … after so many at once: a club's invitation. A stolen device sends a few hundred before somebody notices. */
export const RECIPIENT_BURST = 500;
/** A larger letter counts as often as this goes into it: what leaves is a rate of bytes too, a gigabyte an hour. */
export const RATED_BYTES = BODY_BYTES_MAX;
/** Letters of one account that are not over: a server that is away for days holds up some hundred. */
export const WAITING_PER_ACCOUNT_MAX = 1_000;
/** Bytes of them. */
export const WAITING_BYTES_PER_ACCOUNT_MAX = 200 * MiB;
/** Of all accounts, a kilobyte of memory each. */
export const WAITING_MAX = 50_000;
/** Accounts whose rate is remembered. */
export const ACCOUNTS_REMEMBERED = 10_000;

/** The first wait: greylisting lets pass whoever comes again after five minutes. */
export const RETRY_FIRST_MS = 5 * MINUTE;
/** The longest: beyond, a server that was away for a night has its mail too late in the morning. */
export const RETRY_MAX_MS = 2 * HOUR;
/** A wait is drawn from this part of itself up to the whole, so that servers are not met by all mail at once. */
export const RETRY_JITTER = 0.25;
/** RFC 5321, 4.5.4.1: four to five days. */
export const EXPIRY_MS = 5 * DAY;
/** When an author hears that a letter waits: as mail servers tell it, and as this home tells it of other homes. */
export const DELAY_TOLD_MS = 4 * HOUR;

/** Connections to one destination at once: what cautious mail servers allow a stranger. */
export const PER_DESTINATION_MAX = 3;
/** Connections at once to destinations that answered last time; each holds a piece of its letter and what is on its way, 4 MiB. */
export const ATTEMPTS_MAX = 20;
/** Apart, those to destinations that did not: a hundred dead servers cannot hold up a living one. */
export const PROBES_MAX = 5;
/** Mail servers of one domain that an attempt tries; RFC 5321, 5.1, asks for two. */
export const EXCHANGES_MAX = 5;
/** Addresses of one mail server that it tries. */
export const ADDRESSES_PER_EXCHANGE_MAX = 2;
/** From the first packet to the connection. */
export const CONNECT_TIMEOUT_MS = 30 * SECOND;
/** RFC 5321, 4.5.3.2.1: five minutes for the greeting, some servers wait with it on purpose. */
export const GREETING_TIMEOUT_MS = 5 * MINUTE;
/** RFC 5321, 4.5.3.2.6: ten minutes for the answer to a message. */
export const ANSWER_TIMEOUT_MS = 10 * MINUTE;
/** One attempt with all its servers; beyond, it has failed, and whatever it holds is let go. */
export const ATTEMPT_TIMEOUT_MS = 30 * MINUTE;
/** What could not be written down now is tried again so often: until then nothing more is done with the letter. */
export const KEEP_RETRY_MS = 5 * SECOND;

/** Letters behind a domain that is away whose authors are told at once: a store transaction each. */
export const TELLS_MAX = 100;
/** Domains of which an operator is told: a screen of them. */
export const DESTINATIONS_SHOWN_MAX = 50;
/** Who is told to come again later waits so long. */
export const TAKE_RETRY_MS = 5 * MINUTE;
/** Somebody looks at the time at least this often, whatever it is for. */
export const SLEEP_MAX_MS = HOUR;
/** Characters of a server's answer that are kept and told: a sentence and a link. */
export const REPLY_CHARACTERS_MAX = 500;
/** Letters that are over, of which their author is still told. */
export const TOLD_PER_ACCOUNT_MAX = 200;
/** Reports of them that are told at once, one for each recipient: as many as a client keeps. */
export const TOLD_REPORTS_MAX = 1_000;
/** Their bytes: a frame of the client protocol has a body's, and beside these it has the reports of other homes. */
export const TOLD_BYTES_MAX = 1.5 * MiB;
/** As long as that. */
export const TOLD_MS = 30 * DAY;
/** Rows read at once. */
export const PAGE_ROWS = 500;

/** RFC 8461, 3.2: the policy is a short text; the RFC suggests 64 KiB. */
export const STS_POLICY_BYTES_MAX = 64 * KiB;
/** RFC 8461, 3.3: one minute. */
export const STS_FETCH_TIMEOUT_MS = MINUTE;
/** RFC 8461, 3.2: about a year. */
export const STS_MAX_AGE_SECONDS = 31_557_600;
/** Whether a domain has a policy, or another one, is asked for this often. */
export const STS_LOOK_MS = HOUR;
/** Domains of which that is remembered in memory. */
export const STS_REMEMBERED = 10_000;
/** Patterns of one policy: no mail service has more servers. */
export const STS_PATTERNS_MAX = 100;

/** RFC 8301: 2 048 bits, which every verifier takes; twice as many do not fit the strings of some name servers. */
export const DKIM_RSA_BITS = 2_048;
