/**
 * The file of one blob, read: a range without the rest, and never whole in memory. Whoever has the hub key and the path reads
 * it: the user server, and for a ticket the control server, which loads nothing else of a user server for that.
 */
import { basename } from 'node:path';
import { readUint64 } from '../../base/index.ts';
import { HubError } from '../hub-error.ts';
import { SealedFileReader } from './journal/sealed-file.ts';
import { BLOB_PIECE_BYTES } from './limits.ts';

/** Kinds of frames: pieces of BLOB_PIECE_BYTES each, the last one shorter; then how many bytes they are together. */
export const PIECE = 0;
export const SIZE = 1;

export interface OctetRange {
  readonly start: number;
  /** The first that is not in it. */
  readonly end: number;
}

/** Throws HubError `damaged`, and what the disk says. */
export async function sealedBlobSize(path: string, hubKey: Uint8Array): Promise<number> {
  await using file = await open(path, hubKey);
  for await (const { bytes } of file.frames((kind) => kind === SIZE)) return readUint64(bytes);
  throw damaged(path);
}

/** Throws HubError `damaged`, and what the disk says. */
export async function* readSealedBlob(
  path: string,
  hubKey: Uint8Array,
  range: OctetRange,
): AsyncGenerator<Uint8Array, void> {
  await using file = await open(path, hubKey);
  yield* octetsOf(file, range, path);
}

/** What is opened stays readable, also when the blob is deleted meanwhile. The key is not needed any more when it resolves. */
export async function openSealedBlob(
  path: string,
  hubKey: Uint8Array,
  range: OctetRange,
): Promise<AsyncIterable<Uint8Array> & AsyncDisposable> {
  const file = await open(path, hubKey);
  return {
    [Symbol.asyncIterator]: () => octetsOf(file, range, path),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

async function* octetsOf(
  file: SealedFileReader,
  { end, start }: OctetRange,
  path: string,
): AsyncGenerator<Uint8Array, void> {
  let [at, index] = [0, 0];
  const isWanted = (kind: number): boolean => {
    const from = index * BLOB_PIECE_BYTES;
    index += 1;
    return kind === PIECE && from < end && from + BLOB_PIECE_BYTES > start;
  };
  const first = Math.floor(start / BLOB_PIECE_BYTES);
  const frames = file.frames(isWanted);
  for (;;) {
    const { done, value } = await frames.next();
    if (done === true) {
      if (value.end !== 'finished') throw damaged(path);
      return;
    }
    const from = (first + at) * BLOB_PIECE_BYTES;
    at += 1;
    yield value.bytes.subarray(Math.max(0, start - from), Math.max(0, end - from));
  }
}

async function open(path: string, hubKey: Uint8Array): Promise<SealedFileReader> {
  const file = await SealedFileReader.open(path, hubKey);
  if (file === undefined) throw damaged(path);
  return file;
}

function damaged(path: string): HubError {
  return new HubError('damaged', `the blob ${basename(path)} is damaged, or of another key`);
}
