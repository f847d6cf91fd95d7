import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cryptoSuiteContract } from '../crypto-suite.contract.ts';
import { NobleSuite } from '../noble-suite.ts';
import { SodiumSuite } from './sodium-suite.ts';

cryptoSuiteContract('sodium', new SodiumSuite());

describe('the two suites', () => {
  test('agree on every hash, key, signature and verdict', () => {
    const [noble, sodium] = [new NobleSuite(), new SodiumSuite()];
    const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const message = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(seed, message, fc.nat(511), (seedBytes, bytes, bit) => {
        const pair = sodium.keyPair(seedBytes);
        expect(noble.keyPair(seedBytes)).toEqual(pair);
        expect(noble.sha256(bytes)).toEqual(sodium.sha256(bytes));
        expect(noble.blake2b(bytes, seedBytes)).toEqual(sodium.blake2b(bytes, seedBytes));
        expect(noble.blake2bKeyed(seedBytes, bytes)).toEqual(sodium.blake2bKeyed(seedBytes, bytes));
        const signature = sodium.sign(bytes, pair.secretKey);
        expect(noble.sign(bytes, pair.secretKey)).toEqual(signature);
        signature[bit >> 3] = (signature[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(noble.verify(signature, bytes, pair.publicKey)).toBe(sodium.verify(signature, bytes, pair.publicKey));
        expect(noble.verify(signature, bytes, seedBytes)).toBe(sodium.verify(signature, bytes, seedBytes));
      }),
      { numRuns: 60 },
    );
  });
});
