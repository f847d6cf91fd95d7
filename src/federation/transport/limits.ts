/**
 * The bounds of what homes say to each other over HTTP, each with its reason. docs/protocol/federation.md repeats them. What a
 * body may have is FEDERATION_BODY_BYTES_MAX, the decoder's own bound: more would be read, held and then refused.
 */
import { FEDERATION_BODY_BYTES_MAX } from '../../protocol/index.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** An Answer: fifty results with a sentence each, and how far each feed of a fleet reaches. */
export const ANSWER_BYTES_MAX = MiB;
/** A refusal: a code and two sentences. */
export const REFUSAL_BYTES_MAX = 16 * KiB;
/** PDUs asked for by id in one request: as many as a transaction holds; their ids are a request line of 4 KiB. */
export const PDU_IDS_MAX = 50;
/** PDUs of one backfill, as Synapse allows. */
export const BACKFILL_PDUS_MAX = 100;
/** What a caller makes of the page of state before: a PDU id or shorter. */
export const PAGE_CHARACTERS_MAX = 128;
/** A transaction's id: a feed, two numbers and an attempt. */
export const TRANSACTION_ID_CHARACTERS_MAX = 128;
/** Names of two homes, a key, a hash and a signature are a thousand characters at most. */
export const AUTHORIZATION_CHARACTERS_MAX = 2_048;

/** What a server takes for a request, beside the transfer: it may have to ask other homes before it answers. */
export const REQUEST_TIMEOUT_MS = 45_000;
/** What a client waits, beside the transfer: longer than the server, so that the server's own word arrives. */
export const LINK_TIMEOUT_MS = MINUTE_MS;
/** The slowest line that is waited for: half a megabit. */
export const TRANSFER_BYTES_PER_SECOND = 64 * KiB;
/** URLs of a home that one request tries: a fleet has a few nodes with a few addresses. */
export const LINK_URLS_MAX = 8;

/** The operator's to set: how much of this server one home may take, and all together. */
export interface TransportLimits {
  /** Requests of one home per second on average. */
  readonly requestsPerSecond: number;
  /** Requests of one home at once before the average counts. */
  readonly requestBurst: number;
  /** Requests of one home under way. */
  readonly requestsInFlight: number;
  /** Bytes of bodies of one home under way, unless one alone is larger. */
  readonly bodyBytesInFlight: number;
  /** Bytes of bodies of all homes under way. */
  readonly allBodyBytesInFlight: number;
}

export const DEFAULT_TRANSPORT_LIMITS: TransportLimits = Object.freeze({
  // One transaction of fifty PDUs at a time is sixty a second at three thousand PDUs a second; the rest is for fetching.
  requestsPerSecond: 500,
  // A minute of a returning home that asks for everything at once.
  requestBurst: 2_000,
  // A fleet of eight nodes that sends, and fetches what it lacks.
  requestsInFlight: 32,
  // A fleet of eight nodes with a transaction each of the largest size: 17 MiB. Who waits a second loses nothing.
  bodyBytesInFlight: 8 * FEDERATION_BODY_BYTES_MAX,
  // Eight homes with the most that each may have: 136 MiB, an eighth of the memory of a small server.
  allBodyBytesInFlight: 64 * FEDERATION_BODY_BYTES_MAX,
});

/** Homes whose rate is remembered: some hundred bytes each. Forgetting one forgives it. */
export const ORIGINS_REMEMBERED = 10_000;

/** A home document is asked for again after a day (Matrix's well-known), … */
export const HOME_FRESH_MS = 24 * HOUR_MS;
/** … and still believed for another while its home cannot be reached. After that a withdrawn key no longer counts. */
export const HOME_STALE_MS = 48 * HOUR_MS;
/** An unknown key or feed makes us ask again, at most this often for a home: more would be a stranger's lever. */
export const REFRESH_INTERVAL_MS = MINUTE_MS;
/** A home that was not found is not looked for again for so long, … */
export const FAILURE_CACHED_MS = 5_000;
/**
 * … then twice as long, up to this: the shortest of the longest waits between two tries of a queue (back-off.ts), so that each of
 * them does look. With an hour, a try in between failed unasked, and a home that returned had its mail after two.
 */
export const FAILURE_CACHED_MS_MAX = HOUR_MS / 2;
/** Discovery with all its places: four attempts of ten seconds, and some for DNS. */
export const DISCOVERY_TIMEOUT_MS = 50_000;
/** One place of discovery. */
export const DISCOVERY_PLACE_TIMEOUT_MS = 10_000;
/** Servers of a DNS SRV answer that are tried. */
export const DISCOVERY_SERVICES_MAX = 4;
/** A page of a chain: ours have 1 MiB, unless one document alone is larger. */
export const HOME_ANSWER_BYTES_MAX = 2 * MiB;
/** Pages of a chain in one lookup: far more versions than a home writes in a lifetime. */
export const HOME_ANSWER_PAGES_MAX = 16;
/** Versions of another home that we pin: a version a day for ten years. */
export const HOME_VERSIONS_MAX = 4_096;
/** Home documents in memory: a few KiB each. */
export const HOMES_CACHED_MAX = 4_096;
/** Lookups under way: strangers' names cause them. */
export const LOOKUPS_IN_FLIGHT_MAX = 64;

/** A certificate in a Web Key Directory: GnuPG's own are a few KiB, with photographs some hundred. */
export const CERTIFICATE_BYTES_MAX = 256 * KiB;
/** One place of a Web Key Directory. */
export const CERTIFICATE_TIMEOUT_MS = 10_000;
