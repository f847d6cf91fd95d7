/** What is remembered of an account besides its chain. */
import { fromUtf8, utf8 } from '../../base/index.ts';

/** `own`: this person's account; `verified`: a person compared the fingerprint by another way. */
export type Trust = 'first_use' | 'verified' | 'own';

export interface ContactRow {
  readonly version: number;
  /** Of the newest document, hexadecimal. */
  readonly hash: string;
  readonly trust: Trust;
}

export function encodeContactRow(row: ContactRow): Uint8Array {
  return utf8(JSON.stringify(row));
}

export function decodeContactRow(bytes: Uint8Array): ContactRow {
  return JSON.parse(fromUtf8(bytes)) as ContactRow;
}
