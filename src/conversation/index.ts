/** What a set of PDUs of one conversation means: members, settings, and which PDUs count. Portable and pure. */
export * from './change.ts';
export {
  ConversationFold,
  type ConversationPdu,
  type ConversationState,
  type Member,
  type Placement,
} from './conversation-fold.ts';
export * from './limits.ts';
export type { Refusal } from './pdu-graph.ts';
