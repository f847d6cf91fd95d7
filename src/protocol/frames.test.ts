import { describe, expect, test } from 'vitest';
import { mutate, sampleClientFrames, sampleEntryHeader, sampleNodeFrames } from '../../test/harness/sample-frames.ts';
import { concatBytes, fromHex, SeededPrng } from '../base/index.ts';
import { createFrameShape, judgeFrame } from './frame-cost.ts';
import {
  type ClientMessage,
  decodeClientMessage,
  decodeEntryHeader,
  decodeNodeMessage,
  encodeClientMessage,
  encodeEntryHeader,
  encodeNodeMessage,
  type NodeMessage,
  pduOfEntryHeader,
  requestNumberOf,
} from './frames.ts';
import { BodyState, ClientFrame, NodeFrame } from './generated/client.ts';
import { ENTRIES_PER_FRAME_MAX, ENTRY_HEADER_BYTES_MAX, FRAME_BYTES_MAX, FRAME_PARTS_MAX } from './limits.ts';
import { ProtocolError } from './protocol-error.ts';

const EMPTY = new Uint8Array(0);

/** A length-delimited field of protobuf. */
function field(number: number, payload: Uint8Array): Uint8Array {
  return concatBytes(varint(number * 8 + 2), varint(payload.length), payload);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest & 127) | 128);
  return Uint8Array.from([...bytes, rest]);
}

function repeated(pattern: Uint8Array, count: number): Uint8Array {
  const bytes = new Uint8Array(pattern.length * count);
  for (let index = 0; index < count; index++) bytes.set(pattern, index * pattern.length);
  return bytes;
}

/** Messages, byte strings and texts that a decoded message holds. */
function partsOf(value: unknown): number {
  if (typeof value === 'string') return value === '' ? 0 : 1;
  if (value instanceof Uint8Array) return value.length === 0 ? 0 : 1;
  if (Array.isArray(value)) return value.reduce((sum: number, item: unknown) => sum + Math.max(1, partsOf(item)), 0);
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce((sum: number, item: unknown) => sum + partsOf(item), 1);
}

/** The message of a frame's oneof, without the name of its kind. */
const contentOf = (message: ClientMessage | NodeMessage): unknown =>
  Object.entries(message).find(([name]) => name !== 'oneofKind')?.[1];

function codeOf(decode: () => unknown): string {
  try {
    decode();
    return 'accepted';
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return (error as ProtocolError).code;
  }
}

test('the PDU of an entry header is found without decoding it', () => {
  const prng = new SeededPrng(3);
  for (let round = 0; round < 200; round++) {
    const block = sampleEntryHeader(prng);
    expect(pduOfEntryHeader(block)).toEqual(decodeEntryHeader(block).pdu);
  }
});

describe('frames', () => {
  test('of every kind come back from their bytes', () => {
    const prng = new SeededPrng(1);
    for (let round = 0; round < 50; round++) {
      for (const bytes of sampleClientFrames(prng)) {
        const message = decodeClientMessage(bytes);
        expect(decodeClientMessage(encodeClientMessage(message))).toEqual(message);
      }
      for (const bytes of sampleNodeFrames(prng)) {
        const message = decodeNodeMessage(bytes);
        expect(decodeNodeMessage(encodeNodeMessage(message))).toEqual(message);
      }
    }
  });

  test('that are full fit the limits', () => {
    const entries = Array.from({ length: ENTRIES_PER_FRAME_MAX }, (_, index) => ({
      number: index + 1,
      index: 2 * index,
      receivedAt: Number.MAX_SAFE_INTEGER,
      kind: 1,
      previousLink: new Uint8Array(32),
      pdu: new Uint8Array(700),
      bodyState: BodyState.INLINE,
      body: new Uint8Array(1024),
    }));
    const bytes = encodeNodeMessage({
      oneofKind: 'entries',
      entries: { request: 1, feed: new Uint8Array(32), entries },
    });
    expect(contentOf(decodeNodeMessage(bytes))).toMatchObject({ entries });
  });

  test('carry the number of their request, or 0', () => {
    expect(requestNumberOf({ oneofKind: 'ping', ping: { request: 7 } })).toBe(7);
    expect(requestNumberOf({ oneofKind: 'head', head: { heads: [], serverTime: 1 } })).toBe(0);
  });

  test('with a field that is not known yet are read without it', () => {
    const ping = encodeClientMessage({ oneofKind: 'ping', ping: { request: 7 } });
    const later = concatBytes(ping, field(1000, new Uint8Array(5)), fromHex('c83e01'));
    expect(decodeClientMessage(later)).toEqual({ oneofKind: 'ping', ping: { request: 7 } });
  });

  test('of no known kind, or none at all, are malformed', () => {
    for (const bytes of [new Uint8Array(0), field(1000, new Uint8Array(5))]) {
      expect(codeOf(() => decodeClientMessage(bytes))).toBe('malformed');
      expect(codeOf(() => decodeNodeMessage(bytes))).toBe('malformed');
    }
  });

  test('beyond the limit are refused unread', () => {
    expect(codeOf(() => decodeClientMessage(new Uint8Array(FRAME_BYTES_MAX + 1)))).toBe('too_large');
    expect(codeOf(() => decodeNodeMessage(new Uint8Array(FRAME_BYTES_MAX + 1)))).toBe('too_large');
  });

  test.each([
    ['a cut length', '12'],
    ['a length beyond the end', '32ff01'],
    ['a tag of field 0', '0200'],
    ['a tag beyond 32 bits', '9a80808080808010023200'],
    ['a length beyond 32 bits', '3282808080808010'],
    ['a varint without end', `32${'ff'.repeat(20)}`],
    ['an unknown wire type', '37'],
    ['a group', '0b0c'],
    ['a group without end', '0b'],
    ['an end of group', '0c'],
    ['a message in the wire type of a number', '3000'],
    ['a number in the wire type of a message', '32020a00'],
    ['an inner field that runs over its message', '32021208'],
    ['a text that is not UTF-8', '0a030a01ff'],
  ])('with %s are malformed', (_name, hex) => {
    expect(codeOf(() => decodeClientMessage(fromHex(hex)))).toBe('malformed');
  });

  test('with an integer beyond 2^53-1 are malformed', () => {
    const sync = field(4, concatBytes(Uint8Array.of(0x18), fromHex('ffffffffffffffffff01')));
    expect(codeOf(() => decodeClientMessage(sync))).toBe('malformed');
  });

  test('of groups within groups are refused, not a stack overflow', () => {
    expect(codeOf(() => decodeClientMessage(new Uint8Array(FRAME_BYTES_MAX).fill(0x7b)))).toBe('malformed');
  });
});

describe('what a frame costs', () => {
  test.each([
    ['entries', decodeNodeMessage, field(4, repeated(field(3, EMPTY), 1_000_000))],
    ['heads', decodeNodeMessage, field(6, repeated(field(1, EMPTY), 1_000_000))],
    ['documents', decodeNodeMessage, field(10, repeated(field(2, EMPTY), 1_000_000))],
    ['feeds of a ledger', decodeClientMessage, field(2, repeated(field(4, EMPTY), 1_000_000))],
    ['intervals of a ledger', decodeClientMessage, field(2, field(4, repeated(field(2, EMPTY), 1_000_000)))],
    ['the same message again and again', decodeClientMessage, repeated(field(6, EMPTY), 1_000_000)],
    ['unknown fields', decodeClientMessage, repeated(field(1000, EMPTY), 500_000)],
  ])('a million %s are refused before one is made', (_name, decode, bytes) => {
    expect(codeOf(() => decode(bytes))).toBe('too_large');
  });

  test('as many parts as allowed are taken, one more is not', () => {
    // The frame's message counts, its feed does, and each interval.
    const ledger = (count: number) =>
      encodeClientMessage({
        oneofKind: 'clientInfo',
        clientInfo: {
          ...ClientFrame.create(),
          version: 1,
          from: 4,
          time: 0,
          client: '',
          request: 0,
          headersOnly: false,
          newestFirst: false,
          ledger: [{ feed: EMPTY, held: Array.from({ length: count }, () => ({ from: 1, to: 2 })) }],
        },
      });
    expect(codeOf(() => decodeClientMessage(ledger(FRAME_PARTS_MAX - 2)))).toBe('accepted');
    expect(codeOf(() => decodeClientMessage(ledger(FRAME_PARTS_MAX - 1)))).toBe('too_large');
  });

  test('is never less than what decoding makes, whatever is done to the bytes', () => {
    const prng = new SeededPrng(2);
    const shapes = { client: createFrameShape(ClientFrame), node: createFrameShape(NodeFrame) };
    const frames = { client: sampleClientFrames(prng), node: sampleNodeFrames(prng) };
    let accepted = 0;
    for (let round = 0; round < 20_000; round++) {
      const side = prng.below(2) === 0 ? 'client' : 'node';
      const samples = frames[side];
      const pick = (): Uint8Array => samples[prng.below(samples.length)] as Uint8Array;
      const bytes = mutate(pick(), pick(), prng);
      let message: ClientMessage | NodeMessage;
      try {
        message = side === 'client' ? decodeClientMessage(bytes) : decodeNodeMessage(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
        continue;
      }
      accepted++;
      const parts = partsOf(contentOf(message));
      if (judgeFrame(shapes[side], bytes, parts - 1) !== 'too_costly') throw new Error(`undercounted, round ${round}`);
    }
    expect(accepted).toBeGreaterThan(1_000);
  });
});

describe('an entry header', () => {
  test('comes back from its bytes', () => {
    const prng = new SeededPrng(3);
    for (let round = 0; round < 50; round++) {
      const header = decodeEntryHeader(sampleEntryHeader(prng));
      expect(decodeEntryHeader(encodeEntryHeader(header))).toEqual(header);
    }
  });

  test.each([
    ['nothing', ''],
    ['a later version', '08021001'],
    ['no kind', '0801'],
    ['a cut field', '080110012a05'],
    ['a text that is not UTF-8', '080110013201ff'],
  ])('of %s is malformed', (_name, hex) => {
    expect(codeOf(() => decodeEntryHeader(fromHex(hex)))).toBe('malformed');
  });

  test('beyond the limit, or of a million parts, is refused', () => {
    expect(codeOf(() => decodeEntryHeader(new Uint8Array(ENTRY_HEADER_BYTES_MAX + 1)))).toBe('too_large');
    const many = concatBytes(fromHex('08011001'), repeated(field(6, EMPTY), 100_000));
    expect(codeOf(() => decodeEntryHeader(many))).toBe('malformed');
  });
});
