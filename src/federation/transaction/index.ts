/** Numbers for other homes, sent and taken once and in order. */
export { acknowledgedTo, areAwaited, isAwaited } from './kept.ts';
export {
  exchangedHomes,
  type HeldProgress,
  type Progress,
  raiseHeld,
  readProgress,
  type SentProgress,
  writeSent,
} from './progress.ts';
export { type Rejection, type RejectionRow, readRejections } from './rejection.ts';
export type { DestinationStatus } from './sender.ts';
export * from './transaction-layer.ts';
