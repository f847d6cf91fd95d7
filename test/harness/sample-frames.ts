/** Frames of every kind of the published schema, filled by a seed, and what hostile hands make of them. */
import type { FieldInfo, IMessageType } from '@protobuf-ts/runtime';
import { concatBytes, type Prng, type SecureRandom, utf8 } from '../../src/base/index.ts';
import { ClientFrame, EntryHeader, encodeClientMessage, From, NodeFrame } from '../../src/protocol/index.ts';
import { type Person, writePdu } from './person.ts';

const LONG_NUMBERS = [0, 1, 127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER];

/** One frame of each kind, in bytes. */
export function sampleClientFrames(prng: Prng): Uint8Array[] {
  return sampleKinds(ClientFrame, prng);
}

export function sampleNodeFrames(prng: Prng): Uint8Array[] {
  return sampleKinds(NodeFrame, prng);
}

export function sampleEntryHeader(prng: Prng): Uint8Array {
  return EntryHeader.toBinary(EntryHeader.create({ ...sampleOf(EntryHeader.fields, prng), version: 1, kind: 1 }));
}

/** What a device of `person` could send, and would be taken. */
export function honestFrames(random: SecureRandom, person: Person): Uint8Array[] {
  const body = utf8('body');
  const { header: pdu } = writePdu(random, person, [person.address], body);
  const follow = { version: 1, from: From.BEGINNING, time: 0, ledger: [], client: 'test' };
  const order = { headersOnly: false, newestFirst: true };
  const feed = random.bytes(32);
  return [
    encodeClientMessage({ oneofKind: 'submit', submit: { request: 1, pdu, body, withBody: true } }),
    encodeClientMessage({ oneofKind: 'clientInfo', clientInfo: { ...follow, ...order, request: 2 } }),
    encodeClientMessage({ oneofKind: 'sync', sync: { request: 3, feed, from: 1, to: 9, ...order } }),
    encodeClientMessage({
      oneofKind: 'appendChain',
      appendChain: { request: 4, document: person.document, vault: person.vault, invite: '' },
    }),
    encodeClientMessage({
      oneofKind: 'erase',
      erase: { request: 5, feed, numbers: [{ from: 1, to: 2 }], superseded: false },
    }),
  ];
}

function sampleKinds<Frame extends object>(type: IMessageType<Frame>, prng: Prng): Uint8Array[] {
  return type.fields.map((field) => {
    const frame = { frame: { oneofKind: field.localName, [field.localName]: sampleValue(field, prng) } };
    return type.toBinary(type.create(frame as object));
  });
}

function sampleOf(fields: readonly FieldInfo[], prng: Prng): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  for (const field of fields) {
    if (prng.below(4) === 0) continue;
    message[field.localName] = field.repeat
      ? Array.from({ length: prng.below(4) }, () => sampleValue(field, prng))
      : sampleValue(field, prng);
  }
  return message;
}

function sampleValue(field: FieldInfo, prng: Prng): unknown {
  if (field.kind === 'message') return field.T().create(sampleOf(field.T().fields, prng));
  if (field.kind !== 'scalar') return prng.below(4);
  switch (field.T) {
    case 8:
      return prng.below(2) === 1;
    case 9:
      return 'zoë@home.example'.slice(prng.below(16));
    case 12:
      return randomBytes(prng, [0, 1, 32, 64, 300][prng.below(5)] as number);
    case 13:
      return prng.below(2 ** 32);
    default:
      return LONG_NUMBERS[prng.below(LONG_NUMBERS.length)];
  }
}

/** A few changes: flipped bytes, a cut, an insertion, a repetition, a splice with another frame. */
export function mutate(frame: Uint8Array, other: Uint8Array, prng: Prng): Uint8Array {
  let bytes: Uint8Array = frame.slice();
  for (let change = 1 + prng.below(4); change > 0; change--) {
    const at = prng.below(bytes.length + 1);
    const length = prng.below(Math.min(64, bytes.length - at + 1));
    switch (prng.below(6)) {
      case 0:
        if (at < bytes.length) bytes[at] = prng.below(256);
        break;
      case 1:
        if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << prng.below(8));
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      case 3:
        bytes = concatBytes(bytes.subarray(0, at), randomBytes(prng, prng.below(16)), bytes.subarray(at));
        break;
      case 4:
        bytes = concatBytes(bytes.subarray(0, at + length), bytes.subarray(at));
        break;
      default:
        bytes = concatBytes(bytes.subarray(0, at), other.subarray(prng.below(other.length + 1)));
    }
  }
  return bytes;
}

function randomBytes(prng: Prng, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, () => prng.below(256));
}
