import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  feedIdOf,
  homeOf,
  isAddress,
  parseAddress,
  parseConversationId,
  parseDeviceId,
  parseFeedId,
  parseHomeName,
  parsePduId,
} from './ids.ts';
import { ProtocolError } from './protocol-error.ts';

const malformed = expect.objectContaining({ code: 'malformed' });

describe('the name of a home', () => {
  test.each(['home.example', 'a', 'localhost:7896', 'xn--bcher-kva.example', '127.0.0.1:80', `${'a'.repeat(250)}.com`])(
    '%s is one',
    (text) => {
      expect(parseHomeName(text)).toBe(text);
    },
  );

  test('is lower case', () => {
    expect(parseHomeName('Home.EXAMPLE')).toBe('home.example');
  });

  test.each([
    '',
    '.',
    'a..b',
    '.a',
    'a.',
    '-a',
    'a-',
    'a_b',
    'a b',
    'bücher.example',
    'a:b',
    'a:',
    ':80',
    'a:123456',
    'a/b',
    'a@b',
    '[::1]',
    'a\n',
    'a.b\0',
    'x'.repeat(256),
    '\u212a.example', // the Kelvin sign, whose lower case is k
  ])('%j is none', (text) => {
    expect(() => parseHomeName(text)).toThrow(malformed);
  });
});

describe('an address', () => {
  test.each(['alice@home.example', 'a.b+c@localhost:7896', "o'hara!#$%&*/=?^_`{|}~-@a", `${'a'.repeat(64)}@b`])(
    '%s is one',
    (text) => {
      const address = parseAddress(text);
      expect(address).toBe(text);
      expect(homeOf(address)).toBe(text.slice(text.lastIndexOf('@') + 1));
    },
  );

  test.each([
    '',
    '@',
    'a@',
    '@b',
    'a',
    'a@b@c',
    'a b@c',
    '.a@b',
    'a.@b',
    'a..b@c',
    `${'a'.repeat(65)}@b`,
    'é@b',
    '"a b"@c',
    'a@b_c',
    'a@b\n',
    'a\0@b',
    'a@-b',
    `a@${'b'.repeat(256)}`,
  ])('%j is none', (text) => {
    expect(() => parseAddress(text)).toThrow(malformed);
  });

  test('once parsed stays as it is, whatever it was made of', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.emailAddress()), (text) => {
        try {
          const address = parseAddress(text);
          expect(parseAddress(address)).toBe(address);
          expect(address).toMatch(/^[\x21-\x7e]+$/);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });

  test('of absurd length is refused at once', () => {
    expect(() => parseAddress(`${'a.'.repeat(500_000)}a@b`)).toThrow(malformed);
    expect(() => parseHomeName(`${'a-'.repeat(500_000)}_`)).toThrow(malformed);
  });
});

describe.each([
  ['a feed id', parseFeedId, 64],
  ['a PDU id', parsePduId, 64],
  ['a conversation id', parseConversationId, 32],
  ['a device id', parseDeviceId, 32],
] as const)('%s', (_name, parse, length) => {
  test('is its number of lower-case hexadecimal digits', () => {
    const digits = '0123456789abcdef'.repeat(4).slice(0, length);
    expect(parse(digits)).toBe(digits);
  });

  test('of another length, case or alphabet is refused', () => {
    const digits = 'a'.repeat(length);
    for (const text of ['', digits.slice(1), `${digits}a`, digits.toUpperCase(), `${digits.slice(1)}g`, `${digits}\n`])
      expect(() => parse(text)).toThrow(malformed);
  });
});

test('a feed is known by its discovery key', () => {
  expect(feedIdOf(new Uint8Array(32).fill(0xab))).toBe('ab'.repeat(32));
  expect(() => feedIdOf(new Uint8Array(31))).toThrow(malformed);
});

test('isAddress says whether parseAddress gives a text back as it is', () => {
  const character = fc.constantFrom(...'ab9.@-:_!ABK\u212a "\\');
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: character, maxLength: 12 }), fc.emailAddress()), (text) => {
      let same: boolean;
      try {
        same = parseAddress(text) === text;
      } catch {
        same = false;
      }
      expect(isAddress(text)).toBe(same);
    }),
    { numRuns: 2000 },
  );
});
