import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { equalBytes, fromHex, fromUtf8, NobleSuite, toBase64, utf8 } from '../base/index.ts';
import { encodeCanonicalJson, type Json, parseCanonicalJson } from './canonical-json.ts';
import { JSON_DEPTH_MAX } from './limits.ts';

const spell = (value: Json): string => fromUtf8(encodeCanonicalJson(value));

describe('canonical JSON', () => {
  /** Matrix specification, appendix "Canonical JSON", examples. */
  test.each([
    ['{}', '{}'],
    ['{"one": 1, "two": "Two"}', '{"one":1,"two":"Two"}'],
    ['{"b": "2", "a": "1"}', '{"a":"1","b":"2"}'],
    ['{"b":"2","a":"1"}', '{"a":"1","b":"2"}'],
    [
      '{"auth":{"success":true,"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[{"medium":"email","address":"john.doe@example.org"},{"medium":"msisdn","address":"123456789"}]}}}',
      '{"auth":{"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[{"address":"john.doe@example.org","medium":"email"},{"address":"123456789","medium":"msisdn"}]},"success":true}}',
    ],
    ['{"a": "日本語"}', '{"a":"日本語"}'],
    ['{"本": 2, "日": 1}', '{"日":1,"本":2}'],
    ['{"a": "\\u65E5"}', '{"a":"日"}'],
    ['{"a": null}', '{"a":null}'],
    ['{"a": -0, "b": 1e10}', '{"a":0,"b":10000000000}'],
  ])('spells %s as Matrix does', (text, canonical) => {
    expect(spell(JSON.parse(text) as Json)).toBe(canonical);
    expect(spell(parseCanonicalJson(utf8(canonical)))).toBe(canonical);
  });

  test('escapes controls, quotes and backslashes, and nothing else', () => {
    expect(spell('\b\t\n\f\r"\\')).toBe('"\\b\\t\\n\\f\\r\\"\\\\"');
    expect(spell('\u0000\u001f')).toBe('"\\u0000\\u001f"');
    expect(spell('\u007f\u2028\u2029/<é😀')).toBe('"\u007f\u2028\u2029/<é😀"');
  });

  test('orders keys by code point, which UTF-16 does not', () => {
    expect(spell({ '😀': 1, '\uffee': 2, a: 3, '': 4 })).toBe('{"":4,"a":3,"\uffee":2,"😀":1}');
  });

  test('leaves out what is undefined', () => {
    expect(spell({ a: undefined, b: 1 })).toBe('{"b":1}');
  });

  test.each([0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53), 1e21])('%d has no spelling', (value) => {
    expect(() => encodeCanonicalJson(value)).toThrow('safe integers');
  });

  test('a lone surrogate has no spelling, as a value or as a key', () => {
    expect(() => encodeCanonicalJson('\ud800')).toThrow('well-formed');
    expect(() => encodeCanonicalJson({ 'a\udc00b': 1 })).toThrow('well-formed');
  });

  test('every value comes back from its spelling', () => {
    const text = fc.string({ unit: 'grapheme' });
    const { value } = fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(null, true, false),
        fc.maxSafeInteger(),
        text,
        fc.array(tie('value'), { maxLength: 5 }),
        fc.dictionary(text, tie('value'), { maxKeys: 5, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(value, (json) => {
        const bytes = encodeCanonicalJson(json);
        expect(equalBytes(encodeCanonicalJson(parseCanonicalJson(bytes)), bytes)).toBe(true);
      }),
    );
  });

  test.each([
    '{"a":1,"a":1}',
    '{"a":1,"a":2}',
    '{"b":1,"a":2}',
    '{"a": 1}',
    ' {}',
    '{}\n',
    '1.0',
    '1e2',
    '-0',
    '9007199254740993',
    '0.5',
    '"\\u0061"',
    '"\\/"',
    '"\\ud83d\\ude00"',
    '"\\ud800"',
    '"\\u001F"',
    '{"__proto__":1,"__proto__":2}',
    'NaN',
    'undefined',
    '',
    '{',
    '\ufeff{}',
  ])('%j is another spelling or none, and is refused', (text) => {
    expect(() => parseCanonicalJson(utf8(text))).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  test('bytes that are not UTF-8 are refused', () => {
    expect(() => parseCanonicalJson(fromHex('22ff22'))).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  test('a key named __proto__ is a key like any other', () => {
    const parsed = parseCanonicalJson(utf8('{"__proto__":{"a":1}}')) as { readonly a?: Json };
    expect(parsed.a).toBeUndefined();
    expect(spell(parsed)).toBe('{"__proto__":{"a":1}}');
  });

  test('nesting beyond the limit is refused, not a stack overflow', () => {
    const nested = (depth: number): Uint8Array => utf8('['.repeat(depth) + ']'.repeat(depth));
    expect(parseCanonicalJson(nested(JSON_DEPTH_MAX))).toBeInstanceOf(Array);
    for (const depth of [JSON_DEPTH_MAX + 1, 60_000])
      expect(() => parseCanonicalJson(nested(depth))).toThrow(expect.objectContaining({ code: 'malformed' }));
    const objects = utf8(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`);
    expect(() => parseCanonicalJson(objects)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });
});

/** Matrix specification, appendix "Cryptographic Test Vectors". */
describe('signed canonical JSON', () => {
  const suite = new NobleSuite();
  // Matrix's seed is not spelled canonically (its last bits are not zero), so our own parser refuses it.
  const seed = Uint8Array.from(atob('YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1'), (digit) => digit.charCodeAt(0));
  const pair = suite.keyPair(seed);
  const sign = (value: Json): string => toBase64(suite.sign(encodeCanonicalJson(value), pair.secretKey));
  const hash = (value: Json): string => toBase64(suite.sha256(encodeCanonicalJson(value)));

  test('the key of the vectors', () => {
    expect(toBase64(pair.publicKey)).toBe('XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI');
  });

  test.each([
    [{}, 'K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ'],
    [{ one: 1, two: 'Two' }, 'KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw'],
  ] as [Json, string][])('signs %j as Matrix does', (value, signature) => {
    expect(sign(value)).toBe(signature);
  });

  test('hashes and signs the minimal event', () => {
    const event = {
      room_id: '!x:domain',
      sender: '@a:domain',
      origin: 'domain',
      origin_server_ts: 1000000,
      type: 'X',
      content: {},
      prev_events: [],
      auth_events: [],
      depth: 3,
    };
    const sha256 = '5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos';
    expect(hash(event)).toBe(sha256);
    expect(sign({ ...event, hashes: { sha256 } })).toBe(
      'KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg',
    );
  });

  test('hashes and signs the message event', () => {
    const event = {
      content: { body: 'Here is the message content' },
      event_id: '$0:domain',
      origin: 'domain',
      origin_server_ts: 1000000,
      type: 'm.room.message',
      room_id: '!r:domain',
      sender: '@u:domain',
    };
    const sha256 = 'onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g';
    expect(hash(event)).toBe(sha256);
    expect(sign({ ...event, content: {}, hashes: { sha256 } })).toBe(
      'Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiVPdhzBA',
    );
  });
});
