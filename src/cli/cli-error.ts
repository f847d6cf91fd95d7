import { CodedError } from '../base/index.ts';

export type CliErrorCode =
  | 'usage' // the command line itself is wrong: exit 2
  | 'interrupted' // stopped by the person; the same command goes on
  | 'password_needed' // nobody can be asked
  | 'password_mismatch' // two entries of a new password differ
  | 'wrong_account' // a backup of somebody else
  | 'no_home' // the folder is no server's
  | 'no_hub' // none runs there
  | 'no_profile' // no such person on this device
  | 'many_profiles' // which of them?
  | 'profile_exists'
  | 'locked' // another command has the profile, and does not share it
  | 'wrong_key' // a directory shows somebody else's
  | 'bad_profile' // the folder is not a profile
  | 'newer_schema' // a newer program wrote the profile; it is left as it is
  | 'no_keyring' // the system has none that we can use
  | 'keyring_failed'
  | 'not_found' // a file, or a message
  | 'ambiguous' // an abbreviated id that several messages share
  | 'file_exists' // an export would overwrite it
  | 'attachment_damaged' // its bytes are not those that its author hashed
  | 'plain_refused' // mail in the clear over a network
  | 'unreachable' // no peer answers
  | 'no_door' // the SMTP door has no account to sign with
  | 'bad_keys' // of DKIM: the file that has them does not read
  | 'not_confirmed'; // a question was answered with no, or could not be asked

export class CliError extends CodedError<CliErrorCode> {}

/** The command ran in another process, which has said everything: this one ends as it did there. */
export class HandedOver extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super('ran in the process that has the profile');
    this.exitCode = exitCode;
  }
}

/** The result that was printed says already what is wrong (`verify`, `doctor`, refused files): exit 1, and no more words. */
export class Unsuccessful extends Error {}
