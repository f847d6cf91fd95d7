/**
 * The state of node choice, what happens to it and what it asks for. Values only; `step` in choice-step.ts is the one
 * function that makes a next state, and the driver performs the effects.
 */
import { judgeAt, type Liveness } from './liveness.ts';
import type { Moment } from './moment.ts';

/** A node as the directory lists it; one whose URL changed is another node. */
export interface ListedNode {
  readonly name: string;
  readonly url: string;
}

export interface Rest {
  /** Monotonic milliseconds. */
  readonly until: number;
  readonly cause: 'connected' | 'failed';
}

export interface NodeRecord {
  readonly url: string;
  readonly rest: Rest | undefined;
  /** Of the last ping that was answered. */
  readonly rttMs: number | undefined;
  /** Share of the best known heads that the node serves, 0 to 1; 1 while nothing else is known. */
  readonly completeness: number;
}

/** The wish for one node. */
export interface Pin {
  readonly node: string;
  /** Loops that found it away since it was last there. */
  readonly awayLoops: number;
  /** It stayed away, or failed: another may be borrowed. */
  readonly borrowing: boolean;
}

/** Pings under way. */
export interface Round {
  readonly id: number;
  readonly limitMs: number;
  readonly endsAt: number;
  /** Nodes that have neither answered nor failed. */
  readonly open: ReadonlySet<string>;
  /** Round-trip times, below the limit, of nodes that hold mail. */
  readonly answers: ReadonlyMap<string, number>;
}

/**
 * Why a node was taken: found by the loop, pinned and tried unasked, pinned and answering again, borrowed for the pinned
 * one, or chosen by the person.
 */
export type Cause = 'loop' | 'pin' | 'return' | 'borrow' | 'person';

/** Pings sent while connected: for a node to replace this one, or to go back to the pinned one. */
export interface Look {
  readonly round: Round;
  readonly purpose: 'replace' | 'return';
}

export type Link =
  | { readonly at: 'disconnected'; readonly retryAt: number | undefined }
  /** `spare` are asked when nobody of the round answers. */
  | { readonly at: 'searching'; readonly round: Round; readonly spare: readonly string[] }
  | {
      readonly at: 'connecting';
      readonly node: string;
      readonly attempt: number;
      readonly endsAt: number;
      readonly cause: Cause;
    }
  | {
      readonly at: 'connected';
      readonly node: string;
      readonly attempt: number;
      readonly cause: Cause;
      readonly liveness: Liveness;
      readonly failedRequests: number;
      readonly look: Look | undefined;
    };

/** No node: since the last sign of life of one (milliseconds since 1970), and whether that was said. */
export interface Absence {
  readonly since: number;
  readonly said: boolean;
}

export interface ChoiceState {
  readonly nodes: ReadonlyMap<string, NodeRecord>;
  readonly pin: Pin | undefined;
  readonly link: Link;
  /** Undefined exactly while connected. */
  readonly absence: Absence | undefined;
  readonly nextLoopAt: number;
  /** Loops without a node since there was one. */
  readonly awayLoops: number;
  /** Tries left between a cut and the loop. */
  readonly quickTries: number;
  /** Number of the last ping round or connect. */
  readonly serial: number;
  /** The last look at the clocks. */
  readonly seen: Pick<Moment, 'at' | 'wallMs'>;
}

export type ChoiceEvent =
  /** Time passed; due at `wakeAt(state)` and about every WATCH_MS. */
  | { readonly type: 'tick' }
  /** The directory changed. */
  | { readonly type: 'nodes'; readonly nodes: readonly ListedNode[] }
  /** What a person may do. */
  | { readonly type: 'pin'; readonly node: string }
  | { readonly type: 'unpin' }
  | { readonly type: 'choose'; readonly node: string }
  | { readonly type: 'retry' }
  /** Answers to effects; those to an old round or attempt change nothing. */
  | {
      readonly type: 'pong';
      readonly round: number;
      readonly node: string;
      readonly rttMs: number;
      readonly store: boolean;
    }
  | { readonly type: 'pingFailed'; readonly round: number; readonly node: string }
  | {
      readonly type: 'connected';
      readonly attempt: number;
      readonly heartbeatMs: number;
      readonly store: boolean;
    }
  | { readonly type: 'connectFailed'; readonly attempt: number }
  /** The connection ended; `refused`: by the node's will, not by the network. */
  | { readonly type: 'closed'; readonly attempt: number; readonly refused: boolean }
  /** Something arrived; `rttMs` with the answer to a probe. */
  | { readonly type: 'heard'; readonly attempt: number; readonly rttMs: number | undefined }
  | { readonly type: 'requestFailed'; readonly attempt: number }
  | { readonly type: 'requestDone'; readonly attempt: number }
  /** Entries under the node's heads, against those under the best heads known for at least a loop. */
  | { readonly type: 'completeness'; readonly node: string; readonly held: number; readonly known: number };

/** What others hear. The seed's names and order. */
export type ChoiceNotice =
  | { readonly type: 'state'; readonly node: string; readonly state: NodeState }
  | { readonly type: 'mailserver:changed'; readonly node: string; readonly borrowed: boolean }
  | { readonly type: 'mailserverAvailable'; readonly node: string }
  /** Once in each spell without a node, and once more after each `retry`. `since`: milliseconds since 1970. */
  | { readonly type: 'offline'; readonly since: number }
  /** A node outside the list was asked for. */
  | { readonly type: 'refused'; readonly node: string };

export type NodeState = 'disconnected' | 'connecting' | 'connected';

export type ChoiceEffect =
  | {
      readonly type: 'ping';
      readonly round: number;
      readonly nodes: readonly string[];
      readonly limitMs: number;
    }
  | { readonly type: 'connect'; readonly node: string; readonly attempt: number }
  | { readonly type: 'disconnect'; readonly node: string; readonly attempt: number }
  /** Ask the connected node for a sign of life. */
  | { readonly type: 'probe'; readonly node: string; readonly attempt: number }
  | { readonly type: 'notify'; readonly notice: ChoiceNotice };

/** The first loop is due at once. */
export function createChoice(nodes: readonly ListedNode[], pinned: string | undefined, now: Moment): ChoiceState {
  return {
    nodes: new Map(nodes.map((node) => [node.name, createRecord(node)])),
    pin: pinned === undefined ? undefined : { node: pinned, awayLoops: 0, borrowing: false },
    link: { at: 'disconnected', retryAt: undefined },
    absence: { since: now.wallMs, said: false },
    nextLoopAt: now.at,
    awayLoops: 0,
    quickTries: 0,
    serial: 0,
    seen: { at: now.at, wallMs: now.wallMs },
  };
}

export function createRecord(node: ListedNode): NodeRecord {
  return { url: node.url, rest: undefined, rttMs: undefined, completeness: 1 };
}

/** Monotonic time at which the next tick is due; it may be past. */
export function wakeAt(state: ChoiceState): number {
  const { link } = state;
  switch (link.at) {
    case 'disconnected':
      return Math.min(state.nextLoopAt, link.retryAt ?? Number.POSITIVE_INFINITY);
    case 'searching':
      return Math.min(state.nextLoopAt, link.round.endsAt);
    case 'connecting':
      return Math.min(state.nextLoopAt, link.endsAt);
    case 'connected':
      return Math.min(state.nextLoopAt, judgeAt(link.liveness), link.look?.round.endsAt ?? Number.POSITIVE_INFINITY);
  }
}
