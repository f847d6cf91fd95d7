/**
 * The bodies of requests between homes as bytes and back (proto/federation.proto), judged once, here: bytes from another
 * home leave as a message of its shape and within its counts, or as a refusal. What decoding would cost is counted before it
 * is paid.
 */
import { BinaryReader, type MessageType } from '@protobuf-ts/runtime';
import { createFrameShape, type FrameShape, judgeFrame } from './frame-cost.ts';
import { Answer, Documents, Pdus, Transaction } from './generated/federation.ts';
import { KeyLogPage } from './generated/key-log.ts';
import {
  FEDERATION_BODY_BYTES_MAX,
  FEDERATION_PARTS_MAX,
  KEY_ROOTS_MAX,
  TRANSACTION_EDUS_MAX,
  TRANSACTION_ITEMS_MAX,
} from './limits.ts';
import { ProtocolError } from './protocol-error.ts';
import { WireWriter } from './wire-writer.ts';

export function encodeTransaction(transaction: Transaction): Uint8Array {
  return Transaction.toBinary(transaction, WRITE);
}

export function encodeAnswer(answer: Answer): Uint8Array {
  return Answer.toBinary(answer, WRITE);
}

export function encodePdus(pdus: Pdus): Uint8Array {
  return Pdus.toBinary(pdus, WRITE);
}

export function encodeDocuments(documents: Documents): Uint8Array {
  return Documents.toBinary(documents, WRITE);
}

export function encodeKeyLogPage(page: KeyLogPage): Uint8Array {
  return KeyLogPage.toBinary(page, WRITE);
}

/** Throws ProtocolError `too_large` or `malformed`, as the four below. */
export function decodeTransaction(bytes: Uint8Array): Transaction {
  const transaction = decode(TRANSACTION, bytes);
  const { edus, items } = transaction;
  if (items.length > TRANSACTION_ITEMS_MAX || edus.length > TRANSACTION_EDUS_MAX)
    throw new ProtocolError(
      'too_large',
      `a transaction has at most ${TRANSACTION_ITEMS_MAX} items and ${TRANSACTION_EDUS_MAX} EDUs`,
    );
  if (edus.some(({ edu }) => edu.oneofKind === 'keyRoots' && edu.keyRoots.roots.length > KEY_ROOTS_MAX))
    throw new ProtocolError('too_large', `an EDU names at most ${KEY_ROOTS_MAX} roots of key logs`);
  if (items.length > 0 && edus.length > 0)
    throw new ProtocolError('malformed', 'a transaction has items or EDUs, not both');
  if (items.length > 0 && transaction.first < 1) throw new ProtocolError('malformed', 'items are numbered from 1');
  return transaction;
}

export function decodeAnswer(bytes: Uint8Array): Answer {
  return decode(ANSWER, bytes);
}

export function decodePdus(bytes: Uint8Array): Pdus {
  return decode(PDUS, bytes);
}

export function decodeDocuments(bytes: Uint8Array): Documents {
  return decode(DOCUMENTS, bytes);
}

export function decodeKeyLogPage(bytes: Uint8Array): KeyLogPage {
  return decode(KEY_LOG_PAGE, bytes);
}

interface Body<Message extends object> {
  readonly name: string;
  readonly type: MessageType<Message>;
  readonly shape: FrameShape;
}

function bodyType<Message extends object>(name: string, type: MessageType<Message>): Body<Message> {
  return { name, type, shape: createFrameShape(type) };
}

const TRANSACTION = bodyType('a transaction', Transaction);
const ANSWER = bodyType('an answer', Answer);
const PDUS = bodyType('PDUs', Pdus);
const DOCUMENTS = bodyType('documents', Documents);
const KEY_LOG_PAGE = bodyType('a page of a key log', KeyLogPage);

// As in frames.ts: unknown fields are dropped, one text decoder and one writer serve all.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const READ = {
  readUnknownField: false as const,
  readerFactory: (bytes: Uint8Array): BinaryReader => new BinaryReader(bytes, decoder),
};
const writer = new WireWriter();
const WRITE = { writeUnknownFields: false as const, writerFactory: (): WireWriter => writer.begin() };

function decode<Message extends object>({ name, type, shape }: Body<Message>, bytes: Uint8Array): Message {
  if (bytes.length > FEDERATION_BODY_BYTES_MAX)
    throw new ProtocolError('too_large', `${name} between homes: at most ${FEDERATION_BODY_BYTES_MAX} bytes`);
  const verdict = judgeFrame(shape, bytes, FEDERATION_PARTS_MAX);
  if (verdict === 'too_costly')
    throw new ProtocolError('too_large', `${name} between homes: at most ${FEDERATION_PARTS_MAX} parts`);
  if (verdict === 'malformed') throw new ProtocolError('malformed', `not ${name}`);
  try {
    return type.fromBinary(bytes, READ);
  } catch (cause) {
    throw new ProtocolError('malformed', `not ${name}`, { cause });
  }
}
