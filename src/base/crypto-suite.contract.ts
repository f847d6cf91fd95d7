/** What every CryptoSuite promises: the published vectors, and the same verdict on every signature. */
import { describe, expect, test } from 'vitest';
import { concatBytes, fromHex, toHex, utf8 } from './bytes.ts';
import type { CryptoSuite } from './crypto-suite.ts';

/** RFC 8032, section 7.1. */
const RFC_8032 = [
  {
    name: 'TEST 1',
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    name: 'TEST 2',
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    name: 'TEST 3',
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
  {
    name: 'TEST SHA(abc)',
    seed: '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
    publicKey: 'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    message:
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    signature:
      'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  },
];

const ARGON2ID_ONE_LANE = 'cab746b4621993fdc91ec50787980b414a90a692f0bc68dfe19f9c25b3cba9ec';
const ARGON2ID_TWO_LANES = 'c112d2ee6b9d514413f806243187952186e8f19cacab80f20a823d549f111d2c';

/** Points of small order, every spelling: a signature "by" one of them proves nothing. */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0100000000000000000000000000000000000000000000000000000000000080',
];

/** The order of the base point, little-endian: S and S + L verify the same equation. */
const GROUP_ORDER = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');

export function cryptoSuiteContract(name: string, suite: CryptoSuite): void {
  describe(`${name} as a CryptoSuite`, () => {
    test.each(RFC_8032)('signs and verifies as RFC 8032, $name', ({ seed, publicKey, message, signature }) => {
      const pair = suite.keyPair(fromHex(seed));
      expect(toHex(pair.publicKey)).toBe(publicKey);
      expect(toHex(pair.secretKey)).toBe(seed + publicKey);
      expect(toHex(suite.sign(fromHex(message), pair.secretKey))).toBe(signature);
      expect(suite.verify(fromHex(signature), fromHex(message), pair.publicKey)).toBe(true);
    });

    test('hashes as FIPS 180-4 and RFC 7693', () => {
      expect(toHex(suite.sha256())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
      expect(suite.sha256Hex(utf8('abc'))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
      expect(toHex(suite.sha256(utf8('abc')))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
      expect(toHex(suite.blake2b())).toBe('0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8');
      expect(toHex(suite.blake2b(utf8('abc')))).toBe(
        'bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319',
      );
    });

    test('a keyed hash gives the discovery key of the Dat test archive', () => {
      const key = fromHex('cb1e8d65f3c6242db90bfd99accaf47930ea3ff6c852fb50caaa548c9cdcb8b7');
      expect(toHex(suite.blake2bKeyed(key, utf8('hypercore')))).toBe(
        'bffeaefe7cb34458e11ecb1e38b67b5f93eafce2bd7a286db229a87f0384e61c',
      );
    });

    test('parts hash as if joined, however they are cut', () => {
      const whole = Uint8Array.from({ length: 300 }, (_, index) => index & 255);
      const parts = [whole.subarray(0, 0), whole.subarray(0, 1), whole.subarray(1, 200), whole.subarray(200)];
      expect(toHex(suite.sha256(...parts))).toBe(toHex(suite.sha256(whole)));
      expect(toHex(suite.blake2b(...parts))).toBe(toHex(suite.blake2b(whole)));
      expect(toHex(suite.blake2b(new Uint8Array(0)))).toBe(toHex(suite.blake2b()));
    });

    test('hashes piece by piece as at once', () => {
      const whole = Uint8Array.from({ length: 300 }, (_, index) => index & 255);
      const hash = suite.createSha256();
      for (let at = 0; at < whole.length; at += 70) hash.update(whole.subarray(at, at + 70));
      expect(toHex(hash.digest())).toBe(toHex(suite.sha256(whole)));
    });

    // Appendix A of RFC 9106 has a secret and associated data, which no password here has: this is what the reference program
    // prints for `printf password | argon2 somesaltsomesalt -id -t 2 -k 256 -l 32`, with one lane and with two.
    test.each([
      [1, ARGON2ID_ONE_LANE],
      [2, ARGON2ID_TWO_LANES],
    ])('stretches a password as RFC 9106, with lanes: %i', async (lanes, expected) => {
      const cost = { memoryKib: 256, passes: 2, lanes, bytes: 32 };
      const key = await suite.argon2id(utf8('password'), utf8('somesaltsomesalt'), cost);
      expect(toHex(key)).toBe(expected);
      expect(key.slice(1).buffer).not.toBe(key.buffer);
    });

    test('hands out plain byte arrays', () => {
      const pair = suite.keyPair(new Uint8Array(32));
      for (const bytes of [suite.sha256(), suite.blake2b(), pair.publicKey, suite.sign(utf8('a'), pair.secretKey)])
        expect(bytes.slice(1).buffer).not.toBe(bytes.buffer);
    });

    test('one changed bit anywhere is a wrong signature', () => {
      const pair = suite.keyPair(new Uint8Array(32).fill(7));
      const message = utf8('message');
      const signature = suite.sign(message, pair.secretKey);
      const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
        const copy = bytes.slice();
        copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
        return copy;
      };
      for (let bit = 0; bit < 512; bit += 5)
        expect(suite.verify(flipped(signature, bit), message, pair.publicKey)).toBe(false);
      for (let bit = 0; bit < 256; bit += 3)
        expect(suite.verify(signature, message, flipped(pair.publicKey, bit))).toBe(false);
      for (let bit = 0; bit < 56; bit++)
        expect(suite.verify(signature, flipped(message, bit), pair.publicKey)).toBe(false);
    });

    test('a second spelling of a signature (S + L) is refused', () => {
      const pair = suite.keyPair(new Uint8Array(32).fill(7));
      const signature = suite.sign(utf8('message'), pair.secretKey);
      const respelled = signature.slice();
      let carry = 0;
      for (let index = 0; index < 32; index++) {
        const sum = (signature[32 + index] as number) + (GROUP_ORDER[index] as number) + carry;
        respelled[32 + index] = sum & 255;
        carry = sum >> 8;
      }
      expect(carry).toBe(0);
      expect(suite.verify(respelled, utf8('message'), pair.publicKey)).toBe(false);
    });

    test.each(SMALL_ORDER)('a key of small order (%s) signs nothing', (key) => {
      // With such a key, R = the key and S = 0 satisfy the equation for many messages.
      for (const r of SMALL_ORDER)
        for (const text of ['', 'a', 'b', 'c', 'd', 'e', 'f', 'g'])
          expect(suite.verify(concatBytes(fromHex(r), new Uint8Array(32)), utf8(text), fromHex(key))).toBe(false);
    });

    test('inputs of a wrong length are a wrong signature, not a crash', () => {
      const pair = suite.keyPair(new Uint8Array(32).fill(7));
      const message = utf8('message');
      const signature = suite.sign(message, pair.secretKey);
      for (const size of [0, 1, 63, 65, 128])
        expect(suite.verify(new Uint8Array(size), message, pair.publicKey)).toBe(false);
      for (const size of [0, 31, 33, 64]) expect(suite.verify(signature, message, new Uint8Array(size))).toBe(false);
      expect(suite.verify(concatBytes(signature, Uint8Array.of(0)), message, pair.publicKey)).toBe(false);
    });

    test('a seed or secret key of a wrong length is our mistake, and throws', () => {
      for (const size of [0, 31, 33, 64]) expect(() => suite.keyPair(new Uint8Array(size))).toThrow();
      for (const size of [0, 32, 63, 65]) expect(() => suite.sign(utf8('a'), new Uint8Array(size))).toThrow();
    });
  });
}
