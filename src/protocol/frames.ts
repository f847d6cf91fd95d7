/**
 * The codec of the client protocol: bytes from the other end are judged once, here, and leave as a typed frame or a
 * refusal. Lengths are bounded by FRAME_BYTES_MAX before anything is read.
 */
import { BinaryReader } from '@protobuf-ts/runtime';
import { createFrameShape, type FrameShape, judgeFrame } from './frame-cost.ts';
import { ClientFrame, NodeFrame } from './generated/client.ts';
import { EntryHeader } from './generated/entry.ts';
import { ENTRY_HEADER_BYTES_MAX, FRAME_BYTES_MAX, FRAME_PARTS_MAX } from './limits.ts';
import { ProtocolError } from './protocol-error.ts';
import { WireWriter } from './wire-writer.ts';

type Frame<Message extends { frame: { oneofKind: string | undefined } }> = Extract<
  Message['frame'],
  { oneofKind: string }
>;
export type ClientMessage = Frame<ClientFrame>;
export type NodeMessage = Frame<NodeFrame>;

export function encodeClientMessage(frame: ClientMessage): Uint8Array {
  return ClientFrame.toBinary({ frame }, WRITE);
}

export function encodeNodeMessage(frame: NodeMessage): Uint8Array {
  return NodeFrame.toBinary({ frame }, WRITE);
}

/** Throws ProtocolError `too_large` or `malformed`. */
export function decodeClientMessage(bytes: Uint8Array): ClientMessage {
  return judge(CLIENT_SHAPE, bytes, () => ClientFrame.fromBinary(bytes, READ).frame) as ClientMessage;
}

/** Throws ProtocolError `too_large` or `malformed`. */
export function decodeNodeMessage(bytes: Uint8Array): NodeMessage {
  return judge(NODE_SHAPE, bytes, () => NodeFrame.fromBinary(bytes, READ).frame) as NodeMessage;
}

export function encodeEntryHeader(header: EntryHeader): Uint8Array {
  return EntryHeader.toBinary(header, WRITE);
}

/** Throws ProtocolError `too_large` or `malformed`, also for a version this program does not know. */
export function decodeEntryHeader(bytes: Uint8Array): EntryHeader {
  if (bytes.length > ENTRY_HEADER_BYTES_MAX)
    throw new ProtocolError('too_large', `an entry header has at most ${ENTRY_HEADER_BYTES_MAX} bytes`);
  if (judgeFrame(ENTRY_SHAPE, bytes, FRAME_PARTS_MAX) !== 'fine')
    throw new ProtocolError('malformed', 'not an entry header, or one of too many parts');
  let header: EntryHeader;
  try {
    header = EntryHeader.fromBinary(bytes, READ);
  } catch (cause) {
    throw new ProtocolError('malformed', 'not an entry header', { cause });
  }
  if (header.version !== 1 || header.kind === 0)
    throw new ProtocolError('malformed', `an entry header of version ${header.version} and kind ${header.kind}`);
  return header;
}

const PDU_TAG = (5 << 3) | 2;
const LENGTH_DELIMITED = 2;

/**
 * The PDU of an entry header that this program has encoded: found by its tag, since to decode the whole costs ten times as
 * much and a reader asks for thousands. The bytes are those of the block. Empty when the entry has none.
 */
export function pduOfEntryHeader(block: Uint8Array): Uint8Array {
  for (const cursor = { at: 0 }; cursor.at < block.length; ) {
    const tag = readVarint(block, cursor);
    const value = readVarint(block, cursor);
    if ((tag & 7) !== LENGTH_DELIMITED) continue;
    if (tag === PDU_TAG) return block.subarray(cursor.at, cursor.at + value);
    cursor.at += value;
  }
  return new Uint8Array(0);
}

function readVarint(bytes: Uint8Array, cursor: { at: number }): number {
  for (let value = 0, factor = 1; ; factor *= 128) {
    const byte = bytes[cursor.at++] ?? 0;
    value += (byte & 127) * factor;
    if (byte < 128) return value;
  }
}

/** The number by which answers name a message; 0 for messages that carry none. */
export function requestNumberOf(message: ClientMessage | NodeMessage): number {
  for (const part of Object.values(message))
    if (typeof part === 'object' && 'request' in part && typeof part.request === 'number') return part.request;
  return 0;
}

// Unknown fields are dropped, not kept: what we do not know is never sent on.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const READ = {
  readUnknownField: false as const,
  // The library's default makes a text decoder for each message, which costs more than the message.
  readerFactory: (bytes: Uint8Array): BinaryReader => new BinaryReader(bytes, decoder),
};
// Encoding is synchronous and never nested, so one writer serves all.
const writer = new WireWriter();
const WRITE = { writeUnknownFields: false as const, writerFactory: (): WireWriter => writer.begin() };

const CLIENT_SHAPE = createFrameShape(ClientFrame);
const NODE_SHAPE = createFrameShape(NodeFrame);
const ENTRY_SHAPE = createFrameShape(EntryHeader);

function judge<T extends { oneofKind: string | undefined }>(shape: FrameShape, bytes: Uint8Array, read: () => T): T {
  if (bytes.length > FRAME_BYTES_MAX)
    throw new ProtocolError('too_large', `a frame has at most ${FRAME_BYTES_MAX} bytes`);
  const verdict = judgeFrame(shape, bytes, FRAME_PARTS_MAX);
  if (verdict === 'too_costly') throw new ProtocolError('too_large', `a frame has at most ${FRAME_PARTS_MAX} parts`);
  if (verdict === 'malformed') throw new ProtocolError('malformed', 'not a frame of the client protocol');
  let frame: T;
  try {
    frame = read();
  } catch (cause) {
    throw new ProtocolError('malformed', 'not a frame of the client protocol', { cause });
  }
  if (frame.oneofKind === undefined) throw new ProtocolError('malformed', 'a frame of no known kind');
  return frame;
}
