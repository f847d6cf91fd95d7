/** Every bound of a node, each with its reason. Those in NodeLimits are the operator's to set. */
import { NodeError } from './node-error.ts';

export interface NodeLimits {
  /** Connections accepted on average, one per this many milliseconds (the seed's accept loop). */
  readonly acceptIntervalMs: number;
  /** Connections that may come at once before the average counts. */
  readonly acceptBurst: number;
  /** Connections that wait for their turn; more are answered 503. */
  readonly acceptQueue: number;
  /** Bytes that all connections together may have sent that have not authenticated yet; more cuts who sent the most. */
  readonly strangerBytes: number;
  /** Bytes of bodies an account may hold, unless set for it. */
  readonly quotaBytes: number;
  /** Submits of one account per second on average. */
  readonly submitsPerSecond: number;
  /** Submits of one account at once before the average counts. */
  readonly submitBurst: number;
  /** Accounts that strangers make at an open home, one per this many milliseconds on average, … */
  readonly registrationIntervalMs: number;
  /** … after so many at once. */
  readonly registrationBurst: number;
  /** The same from one remote address, … */
  readonly registrationIntervalPerRemoteMs: number;
  /** … and what it may make at once. */
  readonly registrationBurstPerRemote: number;
  /** The operator's heartbeat: a Head comes at least this often. */
  readonly heartbeatMs: number;
  /** Bytes of its disk that a node keeps free: with less, no mail is taken. */
  readonly diskReserveBytes: number;
}

export const DEFAULT_LIMITS: NodeLimits = Object.freeze({
  acceptIntervalMs: 10,
  acceptBurst: 100,
  // Five seconds of waiting: who dials gives up soon after.
  acceptQueue: 500,
  // A hundred of the largest registrations at once, or a hundred thousand people who sign in.
  strangerBytes: 64 * 1024 ** 2,
  // Ten gigabytes: a decade of a busy person's mail without large attachments.
  quotaBytes: 10 * 1024 ** 3,
  // An import of years of mail runs at this rate; a flood of one account is a fraction of what a node takes.
  submitsPerSecond: 500,
  submitBurst: 5_000,
  // A home that somebody links to gets hundreds of people in an hour; at one a second a script needs days for a gigabyte.
  registrationIntervalMs: 1_000,
  registrationBurst: 1_000,
  // A class behind one address at once, then one in ten minutes: an outsider's machine makes 150 accounts a day.
  registrationIntervalPerRemoteMs: 600_000,
  registrationBurstPerRemote: 30,
  // Two missed heartbeats say "offline": a minute, below the idle time-out of common proxies (60 s) each way.
  heartbeatMs: 30_000,
  // What erasing, repair and the database's own log need beside a day of mail that others bring: half a gigabyte.
  diskReserveBytes: 512 * 1024 ** 2,
});

/** The limits that an operator names, such as `acceptBurst`, each a number above 0. Throws NodeError `bad_value`. */
export function parseLimits(named: Readonly<Record<string, number>>): Partial<NodeLimits> {
  for (const [name, value] of Object.entries(named)) {
    if (!Object.hasOwn(DEFAULT_LIMITS, name))
      throw new NodeError('bad_value', `there is no limit ${name}`, {
        fix: `Name one of ${Object.keys(DEFAULT_LIMITS).join(', ')}.`,
      });
    if (!(Number.isFinite(value) && value > 0))
      throw new NodeError('bad_value', `${name} is a number above 0`, {
        fix: `The default is ${DEFAULT_LIMITS[name as keyof NodeLimits]}.`,
      });
  }
  return named;
}

/** The reserve is at most a twentieth of the disk: of a small one most is for mail. */
export const DISK_RESERVE_SHARE = 0.05;
/** How often a node looks how much room it has: at a hundred megabytes a second it does not fall through its reserve. */
export const ROOM_INTERVAL_MS = 2_000;
/** So much more than the reserve is free before mail is taken again: not on and off with every mail. */
export const ROOM_BACK_SHARE = 0.25;

/** Submits taken into one append: at 1 KiB half a megabyte, a few milliseconds of work. */
export const BATCH_ENTRIES_MAX = 512;
/** Bytes of bodies in one append: eight of the largest. */
export const BATCH_BYTES_MAX = 16 * 1024 * 1024;
/** Submits that wait for an append before `rate_limited` is the answer. */
export const INTAKE_QUEUE_MAX = 16_384;
/** Bytes of bodies that wait for an append: the memory a flood can take. */
export const INTAKE_BYTES_MAX = 64 * 1024 * 1024;
/** How long pieces of an attachment wait for the mail that names them: whoever is interrupted may come back from holidays. */
export const BLOBS_KEPT_MS = 30 * 86_400_000;
/** Attachments that one account has announced and no mail names yet; a mail has at most as many. */
export const UNNAMED_LISTS_MAX = 64;
/** Chunk lists kept in memory while their chunks come: 2 MiB each at most, as a rule 64 KiB. */
export const CHUNK_LISTS_CACHED_MAX = 16;
/** Attachments that are fetched from other homes at once; more wait until their mail is sent again. */
export const GATHERED_AT_ONCE_MAX = 8;
/** Pieces of one of them that are asked for at once: four megabytes under way. */
export const PIECES_ASKED_AT_ONCE = 4;
/** Appends whose commit is under way: the next is prepared while one is written. */
export const APPENDS_IN_FLIGHT = 3;
/** The net under the push (design, node: sweep of undelivered entries). */
export const SWEEP_INTERVAL_MS = 15_000;
/** A reader that takes nothing for this long is told and cut. */
export const SLOW_READER_MS = 30_000;
/** A connection that has not authenticated or asked for anything in this time is closed. */
export const GREETING_MS = 30_000;
/** A connection from which nothing has come for this long is half open: clients ping at every heartbeat. */
export const SILENT_MS = 150_000;
/** Syncs and fetches of one connection under way; more are refused, since each holds a page in memory. */
export const REQUESTS_IN_FLIGHT_MAX = 16;
/** Requests before authentication: registration and enrolment need a handful. */
export const ANONYMOUS_REQUESTS_MAX = 64;
/** Accounts whose heads are kept in memory: 200 bytes each. */
export const HEADS_CACHED_MAX = 100_000;
/** Account documents kept parsed: a few KiB each. */
export const ACCOUNTS_CACHED_MAX = 10_000;
/** Retention is looked after this often; a day's expiry may be an hour late. */
export const RETENTION_INTERVAL_MS = 3_600_000;
/** Wall clock and monotonic clock may differ by this much between two looks before expiry stops trusting the wall. */
export const CLOCK_JUMP_MS = 3_600_000;
/** After a jump nothing expires for this long: an operator has a day to see a wrong clock. */
export const CLOCK_DISTRUST_MS = 86_400_000;
/** A node that was away longer than this treats its clock as jumped. */
export const CLOCK_ABSENCE_MS = 7 * 86_400_000;
/** Mailbox numbers in one erase entry. */
export const ERASE_RANGES_MAX = 1_000;
/** Blocks of our feed read at once after a start, for what other homes are still to be told: bodies among them. */
export const COMMITTED_PAGE_BLOCKS = 256;
/** PDUs of a conversation in one answer to a client: a header each, of a kilobyte or two. */
export const CONVERSATION_PAGE_PDUS = 200;
/** A century, as in the account document. */
export const RETENTION_DAYS_MAX = 36_500;
/** Invitations not yet used. */
export const INVITES_MAX = 100_000;
/** Mailbox rows read at once by sweeps. */
export const SWEEP_PAGE_ROWS = 1_000;
/** Failed attempts for one address: one every ten seconds on average, … */
export const FAILURE_INTERVAL_MS = 10_000;
/** … after a burst that a person with several devices and a new password does not reach. */
export const FAILURE_BURST = 20;
/** Addresses whose failures are remembered. */
export const FAILURES_REMEMBERED = 10_000;
/** Remote addresses whose registrations are remembered: a flood of others may push one out, and meets the rate of all. */
export const REMOTES_REMEMBERED = 10_000;
/** A control call names a method and two short arguments. */
export const CONTROL_LINE_BYTES_MAX = 64 * 1024;
/** Versions of a chain in one answer, … */
export const CHAIN_DOCUMENTS_MAX = 1_000;
/** … and their bytes, unless one alone is larger: well below FRAME_BYTES_MAX. */
export const CHAIN_BYTES = 1024 * 1024;
/** Headers of a request must have come in this time; a socket that only opens is closed after it. */
export const HEADERS_TIMEOUT_MS = 15_000;
/** Nothing here takes a body over HTTP. */
export const HTTP_BODY_BYTES_MAX = 64 * 1024;
/** Before authentication: a document, a vault record and room. Bodies come from people who proved who they are. */
export const ANONYMOUS_FRAME_BYTES_MAX = 512 * 1024;
/** Ids of feeds kept as bytes: a home's own, and of others those that are spoken of now. */
export const FEED_IDS_CACHED_MAX = 1_000;
/** Documents that one transaction logs when a key log begins: some megabytes at most. */
export const KEY_LOG_FILL_ROWS = 1_000;
/** Entries of a copy that one transaction folds: some hundred milliseconds in which nothing else is written. */
export const FOLD_ENTRIES_MAX = 512;
/** Header blocks of a copy that are read ahead: where a guess is wrong these are bodies, which are in memory for a moment. */
export const HEADERS_AHEAD_MAX = 32;
/** Rivals of one version of a chain that are looked at: a node makes one at most while it is cut off. */
export const RIVALS_MAX = 1_000;
/** Blocks of an own feed that ended, proven at once when it becomes a copy: bodies among them. */
export const PROVEN_PAGE_BLOCKS = 256;
/** Versions of a home's document that a salvage reads at once: a node added, removed or moved each day for decades. */
export const HOME_VERSIONS_MAX = 10_000;
