/** The messages of Dat v6 (docs/protocol/feed.md). Numbers are safe integers from 0, judged where they are decoded. */
import type { TreeNode } from '../merkle.ts';

export interface FeedMessage {
  readonly type: 'feed';
  /** 32 bytes. */
  readonly discoveryKey: Uint8Array;
  /** 24 bytes; in the first Feed of a connection only. */
  readonly nonce: Uint8Array | undefined;
}

export interface HandshakeMessage {
  readonly type: 'handshake';
  /** Random for each program: two equal ones are one program that talks to itself. */
  readonly id: Uint8Array | undefined;
  /** Stay connected when nothing is left to fetch. */
  readonly live: boolean;
  readonly userData: Uint8Array | undefined;
  /** Sorted; an Extension message names one by its position. */
  readonly extensions: readonly string[];
  /** Say Have to me too when you have stored what I sent. */
  readonly ack: boolean;
}

export interface InfoMessage {
  readonly type: 'info';
  readonly uploading: boolean | undefined;
  readonly downloading: boolean | undefined;
}

export interface HaveMessage {
  readonly type: 'have';
  readonly start: number;
  readonly length: number;
  /** Run-length coded; instead of `length`. */
  readonly bitfield: Uint8Array | undefined;
  /** The answer to a handshake's `ack`: what you sent is stored. */
  readonly ack: boolean;
}

export interface UnhaveMessage {
  readonly type: 'unhave';
  readonly start: number;
  readonly length: number;
}

export interface WantMessage {
  readonly type: 'want' | 'unwant';
  readonly start: number;
  /** undefined: to the end. */
  readonly length: number | undefined;
}

export interface RequestMessage {
  readonly type: 'request';
  readonly index: number;
  /** A byte offset in the feed instead of an index. */
  readonly bytes: number | undefined;
  /** The hash of the block instead of the block. */
  readonly hash: boolean;
  /** Digest of the tree nodes that the asker holds (tree-index.ts). */
  readonly digest: number;
}

export interface CancelMessage {
  readonly type: 'cancel';
  readonly index: number;
  readonly bytes: number | undefined;
  readonly hash: boolean;
}

export interface DataMessage {
  readonly type: 'data';
  readonly index: number;
  readonly value: Uint8Array | undefined;
  readonly nodes: readonly TreeNode[];
  readonly signature: Uint8Array | undefined;
}

export interface ExtensionMessage {
  readonly type: 'extension';
  /** Position in the sender's own sorted list. */
  readonly extension: number;
  readonly payload: Uint8Array;
}

export type WireMessage =
  | FeedMessage
  | HandshakeMessage
  | InfoMessage
  | HaveMessage
  | UnhaveMessage
  | WantMessage
  | RequestMessage
  | CancelMessage
  | DataMessage
  | ExtensionMessage;

/** The numbers of the types: the low four bits of a frame's header. */
export const MESSAGE_TYPES = {
  feed: 0,
  handshake: 1,
  info: 2,
  have: 3,
  unhave: 4,
  want: 5,
  unwant: 6,
  request: 7,
  cancel: 8,
  data: 9,
  extension: 15,
} as const;
