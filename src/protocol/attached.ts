/**
 * Large attachments as servers see them (docs/protocol/blobs.md): a header names the hash of each chunk list and how many
 * bytes its chunks have. Every chunk but the last has the same size, so that the header alone says how many there are.
 */
import { ATTACHMENT_CHUNKS_MAX, CHUNK_BYTES, CHUNK_TAG_BYTES } from './limits.ts';

/** One large attachment of a mail. */
export interface Attached {
  /** SHA-256 of the chunk list, 64 hexadecimal digits. */
  readonly list: string;
  /** Bytes of its chunks as they are stored. */
  readonly size: number;
}

/** The name of a chunk: SHA-256. */
const NAME_BYTES = 32;
/** A whole chunk as it is stored. */
export const STORED_CHUNK_BYTES: number = CHUNK_BYTES + CHUNK_TAG_BYTES;

/** How many chunks have so many bytes; undefined when no attachment has. */
export function chunkCountOf(size: number): number | undefined {
  const count = Math.ceil(size / STORED_CHUNK_BYTES);
  const isOne = count >= 1 && count <= ATTACHMENT_CHUNKS_MAX && lastChunkSize(size) > CHUNK_TAG_BYTES;
  return isOne ? count : undefined;
}

/** Bytes of the last of the chunks that have so many together. */
export function lastChunkSize(size: number): number {
  return size - (Math.ceil(size / STORED_CHUNK_BYTES) - 1) * STORED_CHUNK_BYTES;
}

/** How many chunks a list names; undefined for bytes that are no chunk list. */
export function chunksIn(list: Uint8Array): number | undefined {
  const count = list.length / NAME_BYTES;
  return Number.isInteger(count) && count >= 1 && count <= ATTACHMENT_CHUNKS_MAX ? count : undefined;
}

/** The SHA-256 of the chunk with that number, from 1; undefined beyond the end. */
export function chunkNameIn(list: Uint8Array, number: number): Uint8Array | undefined {
  const from = (number - 1) * NAME_BYTES;
  return from < 0 || from + NAME_BYTES > list.length ? undefined : list.subarray(from, from + NAME_BYTES);
}

/** Bytes that a mail takes with all that is attached. */
export function sizeWithAttached(mail: {
  readonly body: { readonly size: number };
  readonly attached?: readonly Attached[];
}): number {
  return (mail.attached ?? []).reduce((sum, { size }) => sum + size, mail.body.size);
}
