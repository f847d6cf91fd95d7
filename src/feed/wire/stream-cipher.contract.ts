/** What every XSalsa20 cipher promises: the keystream of NaCl, whatever pieces the stream comes in. */
import { describe, expect, test } from 'vitest';
import { fromHex, SeededPrng, toHex } from '../../base/index.ts';
import vectors from '../vectors.json' with { type: 'json' };
import type { CreateStreamCipher } from './stream-cipher.ts';

export function streamCipherContract(name: string, create: CreateStreamCipher): void {
  const key = fromHex(vectors.xsalsa20.key);
  const nonce = fromHex(vectors.xsalsa20.nonce);

  describe(`${name} as a StreamCipher`, () => {
    test('makes the keystream that NaCl makes', () => {
      const bytes = new Uint8Array(vectors.xsalsa20.keystream.length / 2);
      create(key, nonce).apply(bytes);
      expect(toHex(bytes)).toBe(vectors.xsalsa20.keystream);
    });

    test('goes on where it stopped, whatever the pieces', () => {
      const whole = new Uint8Array(10_000);
      create(key, nonce).apply(whole);
      const prng = new SeededPrng(7);
      for (const longest of [1, 3, 64, 65, 200, 4_000]) {
        const cipher = create(key, nonce);
        const pieces = new Uint8Array(whole.length);
        for (let at = 0; at < pieces.length; ) {
          const end = Math.min(pieces.length, at + prng.below(longest + 1));
          cipher.apply(pieces.subarray(at, end));
          at = end;
        }
        expect(toHex(pieces)).toBe(toHex(whole));
      }
    });

    test('touches nothing beside the bytes it was given', () => {
      const bytes = new Uint8Array(200);
      create(key, nonce).apply(bytes.subarray(70, 130));
      expect(bytes.subarray(0, 70).every((byte) => byte === 0)).toBe(true);
      expect(bytes.subarray(130).every((byte) => byte === 0)).toBe(true);
      expect(bytes.subarray(70, 130).some((byte) => byte !== 0)).toBe(true);
    });
  });
}
