/**
 * The entries of a drive's metadata feed (hyperdrive 9): the first names the content feed, every other puts or deletes a
 * file. Decoding judges what comes from others: throws FeedError `malformed`.
 */
import { fromUtf8, utf8 } from '../../base/index.ts';
import { FeedError } from '../feed-error.ts';
import { ByteWriter } from '../wire/byte-writer.ts';
import { malformed, ProtoReader } from '../wire/proto-reader.ts';
import { NAME_BYTES_MAX, NAME_PARTS_MAX } from './limits.ts';

const TYPE = 'hyperdrive';
const KEY_BYTES = 32;

/** POSIX: the kind of a file, beside its permissions. */
export const MODE_FILE = 0o100000;
export const MODE_FOLDER = 0o040000;
const MODE_KINDS = 0o170000;

export interface DriveStat {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  /** Blocks of the content feed, from `offset` on. */
  readonly blocks: number;
  readonly offset: number;
  readonly byteOffset: number;
  /** Milliseconds since 1970. */
  readonly mtime: number;
  readonly ctime: number;
}

export interface DriveNode {
  /** `/folder/file`. */
  readonly name: string;
  /** undefined: deleted. */
  readonly stat: DriveStat | undefined;
  /** The index at this entry, coded (path-index.ts). Readers of ours fold the entries instead. */
  readonly paths: Uint8Array;
}

export function isFile({ mode }: DriveStat): boolean {
  return (mode & MODE_KINDS) === MODE_FILE;
}

export function isFolder({ mode }: DriveStat): boolean {
  return (mode & MODE_KINDS) === MODE_FOLDER;
}

export function encodeDriveIndex(contentKey: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  writeBytes(writer, 1, utf8(TYPE));
  writeBytes(writer, 2, contentKey);
  return writer.take();
}

/** The content feed's public key; undefined when the block is not the first of a drive. */
export function decodeDriveIndex(block: Uint8Array): Uint8Array | undefined {
  try {
    const reader = new ProtoReader(block);
    let type: string | undefined;
    let content: Uint8Array | undefined;
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field === 1) type = textOf(reader.view());
      else if (field === 2) content = reader.exact(KEY_BYTES);
      else reader.skip();
    }
    return type === TYPE ? content : undefined;
  } catch (error) {
    if (error instanceof FeedError) return undefined;
    throw error;
  }
}

export function encodeDriveNode({ name, stat, paths }: DriveNode): Uint8Array {
  const writer = new ByteWriter();
  writeBytes(writer, 1, utf8(name));
  if (stat !== undefined) writeBytes(writer, 2, encodeStat(stat));
  writeBytes(writer, 3, paths);
  return writer.take();
}

export function decodeDriveNode(block: Uint8Array): DriveNode {
  const reader = new ProtoReader(block);
  let name: string | undefined;
  let stat: DriveStat | undefined;
  let paths = new Uint8Array(0);
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) name = textOf(reader.view());
    else if (field === 2) stat = decodeStat(reader.view());
    else if (field === 3) paths = reader.view().slice();
    else reader.skip();
  }
  if (name === undefined) throw malformed('an entry of a drive without a name');
  return { name: `/${splitName(name).join('/')}`, stat, paths };
}

/** The parts of a name. A name that could lead out of the folder it is written to is `malformed`. */
export function splitName(name: string): readonly string[] {
  const parts = name.split('/').filter((part) => part !== '');
  const isBad = (part: string): boolean => part === '.' || part === '..' || /[\0\\]/.test(part);
  if (utf8(name).length > NAME_BYTES_MAX || parts.length > NAME_PARTS_MAX || parts.length === 0 || parts.some(isBad))
    throw malformed(`a name of a drive that is none: ${JSON.stringify(name.slice(0, 100))}`);
  return parts;
}

function encodeStat(stat: DriveStat): Uint8Array {
  const writer = new ByteWriter();
  const { mode, uid, gid, size, blocks, offset, byteOffset, mtime, ctime } = stat;
  for (const [i, value] of [mode, uid, gid, size, blocks, offset, byteOffset, mtime, ctime].entries()) {
    writer.varint((i + 1) * 8);
    writer.varint(value);
  }
  return writer.take();
}

function decodeStat(bytes: Uint8Array): DriveStat {
  const reader = new ProtoReader(bytes);
  const values = new Map<number, number>();
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field <= 9) values.set(field, reader.number());
    else reader.skip();
  }
  const value = (field: number): number => values.get(field) ?? 0;
  if (!values.has(1)) throw malformed('a file without a mode');
  return {
    mode: value(1),
    uid: value(2),
    gid: value(3),
    size: value(4),
    blocks: value(5),
    offset: value(6),
    byteOffset: value(7),
    mtime: value(8),
    ctime: value(9),
  };
}

function writeBytes(writer: ByteWriter, field: number, bytes: Uint8Array): void {
  writer.varint(field * 8 + 2);
  writer.varint(bytes.length);
  writer.bytes(bytes);
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw new FeedError('malformed', 'a text of a drive that is none', { cause });
  }
}
