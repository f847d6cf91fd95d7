/**
 * Somebody whom no device of this hub belongs to yet: their account is made, or opened again by its recovery code. Either
 * way this hub is a device of it afterwards. What the home refuses is an outcome, in the client's words.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../../../base/index.ts';
import { createAccount, type DeviceProfile, recoverAccount } from '../../../client/index.ts';
import { MemoryStore } from '../../../store/index.ts';
import { HubError } from '../../hub-error.ts';
import { AccountFiles } from './account-files.ts';
import { DEVICE_NAME, type JoiningDeps, type JoiningOptions, MAIL_FOLDER, openMailStore } from './joining.ts';

export type Enrolment =
  | { readonly how: 'create'; readonly password: string; readonly invite: string }
  | { readonly how: 'recover'; readonly password: string; readonly recoveryCode: string };

export type EnrolmentOutcome =
  | { readonly status: 'enrolled'; readonly hubKey: Uint8Array; readonly recoveryCode: string | undefined }
  | { readonly status: 'refused'; readonly code: string; readonly message: string };

export type EnrollingOptions = Omit<JoiningOptions, 'password'>;

/** Throws what is nobody's refusal, such as a disk that is full. */
export async function enrolUser(
  deps: JoiningDeps,
  options: EnrollingOptions,
  enrolment: Enrolment,
  signal: AbortSignal,
): Promise<EnrolmentOutcome> {
  const files = new AccountFiles(deps, options);
  try {
    if (files.exist) return await enrolAgain(deps, options, enrolment, signal);
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    await using store = await openMailStore(deps.log, options);
    const { profile, recoveryCode } = await enrol({ ...deps, store }, options, enrolment, signal);
    const hubKey = deps.random.bytes(32);
    await files.writeProfile(hubKey, profile);
    return { status: 'enrolled', hubKey, recoveryCode };
  } catch (error) {
    // Whoever could not come in leaves nothing here.
    if (!files.exist) await rm(join(options.folder, MAIL_FOLDER), { recursive: true, force: true });
    signal.throwIfAborted();
    if (!(error instanceof CodedError) || error instanceof HubError) throw error;
    return { status: 'refused', code: error.code, message: error.message };
  }
}

/** This hub is a device already, and stays the one it is: the code gives a new password, and finds the hub key. */
async function enrolAgain(
  deps: JoiningDeps,
  options: EnrollingOptions,
  enrolment: Enrolment,
  signal: AbortSignal,
): Promise<EnrolmentOutcome> {
  if (enrolment.how === 'create')
    return { status: 'refused', code: 'address_taken', message: 'this address has an account' };
  const { profile } = await enrol({ ...deps, store: new MemoryStore() }, options, enrolment, signal);
  const hubKey = await new AccountFiles(deps, options).readHubKey(profile.secrets);
  return { status: 'enrolled', hubKey, recoveryCode: undefined };
}

async function enrol(
  deps: Parameters<typeof createAccount>[0],
  { address, nodeUrl }: EnrollingOptions,
  enrolment: Enrolment,
  signal: AbortSignal,
): Promise<{ readonly profile: DeviceProfile; readonly recoveryCode: string | undefined }> {
  const where = { address, deviceName: DEVICE_NAME, nodeUrl };
  if (enrolment.how === 'create') {
    const { invite, password } = enrolment;
    return createAccount(deps, { ...where, password, invite }, signal);
  }
  const { password: newPassword, recoveryCode } = enrolment;
  const { profile } = await recoverAccount(deps, { ...where, recoveryCode, newPassword }, signal);
  return { profile, recoveryCode: undefined };
}
