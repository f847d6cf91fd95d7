/**
 * Mutated frames against the decoders of both ends: each is a message or a ProtocolError, and nothing is kept.
 */
import { expect, test } from 'vitest';
import { SeededPrng } from '../../src/base/index.ts';
import {
  decodeClientMessage,
  decodeEntryHeader,
  decodeNodeMessage,
  encodeClientMessage,
  encodeNodeMessage,
  ProtocolError,
} from '../../src/protocol/index.ts';
import { runLength } from '../harness/length.ts';
import { mutate, sampleClientFrames, sampleEntryHeader, sampleNodeFrames } from '../harness/sample-frames.ts';

const FRAMES = runLength(30_000, 1_000_000);
/** The sample frames are made anew this often, so that mutations meet all shapes. */
const FRAMES_PER_SAMPLE = 5_000;
const HEAP_GROWTH_BYTES_MAX = 64 * 1024 * 1024;

test(`${FRAMES} mutated frames are read or refused, and leave nothing behind`, () => {
  const prng = new SeededPrng(20_261_121);
  const decoders = [
    { sample: sampleClientFrames, read: (bytes: Uint8Array) => encodeClientMessage(decodeClientMessage(bytes)) },
    { sample: sampleNodeFrames, read: (bytes: Uint8Array) => encodeNodeMessage(decodeNodeMessage(bytes)) },
    { sample: () => [sampleEntryHeader(prng)], read: (bytes: Uint8Array) => decodeEntryHeader(bytes) },
  ];
  const counts = { read: 0, refused: 0 };
  const heapBefore = process.memoryUsage().heapUsed;
  let samples: Uint8Array[][] = [];
  for (let count = 0; count < FRAMES; count++) {
    if (count % FRAMES_PER_SAMPLE === 0) samples = decoders.map(({ sample }) => sample(prng));
    const side = prng.below(decoders.length);
    const frames = samples[side] as Uint8Array[];
    const pick = (): Uint8Array => frames[prng.below(frames.length)] as Uint8Array;
    const bytes = mutate(pick(), pick(), prng);
    try {
      decoders[side]?.read(bytes);
      counts.read++;
    } catch (error) {
      if (!(error instanceof ProtocolError))
        throw new Error(`frame ${count} (seed 20261121) crashed`, { cause: error });
      counts.refused++;
    }
  }
  console.log(`${FRAMES} mutated frames: ${counts.read} read, ${counts.refused} refused`);
  expect(counts.read + counts.refused).toBe(FRAMES);
  expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(FRAMES / 20);
  expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(HEAP_GROWTH_BYTES_MAX);
});
