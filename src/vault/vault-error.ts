/** What the vault refuses. Callers test `code`; the text is for the log and never quotes plaintext, keys or passwords. */
import { CodedError } from '../base/index.ts';

export type VaultErrorCode =
  | 'malformed' // the bytes are not what they are said to be
  | 'too_large' // beyond a limit of limits.ts, also after decompressing
  | 'secret_key' // a secret key where a certificate is expected
  | 'unusable_certificate' // revoked, expired, without a valid self-signature, or no key in it can encrypt
  | 'not_for_us' // encrypted, but to none of our keys
  | 'tampered' // an authentication tag is wrong: changed bytes, or another key or context
  | 'weak_parameters' // the home asks for less password stretching than the floor, or for more than the ceiling
  | 'empty_password'
  | 'wrong_password'
  | 'malformed_recovery_code' // a typing mistake; details say where, if that can be known
  | 'wrong_recovery_code' // well-formed, of another vault
  | 'worker_lost' // the thread that had the job died; nothing is known about the job
  | 'closed'; // the worker is disposed

export class VaultError extends CodedError<VaultErrorCode> {}
