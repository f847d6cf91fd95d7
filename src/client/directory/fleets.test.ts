import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toBase64 } from '../../base/index.ts';
import { DirectoryError } from './directory-error.ts';
import { BUNDLED_FLEETS, parseFleets } from './fleets.ts';

const KEY = new Uint8Array(32).fill(7);

function parse(file: unknown): ReturnType<typeof parseFleets> {
  return parseFleets(JSON.stringify(file));
}

describe('fleets.json', () => {
  test('the bundled file has one fleet without nodes, so the home document decides', () => {
    expect([...BUNDLED_FLEETS.fleets]).toEqual([['home', []]]);
    expect(BUNDLED_FLEETS.refused).toEqual([]);
  });

  test('mail and store nodes are taken, other roles passed over', () => {
    const { fleets, refused } = parse({
      meta: { hostname: 'x' },
      fleets: {
        'status.prod': {
          boot: { 'boot-01': 'enode://6e65@47.75.99.169:443' },
          mail: {
            'mail-01': '/dns4/mail-01.example/tcp/443/wss',
            'mail-02': { url: 'ws://192.0.2.1:80', key: toBase64(KEY) },
          },
          store: { 'store-01': 'wss://store-01.example', 'mail-01': 'wss://second.example' },
          whisper: { x: 'y' },
        },
      },
    });
    expect(refused).toEqual([]);
    expect(fleets.get('status.prod')).toEqual([
      { name: 'mail-01', url: 'wss://mail-01.example', key: undefined },
      { name: 'mail-02', url: 'ws://192.0.2.1', key: KEY },
      { name: 'store-01', url: 'wss://store-01.example', key: undefined },
    ]);
  });

  test('a node of the historic file that cannot be used is named and stops nothing', () => {
    const { fleets, refused } = parse({
      fleets: {
        old: {
          mail: {
            a: 'enode://606ae04a@47.75.247.214:443',
            b: '/ip4/8.210.222.231/tcp/30303/p2p/16Uiu2HAm4v86W3bmT1BiH6oSPzcsSr24iDQpSN5Qa992BCjjwgrD',
            c: '/dns4/c.example/tcp/443/wss/p2p/16Uiu2HAm4v86W3bmT1BiH6oSPzcsSr24iDQpSN5Qa992BCjjwgrD',
            d: 4,
            'e\u0007': 'wss://e.example',
            f: 'wss://f.example',
          },
        },
      },
    });
    expect(fleets.get('old')?.map((node) => node.name)).toEqual(['f']);
    expect(refused.map((node) => `${node.name} ${node.code}`)).toEqual([
      'a bad_address',
      'b bad_address',
      'c bad_key',
      'd malformed',
      'e\u0007 bad_name',
    ]);
  });

  test('names of objects are only names', () => {
    const { fleets } = parseFleets(
      '{"fleets":{"constructor":{"mail":{"__proto__":"wss://a.example","toString":"wss://b.example"}}}}',
    );
    expect([...fleets.keys()]).toEqual(['constructor']);
    expect(fleets.get('constructor')?.map((node) => node.name)).toContain('toString');
    expect(parseFleets('{"fleets":{"x":{}}}').fleets.get('x')).toEqual([]);
  });

  test.each([
    ['', 'malformed'],
    ['[]', 'malformed'],
    ['{}', 'malformed'],
    ['{"fleets":{}}', 'malformed'],
    ['{"fleets":{"a":[]}}', 'malformed'],
    ['{"fleets":{"a":{"mail":["wss://a.example"]}}}', 'malformed'],
    ['{"fleets":{" ":{}}}', 'bad_name'],
    [
      `{"fleets":${JSON.stringify(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`f${i}`, {}])))}}`,
      'too_large',
    ],
    [
      JSON.stringify({
        fleets: { a: { mail: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`n${i}`, `ws://n${i}`])) } },
      }),
      'too_large',
    ],
    [' '.repeat(256 * 1024 + 1), 'too_large'],
  ])('%.40j is refused as %s', (text, code) => {
    expect(() => parseFleets(text)).toThrowError(expect.objectContaining({ code }));
  });

  test('hostile files get a typed refusal', () => {
    const file = fc.record({
      fleets: fc.dictionary(fc.string(), fc.dictionary(fc.constantFrom('mail', 'store', 'x'), fc.jsonValue())),
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          file.map((value) => JSON.stringify(value)),
        ),
        (text) => {
          try {
            parseFleets(text);
          } catch (error) {
            expect(error).toBeInstanceOf(DirectoryError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
