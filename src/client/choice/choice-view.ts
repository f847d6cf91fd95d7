/** What a person is shown of node choice. */
import { unreachable } from '../../base/index.ts';
import type { ChoiceState, NodeState } from './choice-state.ts';

export interface NodeView {
  readonly name: string;
  readonly state: NodeState;
  readonly pinned: boolean;
  /** Of the last ping answered. */
  readonly rttMs: number | undefined;
  /** 0 to 1: the share of the best known heads it serves, halved while it rests after a failure. */
  readonly score: number;
  /** Milliseconds until it may be tried again; 0: now. */
  readonly restsMs: number;
}

export interface ChoiceView {
  readonly state: NodeState;
  /** The node connected, or being connected to. */
  readonly node: string | undefined;
  readonly pinned: string | undefined;
  /** `node` stands in for the pinned one, which is still the wish. */
  readonly borrowed: boolean;
  /** Milliseconds since 1970; undefined while connected, and before a node has been asked in vain. */
  readonly offlineSince: number | undefined;
  readonly nodes: readonly NodeView[];
}

/** `at` is monotonic time. */
export function viewOf(state: ChoiceState, at: number): ChoiceView {
  const { link, pin } = state;
  const node = link.at === 'connecting' || link.at === 'connected' ? link.node : undefined;
  const now = stateOf(link.at);
  return {
    state: now,
    node,
    pinned: pin?.node,
    borrowed: (link.at === 'connecting' || link.at === 'connected') && link.cause === 'borrow',
    offlineSince: state.absence?.said === true ? state.absence.since : undefined,
    nodes: [...state.nodes].map(([name, record]) => {
      const restsMs = Math.max(0, (record.rest?.until ?? 0) - at);
      return {
        name,
        state: name === node ? now : 'disconnected',
        pinned: name === pin?.node,
        rttMs: record.rttMs,
        score: restsMs > 0 && record.rest?.cause === 'failed' ? record.completeness / 2 : record.completeness,
        restsMs,
      };
    }),
  };
}

function stateOf(at: ChoiceState['link']['at']): NodeState {
  switch (at) {
    case 'disconnected':
    case 'searching':
      return 'disconnected';
    case 'connecting':
    case 'connected':
      return at;
    default:
      return unreachable(at);
  }
}
