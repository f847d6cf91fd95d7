/** What SQLite, the file system and a thread say went wrong, as StoreErrors; and those across a thread's border. */
import type { Retry } from '../../base/index.ts';
import { StoreError, type StoreErrorCode } from '../store-error.ts';

/** Result codes of sqlite3.h, without their extended part, and what sqlite3_errstr makes of them. */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;
const RESULT_OF_MESSAGE: readonly (readonly [pattern: RegExp, result: number])[] = [
  [/^database is locked/, SQLITE_BUSY],
  [/^database disk image is malformed|^malformed database schema/, SQLITE_CORRUPT],
  [/^database or disk is full/, SQLITE_FULL],
  [/^file is not a database/, SQLITE_NOTADB],
];

export function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const { code, errcode, message } = error as { code?: string; errcode?: number; message?: string };
  const result = resultOf(error);
  const context = { cause: error, details: { code, errcode } };
  if (code === 'ENOSPC' || code === 'EDQUOT' || result === SQLITE_FULL)
    return new StoreError('disk_full', 'the disk is full', {
      ...context,
      retry: 'later',
      fix: 'Free space on the disk; the store goes on by itself.',
    });
  if (result === SQLITE_CORRUPT || result === SQLITE_NOTADB)
    return new StoreError('corrupt', `the database is damaged: ${message}`, {
      ...context,
      fix: 'Restore the folder from a backup, or rebuild it from another copy.',
    });
  return new StoreError('failed', message ?? String(error), { ...context, retry: 'later' });
}

export function isBusy(error: unknown): boolean {
  return resultOf(error) === SQLITE_BUSY;
}

/** SQLite's result code. The binding leaves it out where a statement fails while it yields many rows. */
function resultOf(error: unknown): number | undefined {
  const { errcode, message } = error as { errcode?: number; message?: string };
  if (errcode !== undefined) return errcode & 0xff;
  return RESULT_OF_MESSAGE.find(([pattern]) => pattern.test(message ?? ''))?.[1];
}

/** A StoreError as plain data: error classes do not survive the way between threads. */
export interface ErrorMessage {
  readonly code: StoreErrorCode;
  readonly message: string;
  readonly fix: string | undefined;
  readonly retry: Retry;
  readonly details: Readonly<Record<string, unknown>>;
}

export function errorMessageOf(error: unknown): ErrorMessage {
  const { code, message, fix, retry, details } = toStoreError(error);
  return { code, message, fix, retry, details };
}

export function storeErrorOf({ code, message, fix, retry, details }: ErrorMessage): StoreError {
  return new StoreError(code, message, { retry, details, ...(fix === undefined ? {} : { fix }) });
}
