/** A connection to a node. */
export * from './connection-error.ts';
export { authenticate, type HandshakeDeps, type NodeTarget, openConnection } from './handshake.ts';
export { type AnswerOf, NodeConnection, type Numbered, type PushHandlers } from './node-connection.ts';
export type { PageHandler } from './requests.ts';
