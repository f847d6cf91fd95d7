/**
 * Messages to and from the bytes of proto2 as hypercore-protocol 6 writes them: fields in the order of their numbers,
 * optional ones only where they say something. Decoding judges what comes: throws FeedError `malformed` or `too_large`.
 */
import { fromUtf8, unreachable, utf8 } from '../../base/index.ts';
import { FeedError } from '../feed-error.ts';
import { FEED_LENGTH_MAX, NODE_INDEX_MAX, PROOF_NODES_MAX } from '../limits.ts';
import { HASH_BYTES, type TreeNode } from '../merkle.ts';
import { type ByteWriter, varintBytes } from './byte-writer.ts';
import { EXTENSION_NAME_BYTES_MAX, EXTENSIONS_MAX } from './limits.ts';
import type { DataMessage, HandshakeMessage, RequestMessage, WireMessage } from './message.ts';
import { malformed, ProtoReader } from './proto-reader.ts';

export const DISCOVERY_KEY_BYTES = 32;
export const NONCE_BYTES = 24;
const SIGNATURE_BYTES = 64;

/** Field tags: number << 3 | wire type, 0 for numbers and 2 for bytes. */
const number = (field: number): number => field * 8;
const bytes = (field: number): number => field * 8 + 2;

/** How many bytes `writePayload` will write. */
export function payloadBytes(message: WireMessage): number {
  switch (message.type) {
    case 'feed':
      return bytesField(message.discoveryKey) + bytesField(message.nonce);
    case 'handshake':
      return (
        bytesField(message.id) +
        2 +
        bytesField(message.userData) +
        message.extensions.reduce((sum, name) => sum + bytesField(utf8(name)), 0) +
        2
      );
    case 'info':
      return (message.uploading === undefined ? 0 : 2) + (message.downloading === undefined ? 0 : 2);
    case 'have':
      return (
        numberField(message.start) + lengthField(message.length) + bytesField(message.bitfield) + (message.ack ? 2 : 0)
      );
    case 'unhave':
      return numberField(message.start) + lengthField(message.length);
    case 'want':
    case 'unwant':
      return numberField(message.start) + numberField(message.length);
    case 'request':
      return numberField(message.index) + numberField(message.bytes) + (message.hash ? 2 : 0) + digestField(message);
    case 'cancel':
      return numberField(message.index) + numberField(message.bytes) + (message.hash ? 2 : 0);
    case 'data':
      return dataBytes(message);
    case 'extension':
      return varintBytes(message.extension) + message.payload.length;
    default:
      return unreachable(message);
  }
}

export function writePayload(writer: ByteWriter, message: WireMessage): void {
  switch (message.type) {
    case 'feed':
      writeBytes(writer, 1, message.discoveryKey);
      writeBytes(writer, 2, message.nonce);
      break;
    case 'handshake':
      writeBytes(writer, 1, message.id);
      writeNumber(writer, 2, message.live ? 1 : 0);
      writeBytes(writer, 3, message.userData);
      for (const name of message.extensions) writeBytes(writer, 4, utf8(name));
      writeNumber(writer, 5, message.ack ? 1 : 0);
      break;
    case 'info':
      if (message.uploading !== undefined) writeNumber(writer, 1, message.uploading ? 1 : 0);
      if (message.downloading !== undefined) writeNumber(writer, 2, message.downloading ? 1 : 0);
      break;
    case 'have':
      writeNumber(writer, 1, message.start);
      if (message.length !== 1) writeNumber(writer, 2, message.length);
      writeBytes(writer, 3, message.bitfield);
      if (message.ack) writeNumber(writer, 4, 1);
      break;
    case 'unhave':
      writeNumber(writer, 1, message.start);
      if (message.length !== 1) writeNumber(writer, 2, message.length);
      break;
    case 'want':
    case 'unwant':
      writeNumber(writer, 1, message.start);
      writeNumber(writer, 2, message.length);
      break;
    case 'request':
      writeNumber(writer, 1, message.index);
      writeNumber(writer, 2, message.bytes);
      if (message.hash) writeNumber(writer, 3, 1);
      if (message.digest !== 0) writeNumber(writer, 4, message.digest);
      break;
    case 'cancel':
      writeNumber(writer, 1, message.index);
      writeNumber(writer, 2, message.bytes);
      if (message.hash) writeNumber(writer, 3, 1);
      break;
    case 'data':
      writeData(writer, message);
      break;
    case 'extension':
      writer.varint(message.extension);
      writer.bytes(message.payload);
      break;
    default:
      unreachable(message);
  }
}

/** The message of a frame's payload; undefined for a type that nobody knows. Byte fields that are kept are copies. */
export function decodePayload(type: number, payload: Uint8Array): WireMessage | undefined {
  switch (type) {
    case 0:
      return decodeFeed(payload);
    case 1:
      return decodeHandshake(payload);
    case 2:
      return decodeInfo(payload);
    case 3:
      return decodeHave(payload);
    case 4:
      return { type: 'unhave', ...decodeSpan(payload) };
    case 5:
    case 6:
      return { type: type === 5 ? 'want' : 'unwant', ...decodeOpenSpan(payload) };
    case 7:
      return decodeRequest(payload);
    case 8: {
      const { index, bytes: offset, hash } = decodeRequest(payload);
      return { type: 'cancel', index, bytes: offset, hash };
    }
    case 9:
      return decodeData(payload);
    case 15:
      return decodeExtension(payload);
    default:
      return undefined;
  }
}

function decodeFeed(payload: Uint8Array): WireMessage {
  const reader = new ProtoReader(payload);
  let discoveryKey: Uint8Array | undefined;
  let nonce: Uint8Array | undefined;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) discoveryKey = reader.exact(DISCOVERY_KEY_BYTES);
    else if (field === 2) nonce = reader.exact(NONCE_BYTES);
    else reader.skip();
  }
  if (discoveryKey === undefined) throw malformed('no discovery key');
  return { type: 'feed', discoveryKey, nonce };
}

function decodeHandshake(payload: Uint8Array): HandshakeMessage {
  const reader = new ProtoReader(payload);
  const found: { -readonly [Name in keyof HandshakeMessage]: HandshakeMessage[Name] } & { extensions: string[] } = {
    type: 'handshake',
    id: undefined,
    live: false,
    userData: undefined,
    extensions: [],
    ack: false,
  };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) found.id = reader.view().slice();
    else if (field === 2) found.live = reader.boolean();
    else if (field === 3) found.userData = reader.view().slice();
    else if (field === 4) found.extensions.push(extensionName(reader.view(), found.extensions.length));
    else if (field === 5) found.ack = reader.boolean();
    else reader.skip();
  }
  return found;
}

function extensionName(name: Uint8Array, before: number): string {
  if (before >= EXTENSIONS_MAX || name.length > EXTENSION_NAME_BYTES_MAX)
    throw new FeedError('too_large', `more than ${EXTENSIONS_MAX} extensions, or one with a name too long`);
  try {
    return fromUtf8(name);
  } catch (cause) {
    throw new FeedError('malformed', 'an extension whose name is no text', { cause });
  }
}

function decodeInfo(payload: Uint8Array): WireMessage {
  const reader = new ProtoReader(payload);
  let uploading: boolean | undefined;
  let downloading: boolean | undefined;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) uploading = reader.boolean();
    else if (field === 2) downloading = reader.boolean();
    else reader.skip();
  }
  return { type: 'info', uploading, downloading };
}

function decodeHave(payload: Uint8Array): WireMessage {
  const reader = new ProtoReader(payload);
  let start: number | undefined;
  let length = 1;
  let bitfield: Uint8Array | undefined;
  let ack = false;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) start = reader.number();
    else if (field === 2) length = reader.number();
    else if (field === 3) bitfield = reader.view().slice();
    else if (field === 4) ack = reader.boolean();
    else reader.skip();
  }
  return { type: 'have', ...spanOf(start, length), bitfield, ack };
}

function decodeSpan(payload: Uint8Array): { readonly start: number; readonly length: number } {
  const { start, length } = decodeOpenSpan(payload);
  return spanOf(start, length ?? 1);
}

function decodeOpenSpan(payload: Uint8Array): { readonly start: number; readonly length: number | undefined } {
  const reader = new ProtoReader(payload);
  let start: number | undefined;
  let length: number | undefined;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) start = reader.number();
    else if (field === 2) length = reader.number();
    else reader.skip();
  }
  if (start === undefined) throw malformed('no start');
  return { start, length };
}

function spanOf(start: number | undefined, length: number): { readonly start: number; readonly length: number } {
  if (start === undefined) throw malformed('no start');
  if (start + length > FEED_LENGTH_MAX) throw malformed('blocks beyond the longest feed');
  return { start, length };
}

function decodeRequest(payload: Uint8Array): RequestMessage {
  const reader = new ProtoReader(payload);
  let index: number | undefined;
  let offset: number | undefined;
  let hash = false;
  let digest = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) index = reader.number();
    else if (field === 2) offset = reader.number();
    else if (field === 3) hash = reader.boolean();
    else if (field === 4) digest = reader.number();
    else reader.skip();
  }
  return { type: 'request', index: blockIndex(index), bytes: offset, hash, digest };
}

function decodeData(payload: Uint8Array): DataMessage {
  const reader = new ProtoReader(payload);
  let index: number | undefined;
  let value: Uint8Array | undefined;
  let signature: Uint8Array | undefined;
  const nodes: TreeNode[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) index = reader.number();
    else if (field === 2) value = reader.view();
    else if (field === 3) {
      if (nodes.length >= PROOF_NODES_MAX) throw new FeedError('too_large', `more than ${PROOF_NODES_MAX} nodes`);
      nodes.push(decodeNode(reader.view()));
    } else if (field === 4) signature = reader.exact(SIGNATURE_BYTES);
    else reader.skip();
  }
  return { type: 'data', index: blockIndex(index), value, nodes, signature };
}

function decodeNode(payload: Uint8Array): TreeNode {
  const reader = new ProtoReader(payload);
  let index: number | undefined;
  let hash: Uint8Array | undefined;
  let size: number | undefined;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) index = reader.number();
    else if (field === 2) hash = reader.exactView(HASH_BYTES);
    else if (field === 3) size = reader.number();
    else reader.skip();
  }
  if (index === undefined || hash === undefined || size === undefined || index > NODE_INDEX_MAX)
    throw malformed('a node that is none');
  return { index, hash, size };
}

function decodeExtension(payload: Uint8Array): WireMessage {
  let extension = 0;
  for (let at = 0, scale = 1; at < 2; at++, scale *= 128) {
    const byte = payload[at];
    if (byte === undefined) break;
    extension += (byte & 127) * scale;
    if (byte < 128) return { type: 'extension', extension, payload: payload.slice(at + 1) };
  }
  throw malformed('an extension without its number');
}

function blockIndex(index: number | undefined): number {
  if (index === undefined || index >= FEED_LENGTH_MAX) throw malformed('no block index');
  return index;
}

function dataBytes({ index, value, nodes, signature }: DataMessage): number {
  let size = numberField(index) + bytesField(value) + bytesField(signature);
  for (const node of nodes) {
    const inner = nodeBytes(node);
    size += 1 + varintBytes(inner) + inner;
  }
  return size;
}

function nodeBytes({ index, size }: TreeNode): number {
  return 1 + varintBytes(index) + 2 + HASH_BYTES + 1 + varintBytes(size);
}

function writeData(writer: ByteWriter, { index, value, nodes, signature }: DataMessage): void {
  writeNumber(writer, 1, index);
  writeBytes(writer, 2, value);
  for (const node of nodes) {
    writer.varint(bytes(3));
    writer.varint(nodeBytes(node));
    writeNumber(writer, 1, node.index);
    writeBytes(writer, 2, node.hash);
    writeNumber(writer, 3, node.size);
  }
  writeBytes(writer, 4, signature);
}

function writeNumber(writer: ByteWriter, field: number, value: number | undefined): void {
  if (value === undefined) return;
  writer.varint(number(field));
  writer.varint(value);
}

function writeBytes(writer: ByteWriter, field: number, value: Uint8Array | undefined): void {
  if (value === undefined) return;
  writer.varint(bytes(field));
  writer.varint(value.length);
  writer.bytes(value);
}

/** Tags of fields 1 to 15 take one byte. */
function numberField(value: number | undefined): number {
  return value === undefined ? 0 : 1 + varintBytes(value);
}

function bytesField(value: Uint8Array | undefined): number {
  return value === undefined ? 0 : 1 + varintBytes(value.length) + value.length;
}

function lengthField(length: number): number {
  return length === 1 ? 0 : numberField(length);
}

function digestField({ digest }: RequestMessage): number {
  return digest === 0 ? 0 : numberField(digest);
}
