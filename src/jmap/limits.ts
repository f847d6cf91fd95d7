/** Every bound of JMAP, with its reason. Those that clients must know are in the session object (RFC 8620, section 2). */

const DAY_MS = 24 * 3_600_000;

/** RFC 8620, section 5.2: servers should answer states of the last thirty days. */
export const CHANGES_KEPT_MS = 30 * DAY_MS;
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
/** Header fields of one message or part, and parts and depth of one message: far beyond what programs write. */
export const HEADER_FIELDS_MAX = 2000;
export const HEADER_BYTES_MAX = 1_000_000;
export const MIME_PARTS_MAX = 2000;
export const MIME_DEPTH_MAX = 50;
/** Addresses read from one header field. */
export const ADDRESSES_MAX = 10_000;
/** Of a subject, what decides on its thread: taking prefixes away costs its length for each. */
export const SUBJECT_CHARACTERS_MAX = 1000;
/** Statements kept compiled: filters make one for each shape. */
export const STATEMENTS_MAX = 500;
/** Objects and arrays within each other in a request. */
export const JSON_DEPTH_MAX = 100;
