/**
 * SLEEP files (DEP-0009): how Dat programs keep a feed on disk. A 32-byte header, then entries of one size; an entry that
 * was never written is zeros. Encoders make the header and runs of entries, so that a long feed can be written in pieces;
 * decoders take a whole file of a peer and refuse what is not one. Throws FeedError `malformed`.
 */
import { fromUtf8, utf8 } from '../base/index.ts';
import { Bitfield, PAGE_BITS, PAGE_BYTES } from './bitfield.ts';
import { FeedError } from './feed-error.ts';
import { HASH_BYTES, type TreeNode } from './merkle.ts';
import { blockIndexBytes } from './sleep-index.ts';
import { peekUint64, writeUint64 } from './uint64.ts';

export type SleepKind = 'bitfield' | 'signatures' | 'tree';

export const SLEEP_HEADER_BYTES = 32;
export const SLEEP_TREE_ENTRY_BYTES = 40;
export const SLEEP_SIGNATURE_BYTES = 64;
const TREE_PAGE_BYTES = 2 * PAGE_BYTES;
const INDEX_PAGE_BYTES = 512;
/** hypercore 6; before that the index had 256 bytes, which is half of what it needs. Both are read. */
export const SLEEP_BITFIELD_PAGE_BYTES = PAGE_BYTES + TREE_PAGE_BYTES + INDEX_PAGE_BYTES;
const OLD_BITFIELD_PAGE_BYTES = PAGE_BYTES + TREE_PAGE_BYTES + 256;

const MAGIC = [0x05, 0x02, 0x57] as const;
const VERSION = 0;
const NAME_ROOM_BYTES = SLEEP_HEADER_BYTES - 8;

interface Format {
  readonly type: number;
  readonly algorithm: string;
  /** The first is the one we write. */
  readonly entryBytes: readonly [number, ...number[]];
}

const FORMATS: Readonly<Record<SleepKind, Format>> = {
  bitfield: { type: 0, algorithm: '', entryBytes: [SLEEP_BITFIELD_PAGE_BYTES, OLD_BITFIELD_PAGE_BYTES] },
  signatures: { type: 1, algorithm: 'Ed25519', entryBytes: [SLEEP_SIGNATURE_BYTES] },
  tree: { type: 2, algorithm: 'BLAKE2b', entryBytes: [SLEEP_TREE_ENTRY_BYTES] },
};

export function encodeSleepHeader(kind: SleepKind): Uint8Array {
  const { type, algorithm, entryBytes } = FORMATS[kind];
  const header = new Uint8Array(SLEEP_HEADER_BYTES);
  header.set([...MAGIC, type, VERSION, entryBytes[0] >> 8, entryBytes[0] & 255, algorithm.length]);
  header.set(utf8(algorithm), 8);
  return header;
}

/** Tree entries [from, to); nodes that are not among `nodes` are zeros. */
export function encodeTreeEntries(nodes: Iterable<TreeNode>, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array((to - from) * SLEEP_TREE_ENTRY_BYTES);
  for (const { index, hash, size } of nodes) {
    const offset = (index - from) * SLEEP_TREE_ENTRY_BYTES;
    bytes.set(hash, offset);
    writeUint64(bytes, offset + HASH_BYTES, size);
  }
  return bytes;
}

/** The nodes of a tree file, in the order of their indexes. */
export function decodeTreeFile(file: Uint8Array): readonly TreeNode[] {
  const nodes: TreeNode[] = [];
  for (const { number: index, entry } of entriesOf(file, 'tree')) {
    const size = peekUint64(entry, HASH_BYTES);
    if (!Number.isSafeInteger(size)) throw new FeedError('malformed', `tree node ${index} says it has ${size} bytes`);
    nodes.push({ index, hash: entry.slice(0, HASH_BYTES), size });
  }
  return nodes;
}

/** Signature entries: the k-th is that of the first k+1 blocks; undefined where no batch ended. */
export function encodeSignatureEntries(signatures: readonly (Uint8Array | undefined)[]): Uint8Array {
  const bytes = new Uint8Array(signatures.length * SLEEP_SIGNATURE_BYTES);
  signatures.forEach((signature, i) => {
    if (signature !== undefined) bytes.set(signature, i * SLEEP_SIGNATURE_BYTES);
  });
  return bytes;
}

/** Signatures by the feed length they cover. */
export function decodeSignatureFile(file: Uint8Array): ReadonlyMap<number, Uint8Array> {
  return new Map([...entriesOf(file, 'signatures')].map(({ number, entry }) => [number + 1, entry.slice()]));
}

export interface SleepBitfield {
  /** Blocks held. */
  readonly blocks: Bitfield;
  /** Tree nodes held. */
  readonly nodes: Bitfield;
}

/** The entries of a bitfield file for a feed of `length` blocks. */
export function encodeBitfieldEntries(held: SleepBitfield, length: number): Uint8Array {
  const pageCount = Math.ceil(length / PAGE_BITS);
  const bytes = new Uint8Array(pageCount * SLEEP_BITFIELD_PAGE_BYTES);
  const index = blockIndexBytes(held.blocks, pageCount);
  for (let page = 0; page < pageCount; page++) {
    const entry = bytes.subarray(page * SLEEP_BITFIELD_PAGE_BYTES, (page + 1) * SLEEP_BITFIELD_PAGE_BYTES);
    entry.set(held.blocks.page(page) ?? [], 0);
    entry.set(held.nodes.page(2 * page) ?? [], PAGE_BYTES);
    entry.set(held.nodes.page(2 * page + 1) ?? [], 2 * PAGE_BYTES);
    entry.set(index.subarray(page * INDEX_PAGE_BYTES, (page + 1) * INDEX_PAGE_BYTES), PAGE_BYTES + TREE_PAGE_BYTES);
  }
  return bytes;
}

/** What a bitfield file says is held. Its index section only repeats that and is not read. */
export function decodeBitfieldFile(file: Uint8Array): SleepBitfield {
  const held: SleepBitfield = { blocks: new Bitfield(), nodes: new Bitfield() };
  for (const { number, entry } of entriesOf(file, 'bitfield')) {
    held.blocks.setPage(number, entry.subarray(0, PAGE_BYTES));
    held.nodes.setPage(2 * number, entry.subarray(PAGE_BYTES, 2 * PAGE_BYTES));
    held.nodes.setPage(2 * number + 1, entry.subarray(2 * PAGE_BYTES, 3 * PAGE_BYTES));
  }
  return held;
}

/** The entries that were written. */
function* entriesOf(
  file: Uint8Array,
  kind: SleepKind,
): Generator<{ readonly number: number; readonly entry: Uint8Array }> {
  const size = entryBytesOf(file, kind);
  if ((file.length - SLEEP_HEADER_BYTES) % size !== 0)
    throw new FeedError('malformed', `a ${kind} file ends in the middle of an entry`);
  for (let offset = SLEEP_HEADER_BYTES; offset < file.length; offset += size) {
    const entry = file.subarray(offset, offset + size);
    if (entry.some((byte) => byte !== 0)) yield { number: (offset - SLEEP_HEADER_BYTES) / size, entry };
  }
}

/** Judges the header; what stands behind the algorithm's name is padding and may be anything. */
function entryBytesOf(file: Uint8Array, kind: SleepKind): number {
  const { type, algorithm, entryBytes } = FORMATS[kind];
  if (file.length < SLEEP_HEADER_BYTES) throw new FeedError('malformed', `a ${kind} file has a header of 32 bytes`);
  if (MAGIC.some((byte, i) => file[i] !== byte) || file[3] !== type || file[4] !== VERSION)
    throw new FeedError('malformed', `not a SLEEP ${kind} file of version 0`);
  const size = (file[5] as number) * 256 + (file[6] as number);
  if (!entryBytes.includes(size)) throw new FeedError('malformed', `a ${kind} file with entries of ${size} bytes`);
  const nameBytes = file[7] as number;
  if (nameBytes > NAME_ROOM_BYTES || !isText(file.subarray(8, 8 + nameBytes), algorithm))
    throw new FeedError('malformed', `a ${kind} file of another algorithm`);
  return size;
}

function isText(bytes: Uint8Array, text: string): boolean {
  try {
    return fromUtf8(bytes) === text;
  } catch {
    return false; // not UTF-8, so not this text
  }
}
