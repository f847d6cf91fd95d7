/** The nodes of a home: links between them, copies of each other's feeds, joining and leaving. */
export { CatchUp } from './catch-up.ts';
export * from './fleet.ts';
export * from './fleet-error.ts';
export type { FleetFeedStatus, FleetNodeStatus, FleetStatus } from './fleet-status.ts';
export { FollowedKeyLog } from './followed-key-log.ts';
export { FLEET_PATH, fleetUrlOf, upgradeKey } from './handshake.ts';
export { askToJoin, type JoinDeps, type Joined } from './joining.ts';
export { DIAL_TIMEOUT_MS, LINK_FRAME_BYTES_MAX } from './limits.ts';
export { FleetAccounts } from './registrar.ts';
