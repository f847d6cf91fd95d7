import { describe, expect, test } from 'vitest';
import {
  concatBytes,
  equalBytes,
  fromHex,
  NobleSuite,
  SeededPrng,
  SeededSecureRandom,
  toHex,
} from '../../base/index.ts';
import { discoveryKeyOf } from '../feed-key.ts';
import vectors from '../vectors.json' with { type: 'json' };
import { FRAME_BYTES_MAX } from './limits.ts';
import type { WireMessage } from './message.ts';
import { createNobleStreamCipher } from './stream-cipher.ts';
import { type Inbound, WireStream } from './wire-stream.ts';

const suite = new NobleSuite();
const publicKey = fromHex(vectors.keys.publicKey);
const first = { publicKey, discoveryKey: discoveryKeyOf(suite, publicKey) };

const hash = fromHex('22'.repeat(32));
const MESSAGES: readonly WireMessage[] = [
  { type: 'feed', discoveryKey: fromHex('33'.repeat(32)), nonce: undefined },
  {
    type: 'handshake',
    id: fromHex('11'.repeat(32)),
    live: true,
    userData: Uint8Array.of(1, 2),
    extensions: ['a', 'zoë'],
    ack: true,
  },
  { type: 'info', uploading: false, downloading: true },
  { type: 'info', uploading: undefined, downloading: false },
  { type: 'have', start: 2 ** 40, length: 1, bitfield: undefined, ack: true },
  { type: 'have', start: 0, length: 8192, bitfield: Uint8Array.of(7, 2, 128), ack: false },
  { type: 'unhave', start: 127, length: 128 },
  { type: 'want', start: 0, length: undefined },
  { type: 'unwant', start: 16384, length: 2 ** 20 },
  { type: 'request', index: 5, bytes: undefined, hash: false, digest: 0 },
  { type: 'request', index: 5, bytes: 300, hash: true, digest: 2 ** 45 + 1 },
  { type: 'cancel', index: 2 ** 51 - 1, bytes: undefined, hash: false },
  { type: 'data', index: 0, value: new Uint8Array(0), nodes: [], signature: undefined },
  {
    type: 'data',
    index: 300,
    value: new Uint8Array(70_000).fill(9),
    nodes: [
      { index: 602, hash, size: 0 },
      { index: 2 ** 52 - 1, hash, size: 2 ** 53 - 1 },
    ],
    signature: fromHex('44'.repeat(64)),
  },
  { type: 'data', index: 1, value: undefined, nodes: [{ index: 2, hash, size: 4 }], signature: undefined },
  { type: 'extension', extension: 63, payload: Uint8Array.of(1, 2, 3) },
];

function wire(seed: number): WireStream {
  return new WireStream({ createCipher: createNobleStreamCipher, random: new SeededSecureRandom(seed) });
}

/** Two ends that have opened the same feed. */
function setup() {
  const [a, b] = [wire(1), wire(2)];
  a.open(first);
  b.open(first);
  expect([...b.receive(a.take())]).toHaveLength(1);
  expect([...a.receive(b.take())]).toHaveLength(1);
  return { a, b };
}

describe('the bytes of Dat v6', () => {
  test('are those of the published vectors', () => {
    const nonce = fromHex(vectors.wire.nonce);
    const stream = new WireStream({ createCipher: createNobleStreamCipher, random: { bytes: () => nonce } });
    const wireOf = (message: string) => vectors.wire.frames.find((frame) => frame.message === message)?.wire;
    stream.open(first);
    expect(toHex(stream.take())).toBe(wireOf('feed'));
    stream.write(0, {
      type: 'handshake',
      id: fromHex('11'.repeat(32)),
      live: true,
      userData: undefined,
      extensions: [],
      ack: false,
    });
    expect(toHex(stream.take())).toBe(wireOf('handshake'));
    stream.keepAlive();
    expect(toHex(stream.take())).toBe(wireOf('keepAlive'));
  });

  test('of a want are those of the vector under the cipher', () => {
    const { a } = setup();
    const { a: plain } = setup();
    a.write(0, { type: 'want', start: 0, length: 2 ** 20 });
    plain.keepAlive(); // the keystream at the same place, under bytes of our choice
    const keystream = new Uint8Array(8);
    const cipher = createNobleStreamCipher(publicKey, new SeededSecureRandom(1).bytes(24));
    cipher.apply(keystream);
    const bytes = a.take().map((byte, i) => byte ^ (keystream[i] as number));
    expect(toHex(bytes)).toBe(vectors.wire.frames.find(({ message }) => message === 'want')?.plain);
  });
});

describe('a wire stream', () => {
  test('carries every kind of message on any channel', () => {
    const { a, b } = setup();
    MESSAGES.forEach((message, i) => {
      a.write(i === 3 ? 255 : i, message);
    });
    const received = [...b.receive(a.take())];
    expect(received).toEqual(
      MESSAGES.map((message, i): Inbound => ({ kind: 'message', channel: i === 3 ? 255 : i, message })),
    );
  });

  test('reads frames from pieces of any size', () => {
    const prng = new SeededPrng(3);
    for (const longest of [1, 2, 7, 100, 5_000, 80_000]) {
      const { a, b } = setup();
      for (const message of MESSAGES) {
        a.write(0, message);
        a.keepAlive();
      }
      const bytes = a.take();
      const received: Inbound[] = [];
      for (let at = 0; at < bytes.length; ) {
        const end = Math.min(bytes.length, at + 1 + prng.below(longest));
        received.push(...b.receive(bytes.slice(at, end)));
        at = end;
      }
      expect(received.filter(({ kind }) => kind === 'message')).toHaveLength(MESSAGES.length);
      expect(received.filter(({ kind }) => kind === 'keepAlive')).toHaveLength(MESSAGES.length);
      expect(b.isWithinFrame).toBe(false);
    }
  });

  test('asks who answers which feed is meant, and reads on once it is opened', () => {
    const [a, b] = [wire(1), wire(2)];
    a.open(first);
    a.write(0, { type: 'want', start: 0, length: undefined });
    const kinds: string[] = [];
    for (const inbound of b.receive(a.take())) {
      kinds.push(inbound.kind === 'message' ? inbound.message.type : inbound.kind);
      if (inbound.kind === 'opening') {
        expect(equalBytes(inbound.discoveryKey, first.discoveryKey)).toBe(true);
        b.open(first);
      }
    }
    expect(kinds).toEqual(['opening', 'feed', 'want']);
  });

  test('leaves unread what follows a feed that nobody opens', () => {
    const [a, b] = [wire(1), wire(2)];
    a.open(first);
    a.write(0, { type: 'want', start: 0, length: undefined });
    expect([...b.receive(a.take())].map(({ kind }) => kind)).toEqual(['opening']);
  });

  test('refuses another feed in the first place', () => {
    const [a, b] = [wire(1), wire(2)];
    const other = fromHex('55'.repeat(32));
    a.open({ publicKey: other, discoveryKey: discoveryKeyOf(suite, other) });
    b.open(first);
    expect(() => [...b.receive(a.take())]).toThrow(expect.objectContaining({ code: 'wrong_key' }));
  });
});

describe('hostile bytes', () => {
  const varint = (value: number): number[] => {
    const bytes: number[] = [];
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
    return [...bytes, rest];
  };

  test.each([
    ['a length of more than 8 MiB', Uint8Array.from(varint(FRAME_BYTES_MAX + 1)), 'too_large'],
    ['a length that never ends', Uint8Array.of(128, 128, 128, 128, 128, 128), 'malformed'],
    ['a first frame that is no feed', Uint8Array.of(3, 1, 16, 1), 'malformed'],
    ['a first feed without a nonce', concatBytes(Uint8Array.of(35, 0, 10, 32), new Uint8Array(32)), 'malformed'],
    ['a discovery key of one byte', Uint8Array.of(4, 0, 10, 1, 1), 'malformed'],
  ])('%s is refused', (_name, bytes, code) => {
    expect(() => [...wire(1).receive(bytes)]).toThrow(expect.objectContaining({ code }));
  });

  test.each([
    ['a want of 2^53', [5, 8, 0, 16, ...varint(2 ** 53)], 'malformed'],
    ['a have of more blocks than a feed can have', [3, 8, 0, 16, ...varint(2 ** 53 - 1)], 'malformed'],
    ['a have without a start', [3, 16, 1], 'malformed'],
    ['a request beyond any feed', [7, 8, ...varint(2 ** 51)], 'malformed'],
    ['bytes where a number belongs', [7, 10, 1, 1], 'malformed'],
    ['a field that runs beyond the end', [9, 8, 0, 18, 100, 1], 'malformed'],
    ['a node with a short hash', [9, 8, 0, 26, 5, 8, 0, 18, 1, 1], 'malformed'],
    ['more nodes than any proof has', [9, 8, 0, ...Array.from({ length: 129 }, () => node()).flat()], 'too_large'],
    ['a channel of 256', [128, 32, 8, 1], 'malformed'],
    ['more extensions than a list may have', [1, ...Array.from({ length: 65 }, () => [34, 1, 97]).flat()], 'too_large'],
  ])('%s is refused', (_name, body, code) => {
    const { a, b } = setup();
    const plain = Uint8Array.from([...varint(body.length), ...body]);
    createNobleStreamCipher(publicKey, new SeededSecureRandom(1).bytes(24)).apply(plain);
    expect(() => [...b.receive(plain)]).toThrow(expect.objectContaining({ code }));
    expect(a.isOpen).toBe(true);
  });

  function node(): number[] {
    return [26, 38, 8, 0, 18, 32, ...new Array<number>(32).fill(1), 24, 0];
  }

  test('a frame that promises 8 MiB takes no more memory than has come', () => {
    const { b } = setup();
    const plain = Uint8Array.from([...varint(FRAME_BYTES_MAX), 9, 8]);
    createNobleStreamCipher(publicKey, new SeededSecureRandom(1).bytes(24)).apply(plain);
    const before = process.memoryUsage().arrayBuffers;
    expect([...b.receive(plain)]).toEqual([]);
    expect(b.isWithinFrame).toBe(true);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000);
  });

  test('bodies of one byte and types that nobody knows are passed over', () => {
    const { b } = setup();
    const plain = Uint8Array.of(1, 5, 2, 10, 0, 3, 5, 8, 0);
    createNobleStreamCipher(publicKey, new SeededSecureRandom(1).bytes(24)).apply(plain);
    expect([...b.receive(plain)].map((inbound) => inbound.kind === 'message' && inbound.message.type)).toEqual([
      'want',
    ]);
  });
});
