import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toBase64, utf8 } from '../../base/index.ts';
import { type HomeNode, parseFeedId } from '../../protocol/index.ts';
import { findNode, mergeDirectory, pinNode, unpinNode } from './directory.ts';
import { DirectoryError } from './directory-error.ts';
import { BUNDLED_FLEETS, parseFleets } from './fleets.ts';
import {
  addOwnNode,
  changeFleet,
  DEFAULT_SETTINGS,
  type DirectorySettings,
  decodeSettings,
  encodeSettings,
  removeOwnNode,
} from './settings.ts';

const K1 = new Uint8Array(32).fill(1);
const K2 = new Uint8Array(32).fill(2);

function homeNode(name: string, urls: readonly string[], key: Uint8Array): HomeNode {
  return { name, urls, key, feed: parseFeedId('00'.repeat(32)), retired: [] };
}

function own(...nodes: readonly (readonly [name: string, address: string, key?: Uint8Array])[]): DirectorySettings {
  return nodes.reduce(
    (settings, [name, address, key]) => addOwnNode(settings, { name, address, key: key && toBase64(key) }),
    DEFAULT_SETTINGS,
  );
}

const FLEETS = parseFleets(
  JSON.stringify({
    fleets: {
      one: { mail: { a: 'wss://fleet-a.example', b: 'wss://fleet-b.example', c: 'wss://c.example' } },
      two: { store: { z: 'wss://z.example' } },
    },
  }),
);

describe('the merged list', () => {
  test('on the same name the own node beats the home, and the home beats the fleet', () => {
    const directory = mergeDirectory({
      fleets: FLEETS,
      home: [homeNode('a', ['wss://home-a.example'], K1), homeNode('b', ['wss://home-b.example'], K2)],
      settings: own(['a', 'ws://localhost:1']),
    });
    expect(directory.nodes).toEqual([
      { name: 'a', urls: ['ws://localhost:1'], key: undefined, source: 'own' },
      { name: 'b', urls: ['wss://home-b.example'], key: K2, source: 'home' },
      { name: 'c', urls: ['wss://c.example'], key: undefined, source: 'fleet' },
    ]);
  });

  test('a URL stands once, and who stands first learns the key', () => {
    const directory = mergeDirectory({
      fleets: FLEETS,
      home: [homeNode('n1', ['wss://C.example:443/', 'wss://alt.example'], K1)],
      settings: own(['mine', '/dns4/c.example/tcp/443/wss']),
    });
    expect(directory.nodes.map((node) => [node.name, node.urls, node.key])).toEqual([
      ['mine', ['wss://c.example'], K1],
      ['a', ['wss://fleet-a.example'], undefined],
      ['b', ['wss://fleet-b.example'], undefined],
    ]);
  });

  test('the key a person gave is kept against what others say', () => {
    const settings = own(['mine', 'wss://c.example', K2]);
    const directory = mergeDirectory({
      fleets: BUNDLED_FLEETS,
      home: [homeNode('c', ['wss://c.example'], K1)],
      settings,
    });
    expect(directory.nodes).toEqual([{ name: 'mine', urls: ['wss://c.example'], key: K2, source: 'own' }]);
  });

  test('what a home document lists and cannot be used is named', () => {
    const home = [
      homeNode('ok', ['https://x', 'wss://ok.example'], K1),
      homeNode('bad\u001b[2J', ['wss://bad.example'], K2),
    ];
    const directory = mergeDirectory({ fleets: BUNDLED_FLEETS, home, settings: DEFAULT_SETTINGS });
    expect(directory.nodes.map((node) => node.urls)).toEqual([['wss://ok.example']]);
    expect(directory.refused.map((node) => node.code)).toEqual(['bad_address', 'bad_name']);
  });

  test('the current fleet can be changed, and one that is gone gives way to the first', () => {
    const settings = changeFleet(DEFAULT_SETTINGS, FLEETS, 'two');
    const names = (fleets: typeof FLEETS): readonly string[] =>
      mergeDirectory({ fleets, home: [], settings }).nodes.map((node) => node.name);
    expect(names(FLEETS)).toEqual(['z']);
    expect(names(BUNDLED_FLEETS)).toEqual([]);
    expect(mergeDirectory({ fleets: BUNDLED_FLEETS, home: [], settings }).fleet).toBe('home');
    expect(() => changeFleet(settings, FLEETS, 'three')).toThrowError(
      expect.objectContaining({ code: 'unknown_fleet' }),
    );
  });

  test('a node outside the list is refused', () => {
    const directory = mergeDirectory({ fleets: FLEETS, home: [], settings: DEFAULT_SETTINGS });
    expect(findNode(directory, 'c').urls).toEqual(['wss://c.example']);
    expect(pinNode(DEFAULT_SETTINGS, directory, 'c').pinned).toBe('c');
    expect(unpinNode(pinNode(DEFAULT_SETTINGS, directory, 'c')).pinned).toBeUndefined();
    for (const act of [() => findNode(directory, 'z'), () => pinNode(DEFAULT_SETTINGS, directory, 'z')])
      expect(act).toThrowError(expect.objectContaining({ code: 'unknown_node' }));
  });
});

describe("the person's settings", () => {
  test('an own node is added once, removed with its pin, and refused when its address carries another key', () => {
    const settings = { ...own(['mine', 'wss://a.example']), pinned: 'mine' };
    expect(() => addOwnNode(settings, { name: 'mine', address: 'wss://b.example', key: undefined })).toThrowError(
      expect.objectContaining({ code: 'name_taken' }),
    );
    expect(() => removeOwnNode(settings, 'a')).toThrowError(expect.objectContaining({ code: 'unknown_node' }));
    expect(removeOwnNode(settings, 'mine')).toEqual(DEFAULT_SETTINGS);
    const address = '/ip4/192.0.2.1/tcp/80/ws/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN';
    expect(() => addOwnNode(settings, { name: 'x', address, key: toBase64(K1) })).toThrowError(
      expect.objectContaining({ code: 'bad_key' }),
    );
  });

  test('at most 64 nodes are kept', () => {
    let settings: DirectorySettings = DEFAULT_SETTINGS;
    for (let i = 0; i < 64; i++)
      settings = addOwnNode(settings, { name: `n${i}`, address: `ws://n${i}`, key: undefined });
    expect(() => addOwnNode(settings, { name: 'one more', address: 'ws://x', key: undefined })).toThrowError(
      expect.objectContaining({ code: 'too_large' }),
    );
    expect(decodeSettings(encodeSettings(settings))).toEqual(settings);
  });

  test('the persisted form is read back', () => {
    const settings = {
      ...own(['m', 'wss://a.example/x', K1], ['ü', 'ws://[::1]:9']),
      fleet: 'two',
      pinned: 'elsewhere',
    };
    expect(decodeSettings(encodeSettings(settings))).toEqual(settings);
    expect(decodeSettings(encodeSettings(DEFAULT_SETTINGS))).toEqual(DEFAULT_SETTINGS);
  });

  test.each([
    '',
    'null',
    '{"v":2,"own":[]}',
    '{"v":1}',
    '{"v":1,"own":[{"name":"a","url":"http://a"}]}',
    '{"v":1,"own":[{"name":"a","url":"ws://a","key":"x"}]}',
    '{"v":1,"own":[{"name":"a","url":"ws://a"},{"name":"a","url":"ws://b"}]}',
    '{"v":1,"own":[],"pinned":"\\u0000"}',
    '{"v":1,"own":[],"more":1}',
  ])('%s is refused as malformed', (text) => {
    expect(() => decodeSettings(utf8(text))).toThrowError(expect.objectContaining({ code: 'malformed' }));
  });

  test('hostile bytes get a typed refusal', () => {
    expect(() => decodeSettings(new Uint8Array(64 * 1024 + 1))).toThrowError(
      expect.objectContaining({ code: 'too_large' }),
    );
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(utf8)), (bytes) => {
        expect(() => decodeSettings(bytes)).toThrowError(DirectoryError);
      }),
      { numRuns: 300 },
    );
  });
});
