/** The bounds of the PDU layer, each with its reason. */

/** Accounts of other homes kept parsed: a few KiB each. */
export const PEOPLE_CACHED_MAX = 10_000;
/** A person's client that asks for keys gets what was asked for this recently: a mail to fifty people is one question each. */
export const PEOPLE_FRESH_MS = 60_000;
/** An account that does not name a device is asked for again at most this often: a forger cannot make us ask. */
export const PEOPLE_REFRESH_MS = 60_000;
/** Versions of one account's chain from another home: a decade of weekly changes. */
export const PEOPLE_VERSIONS_MAX = 1_000;
/** How long one question to another home may take while a transaction waits for it. */
export const ASK_TIMEOUT_MS = 15_000;

/** Folded conversations kept in memory: the busy ones of a home; a mail thread is a few KiB. */
export const CONVERSATIONS_CACHED_MAX = 2_000;
/** PDUs read at once when a conversation is folded. */
export const CONVERSATION_PAGE = 500;

/** PDUs in one answer to another home, … */
export const ANSWER_PDUS_MAX = 100;
/** … and their bytes, unless one alone is larger: with the protobuf around them within FEDERATION_BODY_BYTES_MAX. */
export const ANSWER_BYTES = 2 * 1024 * 1024;
/** PDUs read at once for an answer: with the largest bodies 16 MiB. */
export const ANSWER_READ_PDUS = 8;
/** PDUs that one question names: as many as a PDU follows at most. */
export const ASKED_PDUS_MAX = 20;

/** Conversations whose holes are filled at the same time. */
export const FETCHES_AT_ONCE = 4;
/** Questions about one conversation before it waits for its next turn: 20 × 100 PDUs. */
export const FETCH_ROUNDS_MAX = 20;
/** PDUs fetched for one conversation: beyond it a home that invents ancestors has cost enough, and the hole stays. */
export const FETCHED_PDUS_MAX = 10_000;
/** A hole that nobody filled is tried again after this, doubling, … */
export const FETCH_RETRY_MS = 5_000;
/** … up to this. A contact from one of the homes tries at once. */
export const FETCH_RETRY_MAX_MS = 3_600_000;
/** Homes whose last hint of a conversation is kept while something lacks: as many as have people in a large one. */
export const HINTING_HOMES_MAX = 64;
/** Homes asked for one hole. */
export const FETCH_HOMES_MAX = 8;
/** Conversations with holes that are looked after; each is a row. */
export const HOLES_MAX = 100_000;

/** Remembered hints, so that two homes that agree stop talking: those of the busy conversations. */
export const HINTS_REMEMBERED_MAX = 10_000;
/** How long a batch waits for an attachment of one of its mails: some ten megabytes come meanwhile, and others wait no longer. */
export const ATTACHMENT_WAIT_MS = 5_000;
/** Pinned accounts looked through at once when a home is forgotten: some megabytes. */
export const PEOPLE_PAGE_MAX = 1_000;
