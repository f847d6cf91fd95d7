/** What PostgreSQL, its driver and the network say went wrong, as StoreErrors. Codes are SQLSTATEs (appendix A of its manual). */
import { StoreError } from '../store-error.ts';

const DISK_FULL = '53100';
const DIVISION_BY_ZERO = '22012';
/** Serialization failure and deadlock: the same again succeeds. */
const COLLISIONS: readonly string[] = ['40001', '40P01'];
/** Whether a statement was done is unknown: the next connection is asked. */
const UNKNOWN = '40003';
/** Of a server that is a standby, or was told to take no writes. */
export const READ_ONLY = '25006';
/** Of the server, without its class 08: shutting down, crashing, starting, too many connections, a standby. */
const AWAY: readonly string[] = ['57P01', '57P02', '57P03', '53300', READ_ONLY];
const NETWORK: readonly string[] = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'];
const RESOLVER: readonly string[] = ['ENOTFOUND', 'EAI_AGAIN'];
/** The driver gives these no code. */
const DRIVER = /^(Connection terminated|Client has encountered|Query read timeout|timeout expired|Client was closed)/;

function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown }).code ?? '');
}

/** Whether the database is away, or has changed its place: the same may succeed over another connection. */
export function isAway(error: unknown): boolean {
  if (error instanceof StoreError) return false;
  const code = codeOf(error);
  if (code.startsWith('08') || [...AWAY, UNKNOWN, ...COLLISIONS, ...NETWORK, ...RESOLVER].includes(code)) return true;
  return DRIVER.test((error as Error).message ?? '');
}

/** Whether a commit was refused because the store is another process's now (`schema.ts`). */
export function isTakenOver(error: unknown): boolean {
  return codeOf(error) === DIVISION_BY_ZERO;
}

export function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  const context = { cause: error, details: { code }, retry: 'later' } as const;
  if (code === DISK_FULL)
    return new StoreError('disk_full', 'the disk of the database is full', {
      ...context,
      fix: 'Free space on the disk of the database; the store goes on by itself.',
    });
  if (isAway(error))
    return new StoreError('failed', 'the database does not answer', {
      ...context,
      fix: 'Start the database, or see whether the network reaches it; the store goes on by itself.',
    });
  return new StoreError('failed', (error as Error).message ?? String(error), context);
}

/** Another process has opened the store since: what this one writes counts no more. */
export function takenOver(): StoreError {
  return new StoreError('locked', 'another process has opened this store', {
    fix: 'Stop one of them: a store in a database has one node.',
  });
}
