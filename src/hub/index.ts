/** The hub: a person's client run on a server, for their programs. */
export { endProcess } from './control/adopted-child.ts';
export type { ControlServerDeps, ControlServerOptions } from './control/control-options.ts';
export { ControlServer } from './control/control-server.ts';
export { type HomeCheck, ThreadedHomeCheck } from './control/home-check.ts';
export { IDLE_TIMEOUT_MS, MEMORY_BYTES_MAX } from './control/limits.ts';
export { connectOperator, type HostStatus, OPERATOR_SOCKET, type Operator } from './control/operator.ts';
export type { HomeOperator } from './control/operator-page.ts';
export { encodeRelief, parseRelief, type Relief } from './control/relief.ts';
export type { SessionStatus } from './control/sessions.ts';
export type { UserServerStatus } from './control/user-server-status.ts';
export { HubError, type HubErrorCode } from './hub-error.ts';
export { USERS_MAX } from './placement/limits.ts';
export { pageFolder, userServerProgram } from './program.ts';
