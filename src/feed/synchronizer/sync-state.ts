/**
 * What the synchronizer knows: feeds, peers, and for each feed that a peer and we have both opened a channel. Changed by
 * `step` and by nothing else.
 */
import type { FeedId } from '../../protocol/index.ts';
import { Bitfield } from '../bitfield.ts';
import type { WireMessage } from '../wire/index.ts';
import { CHATTER_BURST, REQUESTS_FIRST } from './limits.ts';

export type PeerId = number;

/** Why a connection ended. */
export type DropReason =
  | 'done' // nothing is left to do, at either end
  | 'shutdown'
  | 'closed' // by the other end, or the network
  | 'removed' // by who uses the synchronizer
  | 'too_many_peers'
  | 'malformed' // bytes that are no message
  | 'too_large' // beyond a limit of the wire
  | 'wrong_feed' // the first feeds differ
  | 'unknown_feed' // the first feed is not here, or not for this peer
  | 'self' // this very program
  | 'no_handshake'
  | 'second_handshake'
  | 'silent'
  | 'stalled_frame' // bytes that drip
  | 'too_slow' // owes blocks and sends none
  | 'write_timeout' // does not read
  | 'bad_proof' // blocks that are not the feed's
  | 'cannot_prove' // blocks without what proves them, again and again
  | 'unrequested_data'
  | 'chatter' // says a lot and brings nothing
  | 'feed_flood';

export interface FeedState {
  readonly id: FeedId;
  /** Lower-case hexadecimal. */
  readonly discoveryKey: string;
  readonly isWritable: boolean;
  /** Stay connected, and fetch what is appended. */
  readonly live: boolean;
  /** Blocks that the feed's key has signed for and that are on disk as far as they came. */
  length: number;
  /** Blocks that need not be asked for: held, cleared, or asked for. */
  readonly settled: Bitfield;
  /** In a sparse feed the blocks to fetch; undefined: all. */
  wanted: Bitfield | undefined;
  /** Grows whenever a settled block becomes unsettled: cursors begin anew. */
  generation: number;
  /** The lowest unsettled block in a generation, as far as it was looked for. */
  lowest: { readonly generation: number; readonly index: number };
  /** Blocks to be asked for with everything that proves them. */
  readonly plain: Set<number>;
  /** The block beyond `length` that was asked for: its proof tells how long the feed is now. */
  probe: number | undefined;
  /** Two histories: nothing is asked for or served any more. */
  frozen: boolean;
  /** Until when nothing is asked for, since the store refused. */
  pausedUntil: number;
  /** Whether completeness was told; false again when more is known to be there. */
  toldComplete: boolean;
}

export interface Channel {
  readonly peer: PeerState;
  readonly feed: FeedState;
  readonly localId: number;
  /** undefined until the peer has opened the feed too. */
  remoteId: number | undefined;
  /** What the peer has, within the windows that it was asked about. */
  readonly remote: Bitfield;
  readonly windows: Set<number>;
  /** One beyond the highest block that the peer says it has. */
  claimedLength: number;
  remoteUploading: boolean;
  remoteDownloading: boolean;
  /** The peer wants to hear what we have. */
  remoteWants: boolean;
  /** Said that we fetch nothing more. */
  toldDone: boolean;
  /** Blocks asked for, and when. In the order of asking. */
  readonly inFlight: Map<number, number>;
  /** Blocks asked for, and when, that another peer may be asked for too; they may still come. */
  readonly late: Map<number, number>;
  /** Blocks that are not waited for any more; whoever brings one all the same was asked for it. */
  readonly overdue: Set<number>;
  /** How many may be in flight. */
  credit: number;
  lastDataAt: number;
  unjudgedBytes: number;
  /** Of the blocks that came. */
  meanBytes: number;
  cursor: number;
  generation: number;
}

export interface UnknownFeed {
  readonly discoveryKey: string;
  readonly messages: WireMessage[];
}

export interface PeerState {
  readonly id: PeerId;
  readonly isInitiator: boolean;
  /** Where it was dialed. */
  readonly address: string | undefined;
  /** Feeds that it may see; undefined: all. */
  readonly allowed: ReadonlySet<FeedId> | undefined;
  /** Open every feed that it may see, instead of those only that it opens. */
  readonly opensAll: boolean;
  readonly connectedAt: number;
  readonly channels: Map<FeedId, Channel>;
  readonly byRemoteId: Map<number, Channel | UnknownFeed>;
  nextLocalId: number;
  handshake: { readonly live: boolean; readonly ack: boolean; readonly ordered: boolean } | undefined;
  lastReceivedAt: number;
  lastSentAt: number;
  frameSince: number | undefined;
  frameBytes: number;
  /** What it may still say (limits.ts). */
  chatter: number;
  plainRetries: number;
  /** That it brought and that were stored. */
  blocks: number;
}

export interface AddressState {
  failures: number;
  /** Not to be dialed before. */
  nextAt: number;
  /** Being dialed, or connected. */
  busy: boolean;
}

export interface SyncState {
  readonly feeds: Map<FeedId, FeedState>;
  readonly byDiscoveryKey: Map<string, FeedState>;
  readonly peers: Map<PeerId, PeerState>;
  readonly addresses: Map<string, AddressState>;
  /** Ours, told in handshakes. */
  readonly id: Uint8Array;
  readonly peersMax: number;
  /** Ask peers to say Have for what they have stored. */
  readonly ack: boolean;
  stopping: boolean;
}

export function createState(options: {
  readonly id: Uint8Array;
  readonly peersMax: number;
  readonly ack: boolean;
}): SyncState {
  return {
    ...options,
    feeds: new Map(),
    byDiscoveryKey: new Map(),
    peers: new Map(),
    addresses: new Map(),
    stopping: false,
  };
}

export function createPeer(
  fields: Pick<PeerState, 'id' | 'isInitiator' | 'address' | 'allowed' | 'opensAll'>,
  now: number,
): PeerState {
  return {
    ...fields,
    connectedAt: now,
    channels: new Map(),
    byRemoteId: new Map(),
    nextLocalId: 0,
    handshake: undefined,
    lastReceivedAt: now,
    lastSentAt: now,
    frameSince: undefined,
    frameBytes: 0,
    chatter: CHATTER_BURST,
    plainRetries: 0,
    blocks: 0,
  };
}

export function createChannel(peer: PeerState, feed: FeedState, now: number): Channel {
  return {
    peer,
    feed,
    localId: peer.nextLocalId++,
    remoteId: undefined,
    remote: new Bitfield(),
    windows: new Set(),
    claimedLength: 0,
    remoteUploading: true,
    remoteDownloading: true,
    remoteWants: false,
    toldDone: false,
    inFlight: new Map(),
    late: new Map(),
    overdue: new Set(),
    credit: REQUESTS_FIRST,
    lastDataAt: now,
    unjudgedBytes: 0,
    meanBytes: 1024,
    cursor: 0,
    generation: feed.generation,
  };
}

export function mayShare(peer: PeerState, feed: FeedState): boolean {
  return peer.allowed === undefined || peer.allowed.has(feed.id);
}

/** A block is to be asked for again. */
export function unsettle(feed: FeedState, index: number): void {
  if (feed.settled.clear(index)) feed.generation += 1;
  if (feed.probe === index) feed.probe = undefined;
}
