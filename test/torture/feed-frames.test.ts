/**
 * Mutated frames of Dat v6 against the decoder, and what it lets through against the synchronizer's step: each is a message
 * or a FeedError, the step never throws, and nothing is kept.
 */
import { expect, test } from 'vitest';
import { concatBytes, SeededPrng, SeededSecureRandom, toHex } from '../../src/base/index.ts';
import { Bitfield, FeedError } from '../../src/feed/index.ts';
import { createState, type FeedState } from '../../src/feed/synchronizer/sync-state.ts';
import { step } from '../../src/feed/synchronizer/sync-step.ts';
import { type CreateStreamCipher, type WireMessage, WireStream } from '../../src/feed/wire/index.ts';
import { feedIdOf } from '../../src/protocol/index.ts';
import { feedKeys } from '../harness/feed-site.ts';
import { runLength } from '../harness/length.ts';
import { mutate } from '../harness/sample-frames.ts';

const FRAMES = runLength(30_000, 1_000_000);
const FRAMES_PER_PEER = 500;
const HEAP_GROWTH_BYTES_MAX = 64 * 1024 * 1024;

const KEYS = feedKeys(1);
/** Mutations meet the decoder, not the cipher. */
const NO_CIPHER: CreateStreamCipher = () => ({ apply: () => {} });

function openWire(seed: number): WireStream {
  const wire = new WireStream({ createCipher: NO_CIPHER, random: new SeededSecureRandom(seed) });
  wire.open({ publicKey: KEYS.publicKey, discoveryKey: KEYS.discoveryKey });
  return wire;
}

function sampleFrames(prng: SeededPrng): Uint8Array[] {
  const number = (): number => (prng.below(3) === 0 ? prng.below(2 ** 31) * prng.below(2 ** 20) : prng.below(3_000));
  const bytes = (size: number): Uint8Array => Uint8Array.from({ length: size }, () => prng.below(256));
  const nodes = Array.from({ length: prng.below(12) }, () => ({ index: number(), hash: bytes(32), size: number() }));
  const messages: WireMessage[] = [
    { type: 'feed', discoveryKey: prng.below(2) === 0 ? KEYS.discoveryKey : bytes(32), nonce: undefined },
    { type: 'handshake', id: bytes(32), live: true, userData: bytes(3), extensions: ['a', 'b'], ack: false },
    { type: 'info', uploading: true, downloading: false },
    { type: 'have', start: number(), length: number(), bitfield: undefined, ack: false },
    { type: 'have', start: 8_192 * prng.below(9), length: 2 ** 20, bitfield: bytes(prng.below(40)), ack: true },
    { type: 'unhave', start: number(), length: number() },
    { type: 'want', start: 8_192 * prng.below(9), length: 2 ** 20 },
    { type: 'unwant', start: 0, length: undefined },
    { type: 'request', index: number(), bytes: undefined, hash: prng.below(2) === 0, digest: number() },
    { type: 'cancel', index: number(), bytes: number(), hash: false },
    { type: 'data', index: number(), value: bytes(prng.below(300)), nodes, signature: bytes(64) },
    { type: 'extension', extension: prng.below(3), payload: bytes(prng.below(50)) },
  ];
  return messages.map((message) => {
    const wire = openWire(1);
    wire.take();
    wire.write(prng.below(4), message);
    return wire.take();
  });
}

function openFeedState(): FeedState {
  return {
    id: feedIdOf(KEYS.discoveryKey),
    discoveryKey: toHex(KEYS.discoveryKey),
    isWritable: false,
    live: true,
    length: 1_000,
    settled: new Bitfield(),
    wanted: undefined,
    generation: 0,
    lowest: { generation: 0, index: 0 },
    plain: new Set(),
    probe: undefined,
    frozen: false,
    pausedUntil: 0,
    toldComplete: false,
  };
}

test(`${FRAMES} mutated frames are read or refused, harm nothing, and leave nothing behind`, () => {
  const prng = new SeededPrng(20_261_121);
  const counts = { read: 0, refused: 0 };
  const heapBefore = process.memoryUsage().heapUsed;
  let samples: Uint8Array[] = [];
  let state = createState({ id: new Uint8Array(32), peersMax: 8, ack: true });
  let wire = openWire(1);
  for (let count = 0; count < FRAMES; count++) {
    if (count % FRAMES_PER_PEER === 0) {
      samples = sampleFrames(prng);
      state = createState({ id: new Uint8Array(32), peersMax: 8, ack: true });
      step(state, { type: 'feedAdded', feed: openFeedState() }, count);
    }
    const peer = 1;
    if (state.peers.size === 0 || count % 20 === 0) {
      step(state, { type: 'gone', peer, reason: 'closed' }, count);
      step(
        state,
        { type: 'connected', peer, isInitiator: true, address: undefined, allowed: undefined, opensAll: true },
        count,
      );
      wire = openWire(1);
      const greeting = openWire(2);
      greeting.write(0, {
        type: 'handshake',
        id: undefined,
        live: true,
        userData: undefined,
        extensions: [],
        ack: false,
      });
      for (const one of wire.receive(greeting.take()))
        if (one.kind === 'message')
          step(state, { type: 'received', peer, channel: one.channel, message: one.message }, count);
    }
    const pick = (): Uint8Array => samples[prng.below(samples.length)] as Uint8Array;
    const bytes =
      prng.below(4) === 0 ? concatBytes(pick(), mutate(pick(), pick(), prng)) : mutate(pick(), pick(), prng);
    try {
      for (const one of wire.receive(bytes.slice()))
        if (one.kind === 'message')
          step(state, { type: 'received', peer, channel: one.channel, message: one.message }, count);
      if (count % 7 === 0) step(state, { type: 'tick' }, count);
      counts.read++;
    } catch (error) {
      if (!(error instanceof FeedError)) throw new Error(`frame ${count} (seed 20261121) crashed`, { cause: error });
      counts.refused++;
      wire = openWire(1);
      for (const _ of wire.receive(openWire(2).take()));
    }
  }
  console.log(`${FRAMES} mutated frames: ${counts.read} read, ${counts.refused} refused`);
  expect(counts.read + counts.refused).toBe(FRAMES);
  expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(FRAMES / 20);
  expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(HEAP_GROWTH_BYTES_MAX);
});
