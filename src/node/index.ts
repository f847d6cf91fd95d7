/** The mail node: accounts, mailboxes, client protocol, retention, operator. */
export type { DestinationStatus, KeyLogStatus } from '../federation/index.ts';
export { type CheckedBackup, checkAccountBackup } from './account-backup.ts';
export type { Registration } from './accounts.ts';
export { checkBackup, restoreBackup } from './backup.ts';
export type { Piece } from './blobs.ts';
export { Core, type CoreDeps, type CoreOptions } from './core.ts';
export { type HomeConfig, readHomeConfig } from './data-folder.ts';
export type { Doorway } from './doorway.ts';
export { FleetError, type FleetErrorCode, type FleetStatus } from './fleet/index.ts';
export { type JoinFleetOptions, joinFleet } from './join-fleet.ts';
export {
  type LetterAnswer,
  type LetterCarrier,
  type LetterDestination,
  type LetterPiece,
  Letters,
  type LettersStatus,
  type LetterToSend,
  type ReportEvents,
} from './letters.ts';
export { DEFAULT_LIMITS, type NodeLimits, parseLimits } from './limits.ts';
export { type DoorStatus, Metrics } from './metrics.ts';
export { Node, type NodeDeps, type NodeOptions, openNodeDialer, withOperator } from './node.ts';
export { NodeError, type NodeErrorCode } from './node-error.ts';
export { moveStore } from './node-store.ts';
export type { AccountSummary, NodeStatus, Operator } from './operator.ts';
export type { Problem } from './problem.ts';
export { type Remote, remoteOf } from './remote.ts';
export type { RepairResult } from './repair.ts';
export type { Disk, DiskSpace } from './room.ts';
export { salvageFolder } from './salvage-folder.ts';
export type { Submission } from './submission.ts';
export { TokenBucket } from './token-bucket.ts';
export type { CheckOptions, CheckResult } from './view-check.ts';
