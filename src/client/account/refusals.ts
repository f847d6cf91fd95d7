/** A node's refusal in the client's words: what happened and what a person can do. */
import { ClientError, type ClientErrorCode } from '../client-error.ts';
import { refusalOf } from '../connection/index.ts';

interface Explained {
  readonly code: ClientErrorCode;
  readonly fix: string;
}

const EXPLAINED: Readonly<Record<string, Explained>> = Object.freeze({
  registration_closed: { code: 'registration_closed', fix: 'ask the operator of the home for an account' },
  invite_needed: {
    code: 'invite_needed',
    fix: 'ask somebody of that home for an invitation, and give it with --invite',
  },
  invite_unknown: { code: 'invite_unknown', fix: 'ask for a new invitation: each is good once' },
  address_taken: { code: 'address_taken', fix: 'choose another address; if it is yours, use `restante account add`' },
  rate_limited: { code: 'rate_limited', fix: 'wait a minute and try again' },
  banned: { code: 'banned', fix: 'ask the operator of the home' },
  account_closed: { code: 'account_closed', fix: 'the address is not given again; choose another for a new account' },
  weak_parameters: { code: 'weak_parameters', fix: 'bring this program up to date' },
});

/** What only a device that was let in before is told: whoever enrols one has typed a wrong password then. */
const NOT_ADMITTED: Explained = Object.freeze({
  code: 'unknown_device',
  fix: 'if you did not revoke it, ask the operator; `restante account add ADDRESS --profile NEW_FOLDER` joins it anew',
});

/** Why a home does not let a device of an account in; undefined where `error` is no such refusal. */
export function refusedDevice(error: unknown): ClientError | undefined {
  const refusal = refusalOf(error);
  if (refusal === 'auth_failed' || refusal === 'device_revoked')
    return new ClientError(NOT_ADMITTED.code, 'the home does not know this device any more', {
      fix: NOT_ADMITTED.fix,
      cause: error,
    });
  if (refusal !== 'banned' && refusal !== 'account_closed') return undefined;
  return explainRefusal(error) as ClientError;
}

/** The error to throw instead; one that is no refusal of these is returned as it is. */
export function explainRefusal(error: unknown): unknown {
  const refusal = refusalOf(error);
  const explained = refusal === undefined ? undefined : EXPLAINED[refusal];
  if (explained === undefined) return error;
  const { code, fix } = explained;
  return new ClientError(code, (error as Error).message, { fix, cause: error });
}
