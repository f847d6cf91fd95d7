import fc from 'fast-check';
import { PacketList } from 'openpgp';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../base/index.ts';
import { PACKETS_MAX, PARTIAL_CHUNKS_MAX } from './limits.ts';
import { judgePacketCount } from './packet-count.ts';

/** Heads of a packet with a body of `size` bytes, in each spelling of its length; tag 63 or 10, which are ignored. */
const SPELLINGS: readonly ((size: number) => number[])[] = [
  (size) => [0xff, size],
  (size) => [0xff, 255, 0, 0, 0, size],
  (size) => [0xa8, size],
  (size) => [0xa9, 0, size],
  (size) => [0xaa, 0, 0, 0, size],
];

const packet = fc
  .tuple(fc.constantFrom(...SPELLINGS), fc.uint8Array({ maxLength: 150 }))
  .map(([head, body]) => concatBytes(Uint8Array.from(head(body.length)), body));

const repeat = (bytes: Uint8Array, count: number): Uint8Array =>
  concatBytes(...new Array<Uint8Array>(count).fill(bytes));

describe('counting packets', () => {
  test('as many as are allowed are few, one more is too many, in every spelling of a length', () => {
    fc.assert(
      fc.property(packet, (one) => {
        expect(judgePacketCount(repeat(one, PACKETS_MAX))).toBe('few');
        expect(judgePacketCount(repeat(one, PACKETS_MAX + 1))).toBe('too_many');
      }),
      { numRuns: 30 },
    );
  });

  test('two-byte lengths are read as the standard says', () => {
    const head = Uint8Array.of(0xff, 192 + 1, 2);
    const one = concatBytes(head, new Uint8Array(192 + 256 + 2).fill(0xff));
    expect(judgePacketCount(repeat(one, PACKETS_MAX))).toBe('few');
    expect(judgePacketCount(repeat(one, PACKETS_MAX + 1))).toBe('too_many');
  });

  test('chunks of one packet are counted apart', () => {
    const chunks = (count: number) =>
      concatBytes(Uint8Array.of(0xcb), repeat(Uint8Array.of(224, 0), count), Uint8Array.of(0));
    expect(judgePacketCount(chunks(PARTIAL_CHUNKS_MAX))).toBe('few');
    expect(judgePacketCount(chunks(PARTIAL_CHUNKS_MAX + 1))).toBe('too_many');
  });

  test('a packet of no length goes to the end', () => {
    expect(judgePacketCount(concatBytes(Uint8Array.of(0xab), new Uint8Array(10_000).fill(0xff)))).toBe('few');
  });

  test('ends with any bytes', () => {
    const ends = fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => {
      expect(['few', 'too_many']).toContain(judgePacketCount(bytes));
    });
    fc.assert(ends);
  });

  test('openpgp.js makes nothing of too many', async () => {
    const bytes = repeat(Uint8Array.of(0xff, 0), PACKETS_MAX + 1);
    await import('./openpgp-settings.ts');
    await expect(PacketList.fromBinary(bytes, new Map())).rejects.toThrow(/packets/);
  });
});
