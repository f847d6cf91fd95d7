/** What the next PDU of a conversation follows: the PDUs that no other follows yet. Pure. */
import { type Pdu, PREVIOUS_PDUS_MAX } from '../../protocol/index.ts';
import type { ConversationEnd } from './composer.ts';

export function endOf(pdus: readonly Pdu[]): ConversationEnd {
  const followed = new Set(pdus.flatMap(({ prev }) => prev));
  const ends = pdus.filter(({ id }) => !followed.has(id)).sort((a, b) => b.depth - a.depth || (a.id < b.id ? -1 : 1));
  const prev = ends.slice(0, PREVIOUS_PDUS_MAX);
  return {
    prev: prev.map(({ id }) => id),
    depth: 1 + prev.reduce((deepest, { depth }) => Math.max(deepest, depth), 0),
  };
}
