import { describe, expect, test } from 'vitest';
import { fromUtf8, type KeyPair, NobleSuite, toHex } from '../base/index.ts';
import type { Json } from './canonical-json.ts';
import { type HomeContent, homeContentJson, parseHomeChain, parseHomeDocument } from './home-document.ts';
import { parseFeedId, parseHomeName } from './ids.ts';
import { ProtocolError } from './protocol-error.ts';
import { signDocument } from './signed-document.ts';

const suite = new NobleSuite();
const keyOf = (seed: number): KeyPair => suite.keyPair(new Uint8Array(32).fill(seed));
const [home, nextHome, node] = [keyOf(1), keyOf(2), keyOf(3)];

const first: HomeContent = {
  home: parseHomeName('home.example'),
  version: 1,
  previous: null,
  time: 1_700_000_000_000,
  key: home.publicKey,
  keyLog: node.publicKey,
  nodes: [
    {
      name: 'a1',
      key: node.publicKey,
      urls: ['wss://a1.home.example/client'],
      feed: parseFeedId('ab'.repeat(32)),
      retired: [parseFeedId('cd'.repeat(32))],
    },
  ],
  registrar: 'a1',
};

const sign = (content: HomeContent, ...signers: KeyPair[]): Uint8Array =>
  signDocument(suite, homeContentJson(content), signers);
const hashOf = (bytes: Uint8Array): string => toHex(suite.sha256(bytes));
const one = sign(first, home);
const second: HomeContent = { ...first, version: 2, previous: hashOf(one) };

const codeOf = (documents: readonly Uint8Array[]): string => {
  try {
    parseHomeChain(suite, documents);
    return 'accepted';
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return (error as ProtocolError).code;
  }
};

describe('a home document', () => {
  test('comes back from its bytes', () => {
    expect(parseHomeDocument(suite, one)).toMatchObject(first);
  });

  test.each<[string, (document: Record<string, Json>) => void]>([
    [
      'another type',
      (document) => {
        document.type = 'account';
      },
    ],
    [
      'an unknown field',
      (document) => {
        document.extra = 1;
      },
    ],
    [
      'a home that is no name',
      (document) => {
        document.home = 'home example';
      },
    ],
    [
      'a key in another spelling',
      (document) => {
        document.key = `${'A'.repeat(42)}B`;
      },
    ],
    [
      'a key that is not base64',
      (document) => {
        document.key = '!'.repeat(43);
      },
    ],
    [
      'no key log',
      (document) => {
        delete document.key_log;
      },
    ],
    [
      'a node without a feed',
      (document) => {
        delete ((document.nodes as Json[])[0] as Record<string, Json>).feed;
      },
    ],
    [
      'a feed in capitals',
      (document) => {
        ((document.nodes as Json[])[0] as Record<string, Json>).feed = 'AB'.repeat(32);
      },
    ],
    [
      'a node key that is not base64',
      (document) => {
        ((document.nodes as Json[])[0] as Record<string, Json>).key = '!'.repeat(43);
      },
    ],
    [
      'a node without a name',
      (document) => {
        ((document.nodes as Json[])[0] as Record<string, Json>).name = '';
      },
    ],
    [
      'too many nodes',
      (document) => {
        document.nodes = new Array(65).fill((document.nodes as Json[])[0]);
      },
    ],
    [
      'nodes that are no list',
      (document) => {
        document.nodes = {};
      },
    ],
  ])('with %s is refused', (_name, change) => {
    const { signatures: _, ...content } = JSON.parse(fromUtf8(one)) as Record<string, Json>;
    change(content);
    expect(codeOf([signDocument(suite, content, [home])])).toBe('malformed');
  });
});

describe('a home chain', () => {
  test('goes on while each version is signed by the key before it', () => {
    const two = sign(second, home);
    const three = sign({ ...second, version: 3, previous: hashOf(two), key: nextHome.publicKey }, home, nextHome);
    const four = sign({ ...second, version: 4, previous: hashOf(three), key: nextHome.publicKey }, nextHome);
    expect(parseHomeChain(suite, [one, two, three, four]).at(-1)?.key).toEqual(nextHome.publicKey);
  });

  test.each<[string, readonly Uint8Array[]]>([
    ['begins with version 2', [sign(second, home)]],
    ['begins unsigned', [sign(first)]],
    ['begins signed by a node', [sign(first, node)]],
    ['says version 1 twice', [one, one]],
    ['leaves a version out', [one, sign({ ...second, version: 3 }, home)]],
    ['names another document before it', [one, sign({ ...second, previous: '11'.repeat(32) }, home)]],
    ['turns into another home', [one, sign({ ...second, home: parseHomeName('other.example') }, home)]],
    ['is taken over by another key', [one, sign({ ...second, key: nextHome.publicKey }, nextHome)]],
    ['changes its key without the new one', [one, sign({ ...second, key: nextHome.publicKey }, home)]],
    ['is extended by a node', [one, sign(second, node)]],
  ])('that %s is refused', (_name, documents) => {
    expect(codeOf(documents)).toBe('bad_chain');
  });
});
