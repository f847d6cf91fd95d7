/** Home to home (design, federation): four layers, of which the node calls the uppermost. */
export * from './federation-error.ts';
export type { KeyLogProblem, KeyLogStatus } from './key-log/index.ts';
export type { LayersDeps, Network } from './messaging/layers.ts';
export * from './messaging/messaging.ts';
export { type Allowance, type Authorship, Conversations } from './pdu/index.ts';
export type { Admission, Arrival, HeldPdu, LocalPeople, PduView, Place } from './pdu/pdu-view.ts';
export * from './ports.ts';
export type { ReportEvents } from './reports/index.ts';
export {
  acknowledgedTo,
  areAwaited,
  type DestinationStatus,
  exchangedHomes,
  type HeldProgress,
  type Progress,
  raiseHeld,
  readProgress,
  type SentProgress,
  writeSent,
} from './transaction/index.ts';
export {
  DEFAULT_TRANSPORT_LIMITS,
  homeVerdictOf,
  isLoopbackHome,
  locateCertificate,
  mountFederation,
  mountWkd,
  type TransportLimits,
  wkdHash,
} from './transport/index.ts';
