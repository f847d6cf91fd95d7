/** A letter's text that comes in pieces, as it is on disk until all of it is there: how much was announced, and has come. */
import { fromUtf8, utf8 } from '../../base/index.ts';
import { StoreError } from '../../store/index.ts';
import { PIECE_BYTES, UPLOAD_KEPT_MS } from './limits.ts';

export interface Upload {
  /** 32 hexadecimal digits, drawn: what its pieces are kept under. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Pieces on disk: 1, 2 … up to here. */
  readonly held: number;
  /** When the last of them came, milliseconds since 1970. */
  readonly at: number;
}

const VERSION = 1;

export function pieceCount({ sizeBytes }: Pick<Upload, 'sizeBytes'>): number {
  return Math.ceil(sizeBytes / PIECE_BYTES);
}

export function isWhole(upload: Upload): boolean {
  return upload.held === pieceCount(upload);
}

/** Of the piece with that number, from 1. */
export function pieceBytes(upload: Upload, number: number): number {
  return number < pieceCount(upload) ? PIECE_BYTES : upload.sizeBytes - (number - 1) * PIECE_BYTES;
}

/** Nobody goes on with it. */
export function isGivenUp({ at }: Upload, now: number): boolean {
  return now - at >= UPLOAD_KEPT_MS;
}

/** These fields and no other: a caller's upload may carry the letter itself. */
export function encodeUpload({ at, held, name, sizeBytes }: Upload): Uint8Array {
  return utf8(JSON.stringify({ v: VERSION, name, sizeBytes, held, at }));
}

/** As `decodeLetter`. */
export function decodeUpload(bytes: Uint8Array): Upload {
  const { v, ...upload } = JSON.parse(fromUtf8(bytes)) as Upload & { readonly v: number };
  if (v !== VERSION)
    throw new StoreError('newer_schema', `the pieces of a letter are of version ${v}`, {
      fix: 'Use the program that wrote them.',
    });
  return upload;
}
