/** What the pool and its threads say to each other. Both run the same version, so nothing here outlives a process. */

import type { BodyBinding } from '../body-binding.ts';
import type { Certificate } from '../certificate.ts';
import type { ReadMime } from '../mime-reading.ts';
import { VaultError, type VaultErrorCode } from '../vault-error.ts';
import type { Verification } from '../verification.ts';

export interface ThreadData {
  /** Encoded AccountSecrets: they come once, with the thread's start, and go with its memory. */
  readonly secrets: Uint8Array;
}

/** A certificate without what was parsed from it, which stays in its thread. */
export type PlainCertificate = Pick<Certificate, 'hash' | 'bytes'>;

export type JobMessage =
  | {
      readonly kind: 'seal';
      readonly mime: Uint8Array;
      readonly certificates: readonly PlainCertificate[];
      readonly binding: BodyBinding;
      readonly bytesMax: number | undefined;
    }
  | {
      readonly kind: 'open';
      readonly body: Uint8Array;
      readonly signers: readonly PlainCertificate[];
      readonly binding: BodyBinding;
    }
  | { readonly kind: 'read'; readonly mime: Uint8Array; readonly charactersMax: number };

export type PoolToThread = { readonly id: number; readonly job: JobMessage };

export interface JobResult {
  readonly bytes: Uint8Array;
  /** Of an opened body. */
  readonly verification?: Verification;
  /** Of a message that was read. */
  readonly reading?: ReadMime;
}

export interface PlainError {
  /** Undefined: not a VaultError but a mistake of ours. */
  readonly code: VaultErrorCode | undefined;
  readonly message: string;
  readonly fix: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
}

export type ThreadToPool =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly id: number; readonly result: JobResult }
  | { readonly kind: 'failed'; readonly id: number; readonly error: PlainError };

export function plainError(error: unknown): PlainError {
  if (error instanceof VaultError)
    return { code: error.code, message: error.message, fix: error.fix, details: error.details };
  return { code: undefined, message: String(error), fix: undefined, details: {} };
}

export function errorOf({ code, message, fix, details }: PlainError): Error {
  if (code === undefined) return new Error(`a vault thread failed: ${message}`);
  return new VaultError(code, message, { details, ...(fix === undefined ? {} : { fix }) });
}
