import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sampleClientFrames, sampleEntryHeader, sampleNodeFrames } from '../../test/harness/sample-frames.ts';
import { equalBytes, SeededPrng } from '../base/index.ts';
import { ClientFrame, Entry, NodeFrame } from './generated/client.ts';
import { EntryHeader } from './generated/entry.ts';
import { WireWriter } from './wire-writer.ts';

const writer = new WireWriter();
const OURS = { writeUnknownFields: false as const, writerFactory: (): WireWriter => writer.begin() };
const THEIRS = { writeUnknownFields: false as const };

describe('the writer of frames', () => {
  test('writes what the library writes, for every kind of frame and entry', () => {
    const prng = new SeededPrng(7);
    for (let round = 0; round < 30; round++) {
      for (const bytes of sampleClientFrames(prng)) {
        const frame = ClientFrame.fromBinary(bytes);
        expect(ClientFrame.toBinary(frame, OURS)).toEqual(ClientFrame.toBinary(frame, THEIRS));
      }
      for (const bytes of sampleNodeFrames(prng)) {
        const frame = NodeFrame.fromBinary(bytes);
        expect(NodeFrame.toBinary(frame, OURS)).toEqual(NodeFrame.toBinary(frame, THEIRS));
      }
      const header = EntryHeader.fromBinary(sampleEntryHeader(prng));
      expect(EntryHeader.toBinary(header, OURS)).toEqual(EntryHeader.toBinary(header, THEIRS));
    }
  });

  test('writes numbers, texts and lengths of every size as the library does', () => {
    const numbers = fc.oneof(
      fc.nat(Number.MAX_SAFE_INTEGER),
      fc.integer({ min: 0, max: 53 }).map((bit) => Math.max(0, 2 ** bit - 1)),
    );
    fc.assert(
      fc.property(
        fc.record({
          number: numbers,
          index: numbers,
          receivedAt: numbers,
          kind: fc.integer({ min: 0, max: 0xffff_ffff }),
          bodyState: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
          body: fc.nat(40_000).map((size) => new Uint8Array(size).fill(7)),
        }),
        (fields) => {
          const entry = Entry.create(fields);
          expect(equalBytes(Entry.toBinary(entry, OURS), Entry.toBinary(entry, THEIRS))).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 300 })), (accounts) => {
        const header = EntryHeader.create({ kind: 1, accounts });
        expect(equalBytes(EntryHeader.toBinary(header, OURS), EntryHeader.toBinary(header, THEIRS))).toBe(true);
      }),
    );
  });

  test('is clean after an encoding that threw', () => {
    const good = Entry.create({ number: 1, pdu: new Uint8Array(100) });
    expect(() => Entry.toBinary({ ...good, kind: -1 }, OURS)).toThrow(/uint32/);
    expect(Entry.toBinary(good, OURS)).toEqual(Entry.toBinary(good, THEIRS));
  });
});
