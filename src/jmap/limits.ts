/** Every bound of JMAP, with its reason. Those that clients must know are in the session object (RFC 8620, section 2). */

const DAY_MS = 24 * 3_600_000;

/** RFC 8620, section 5.2: servers should answer states of the last thirty days. */
export const CHANGES_KEPT_MS = 30 * DAY_MS;
/**
 * Changes of emails and of threads that can be told after a start: whoever is further behind fetches everything again. A start
 * reads that many rows for each, instead of one for every email there is. Of deliveries no more are kept.
 */
export const CHANGES_READ = 4_000;
/** Tombstones looked at in one transaction: more than one transaction makes, so that they cannot pile up. */
export const TOMBSTONES_SWEPT = 1000;

/** Emails of one thread, beyond which a new one begins: counts of a thread are made from all of its emails. */
export const THREAD_EMAILS_MAX = 1000;
/** Message ids of one email that join it to a thread: the newest of a long chain of references say enough. */
export const THREAD_KEYS_MAX = 100;

/** What the session object promises (RFC 8620, section 2). */
export const CORE_LIMITS = Object.freeze({
  /** An attachment as large as other mail providers take, and half as much again for its encoding. */
  maxSizeUpload: 100_000_000,
  maxConcurrentUpload: 8,
  /** A request with a thousand creations of some kilobytes. */
  maxSizeRequest: 10_000_000,
  maxConcurrentRequests: 16,
  maxCallsInRequest: 64,
  maxObjectsInGet: 1000,
  maxObjectsInSet: 1000,
});

/** RFC 8621, section 1.3.1. */
export const MAIL_LIMITS = Object.freeze({
  /** No limit is needed: memberships are rows. */
  maxMailboxesPerEmail: null,
  maxMailboxDepth: 20,
  /** What IMAP servers take; RFC 8621 asks for at least 100. */
  maxSizeMailboxName: 255,
  /** All attachments of one email, before their encoding. */
  maxSizeAttachmentsPerEmail: 75_000_000,
});

/** Messages of one Email/import that are read beside each other: as many as Node has threads for files. */
export const IMPORTS_READ_AT_ONCE = 4;
/** Entries of one email's keywords: RFC 8621 lets a server refuse more. */
export const KEYWORDS_MAX = 128;
/** Emails in an answer to Email/query when the client names no limit, and at most. */
export const QUERY_RESULTS_MAX = 100_000;
/** Changes in one answer when the client names no maximum. */
export const CHANGES_MAX = 10_000;
/** Conditions of a filter with all its operators: each is a part of one SQL statement, whose depth SQLite bounds. */
export const FILTER_CONDITIONS_MAX = 200;
export const FILTER_DEPTH_MAX = 20;
export const SORT_COMPARATORS_MAX = 16;

/** Preview of a message (RFC 8621, section 4.1.4: at most 256 characters). */
export const PREVIEW_CHARACTERS_MAX = 256;
/** Text of one message that the search index reads: longer ones are logs and dumps. */
export const INDEXED_CHARACTERS_MAX = 200_000;
/** Emails that wait to be written into the search index: the longest pause that a search or a commit has from it. */
export const INDEXED_AT_ONCE_MAX = 256;
/** Header fields of one message or part, and parts and depth of one message: far beyond what programs write. */
export const HEADER_FIELDS_MAX = 2000;
export const HEADER_BYTES_MAX = 1_000_000;
export const MIME_PARTS_MAX = 2000;
export const MIME_DEPTH_MAX = 50;
/** Of a part that stands for content elsewhere, encoded: what it says is some hundred octets, with a long name some thousand. */
export const REMOTE_PART_OCTETS_MAX = 65_536;
/** Addresses read from one header field. */
export const ADDRESSES_MAX = 10_000;
/** Of a subject, what decides on its thread: taking prefixes away costs its length for each. */
export const SUBJECT_CHARACTERS_MAX = 1000;
/** Statements kept compiled: filters make one for each shape. */
export const STATEMENTS_MAX = 500;
/** Objects and arrays within each other in a request. */
export const JSON_DEPTH_MAX = 100;

/** Seconds between pings of an event source: RFC 8620, section 7.3, lets a server choose within these. */
export const PING_SECONDS_MIN = 30;
export const PING_SECONDS_MAX = 3600;
/** Listeners of one person: programs hold one connection each. */
export const PUSH_LISTENERS_MAX = 1000;

/** Push subscriptions of one credential, and how long they last: RFC 8620, section 7.2, asks for seven days at least. */
export const PUSH_SUBSCRIPTIONS_MAX = 20;
export const PUSH_SUBSCRIPTION_KEPT_MS = 7 * DAY_MS;
export const PUSH_URL_CHARACTERS_MAX = 2000;
/** What a push service may take for one message, and say in return. */
export const PUSH_TIMEOUT_MS = 20_000;
export const PUSH_ANSWER_BYTES_MAX = 16_384;
/** How long a push service keeps a message for a device that is away: states are joined, so one is enough for a week. */
export const PUSH_TTL_SECONDS = 7 * 24 * 3600;
/** Of the states in one message: RFC 8291, section 4, lets it have 3993 octets, and some are for what stands around them. */
export const PUSHED_STATES_BYTES_MAX = 3_900;
/** Waits after failures: doubling from the first to the last; a subscription whose endpoint fails for a day is dropped. */
export const PUSH_BACKOFF_MIN_MS = 5_000;
export const PUSH_BACKOFF_MAX_MS = 3_600_000;
export const PUSH_FAILURES_MAX = 30;
/** Wrong verification codes before a subscription is dropped, so that nobody guesses. */
export const VERIFICATION_TRIES_MAX = 10;
/** RFC 8292: at most a day. */
export const VAPID_TOKEN_SECONDS = 12 * 3600;

/** Messages of a WebSocket that are worked on at once; more wait in the socket. */
export const SOCKET_REQUESTS_MAX = 16;
/** Octets that wait for a slow client before its requests are not read any more. */
export const SOCKET_BACKLOG_BYTES_MAX = 16_000_000;

/** RFC 8621, section 1.3.2: how long a send may be delayed, and what one message may be. */
export const DELAYED_SEND_SECONDS_MAX = 90 * 24 * 3600;
export const IDENTITIES_MAX = 100;
export const SIGNATURE_CHARACTERS_MAX = 100_000;
/** Submissions whose sending is over are forgotten after this. */
export const SUBMISSIONS_KEPT_MS = 90 * DAY_MS;
/** Waits between tries to hand a message over: doubling from the first to the last. */
export const HANDOVER_BACKOFF_MIN_MS = 5_000;
export const HANDOVER_BACKOFF_MAX_MS = 900_000;

/** RFC 5230 suggests seven days between replies to the same person. */
export const VACATION_PERIOD_MS = 7 * DAY_MS;
/** New emails that are looked at for one automatic reply run. */
export const VACATION_EMAILS_MAX = 1000;

/** RFC 8621, section 5: at most 255 octets of a snippet. */
export const SNIPPET_OCTETS_MAX = 255;

/** RFC 8620, section 6: an hour at least; a day lets somebody finish tomorrow what they attach to today. */
export const UNREFERENCED_KEPT_MS = DAY_MS;
/** Of one account: more than ten emails with all that they may have attached. */
export const UNREFERENCED_BYTES_MAX = 1_000_000_000;
/** How often old ones are looked for. */
export const BLOB_SWEEP_MS = 3_600_000;

/** RFC 9404: what Blob/upload takes and puts together, and Blob/get shows, in one call. */
export const BLOB_SET_BYTES_MAX = 10_000_000;
export const BLOB_SOURCES_MAX = 64;
