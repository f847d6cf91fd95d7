import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../base/index.ts';
import { decodeBitfieldRle, encodeBitfieldRle } from './bitfield-rle.ts';
import { FeedError } from './feed-error.ts';
import vectors from './vectors.json' with { type: 'json' };

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof FeedError) return error.code;
    throw error;
  }
  return 'accepted';
}

describe('run-length coded bitfields', () => {
  test.each(vectors.rle)('the bits $bits are written as bitfield-rle writes them', ({ bits, encoded, decoded }) => {
    expect(toHex(encodeBitfieldRle(fromHex(bits)))).toBe(encoded);
    expect(toHex(decodeBitfieldRle(fromHex(encoded), 4096))).toBe(decoded);
  });

  test.each([
    ['070280', 'ff800000'],
    ['02cf', 'cf000000'],
    ['02fe', 'fe000000'],
    ['02fc', 'fc000000'],
  ])('%s, which other programs send, reads as %s', (encoded, bits) => {
    expect(toHex(decodeBitfieldRle(fromHex(encoded), 64))).toBe(bits);
  });

  test('any bits come back, but for zeros at the end', () => {
    const byte = fc.oneof(fc.constant(0), fc.constant(255), fc.nat(255));
    const run = fc.tuple(byte, fc.integer({ min: 1, max: 300 })).map(([value, size]) => new Array(size).fill(value));
    fc.assert(
      fc.property(fc.array(fc.oneof(run, fc.array(byte)), { maxLength: 8 }), (parts) => {
        const bits = Uint8Array.from(parts.flat());
        const decoded = decodeBitfieldRle(encodeBitfieldRle(bits), 16_384);
        expect(decoded.length % 4).toBe(0);
        for (let i = 0; i < Math.max(bits.length, decoded.length); i++) expect(decoded[i] ?? 0).toBe(bits[i] ?? 0);
      }),
      { numRuns: 100 },
    );
  });

  test('a run of terabytes is refused before anything is allocated', () => {
    for (const header of ['fdffffffffffff0f', 'ffffffffffff07', '83808080808001'])
      expect(codeOf(() => decodeBitfieldRle(fromHex(header), 131_072))).toBe('too_large');
    expect(codeOf(() => decodeBitfieldRle(fromHex('07'.repeat(101)), 100))).toBe('too_large');
  });

  test('literals that are cut off, and numbers without an end, are refused', () => {
    for (const bytes of ['04ff', '80', 'ffffffffffffffffff01', 'ffffffffffffff7f', '0a01020304'])
      expect(codeOf(() => decodeBitfieldRle(fromHex(bytes), 2 ** 40))).toBe('malformed');
  });

  test('no bytes whatever do worse than being refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(['accepted', 'malformed', 'too_large']).toContain(codeOf(() => decodeBitfieldRle(bytes, 4096)));
      }),
      { numRuns: 2_000 },
    );
  });
});
