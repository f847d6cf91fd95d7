/** The client: an account's devices, mail and contacts over whichever node serves best. Portable; README.md says more. */

export {
  type Created,
  type CreateOptions,
  createAccount,
  type Enrolled,
  type JoinOptions,
  joinAccount,
  type RecoverOptions,
  recoverAccount,
  type SetupDeps,
} from './account/account-setup.ts';
export type { DeviceProfile } from './account/device-profile.ts';
export type { Alarm, AlarmCode } from './alarm.ts';
export { ClientError, type ClientErrorCode } from './client-error.ts';
export { ConnectionError, type ConnectionErrorCode, refusalOf } from './connection/index.ts';
