/**
 * Blob ids say what they are by their first letter: `b`, a blob by the hash of its content; `e`, the raw message of an
 * email; `p`, a part of a message, as the octets it has in its parent and how they are encoded there. So a part of a large
 * message is streamed out of it without reading the rest. `r` is what a part stands for whose octets are elsewhere.
 */
import { createHash, type Hash } from 'node:crypto';
import type { TransferEncoding } from '../mime/transfer.ts';

export interface PartPlace {
  readonly parent: string;
  readonly start: number;
  readonly end: number;
  readonly encoding: TransferEncoding;
  /** Not the part itself, but what it stands for. */
  readonly isRemote: boolean;
}

const LETTERS: Readonly<Record<TransferEncoding, string>> = {
  identity: 'i',
  unknown: 'i',
  base64: 'b',
  'quoted-printable': 'q',
  uuencode: 'u',
};
const ENCODINGS: Readonly<Record<string, TransferEncoding>> = {
  i: 'identity',
  b: 'base64',
  q: 'quoted-printable',
  u: 'uuencode',
};

export function partBlobId({ parent, start, end, encoding, isRemote }: PartPlace): string {
  return `${isRemote ? 'r' : 'p'}${LETTERS[encoding]}${start.toString(36)}_${(end - start).toString(36)}_${parent}`;
}

export function parsePartBlobId(blobId: string): PartPlace | undefined {
  const match = /^([pr])([ibqu])([0-9a-z]{1,9})_([0-9a-z]{1,9})_([A-Za-z0-9_-]{1,200})$/.exec(blobId);
  if (match === null) return undefined;
  const [, kind, letter = '', from = '', length = '', parent = ''] = match;
  const start = Number.parseInt(from, 36);
  const end = start + Number.parseInt(length, 36);
  return { parent, start, end, encoding: ENCODINGS[letter] ?? 'identity', isRemote: kind === 'r' };
}

export function createBlobHash(): Hash {
  return createHash('sha256');
}

/** The id of content by its finished hash. */
export function blobIdOf(hash: Hash): string {
  return `b${hash.digest('hex')}`;
}
