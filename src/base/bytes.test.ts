import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compareBytes,
  concatBytes,
  equalBytes,
  fromBase64,
  fromHex,
  fromUtf8,
  readUint64,
  smallBytes,
  toBase64,
  toHex,
  uint64Bytes,
  utf8,
} from './bytes.ts';

const bytes = fc.uint8Array({ maxLength: 100 });

describe('byte strings', () => {
  test('text comes back from its UTF-8, a byte order mark included', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => fromUtf8(utf8(text)) === text.toWellFormed()));
    expect(fromUtf8(utf8('\ufeffa'))).toBe('\ufeffa');
  });

  test.each(['ff', 'c080', 'eda080', 'f4908080', 'e282'])('%s is not UTF-8 and is refused', (hex) => {
    expect(() => fromUtf8(fromHex(hex))).toThrow(TypeError);
  });

  test('joining copies: changing a part changes nothing', () => {
    const part = Uint8Array.of(1, 2);
    const joined = concatBytes(part, new Uint8Array(0), Uint8Array.of(3));
    part[0] = 9;
    expect(joined).toEqual(Uint8Array.of(1, 2, 3));
    expect(concatBytes()).toEqual(new Uint8Array(0));
  });

  test('bytes order as unsigned numbers, a prefix first', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
      }),
    );
    expect(compareBytes(Uint8Array.of(0x7f), Uint8Array.of(0x80))).toBeLessThan(0);
    expect(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBeLessThan(0);
  });
});

describe('small arrays', () => {
  test('are zeroed, and nobody writes into another, whatever their sizes', () => {
    const arrays = Array.from({ length: 2_000 }, (_, i) => smallBytes((i * 37) % 1_200));
    for (const array of arrays) expect(array.every((byte) => byte === 0)).toBe(true);
    for (const [i, array] of arrays.entries()) array.fill(i % 251);
    for (const [i, array] of arrays.entries()) expect(array.every((byte) => byte === i % 251)).toBe(true);
  });
});

describe('hexadecimal', () => {
  test('comes back, in lower case', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(toHex(value)).toBe(Buffer.from(value).toString('hex'));
        expect(fromHex(toHex(value))).toEqual(value);
      }),
    );
  });

  test.each(['0', 'AB', '0g', ' 0', '0x', '00\n', 'é0'])('%j is refused', (text) => {
    expect(() => fromHex(text)).toThrow(TypeError);
  });
});

describe('base64', () => {
  test('is unpadded and comes back', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(toBase64(value)).toBe(Buffer.from(value).toString('base64').replace(/=+$/, ''));
        expect(fromBase64(toBase64(value))).toEqual(value);
      }),
    );
  });

  test('of more than an argument list holds comes back', () => {
    const value = Uint8Array.from({ length: 300_001 }, (_, index) => index % 251);
    expect(equalBytes(fromBase64(toBase64(value)), value)).toBe(true);
  });

  test.each(['YQ==', 'YR', 'Y', 'YQ=', ' YQ', 'Y Q', 'YQ\n', 'Y-', '_w', 'YWE='])(
    '%j is another spelling or none, and is refused',
    (text) => {
      expect(() => fromBase64(text)).toThrow(TypeError);
    },
  );
});

describe('integers in keys', () => {
  const integer = fc.maxSafeNat();

  test('come back and keep their order', () => {
    fc.assert(
      fc.property(integer, integer, (a, b) => {
        expect(readUint64(uint64Bytes(a))).toBe(a);
        expect(Math.sign(compareBytes(uint64Bytes(a), uint64Bytes(b)))).toBe(Math.sign(a - b));
      }),
    );
    expect(readUint64(concatBytes(Uint8Array.of(7), uint64Bytes(2 ** 53 - 1)), 1)).toBe(2 ** 53 - 1);
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])('%d has no 8 bytes', (value) => {
    expect(() => uint64Bytes(value)).toThrow(RangeError);
  });

  test('bytes beyond 2^53-1, or too few, are refused', () => {
    expect(() => readUint64(fromHex('0020000000000000'))).toThrow(RangeError);
    expect(() => readUint64(fromHex('ffffffffffffffff'))).toThrow(RangeError);
    expect(() => readUint64(new Uint8Array(7))).toThrow(RangeError);
    expect(() => readUint64(new Uint8Array(8), 1)).toThrow(RangeError);
  });
});
