import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, NobleSuite, toBase64 } from '../../base/index.ts';
import { DirectoryError } from './directory-error.ts';
import { formatMultiaddr, parseMultiaddr, parseNodeAddress, parseNodeKey } from './node-address.ts';
import { formatPeerId, parsePeerId } from './peer-id.ts';

// The peer ids that libp2p derives from the Ed25519 seeds 00…00 and 00…01.
const ZERO_KEY = fromHex('3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29');
const ZERO_PEER = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN';
const ONE_KEY = new NobleSuite().keyPair(fromHex(`${'00'.repeat(31)}01`)).publicKey;
const ONE_PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof DirectoryError) return error.code;
    throw error;
  }
  return 'none';
}

describe('peer ids', () => {
  test.each([
    [ZERO_KEY, ZERO_PEER],
    [ONE_KEY, ONE_PEER],
  ])('the key %# is spelled as libp2p spells it, and read back', (key, peerId) => {
    expect(formatPeerId(key)).toBe(peerId);
    expect(parsePeerId(peerId)).toEqual(key);
  });

  test('a key that is hashed or not Ed25519 is refused', () => {
    expect(codeOf(() => parsePeerId('16Uiu2HAkvEZgh3KLwhLwXg95e5ojM8XykJ4Kxi2T7hk22rnA7pJC'))).toBe('bad_key');
    expect(codeOf(() => parsePeerId('QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'))).toBe('bad_key');
    expect(codeOf(() => parsePeerId(`1${ZERO_PEER}`))).toBe('bad_key');
    expect(codeOf(() => parsePeerId('0OIl'))).toBe('bad_key');
  });

  test('every key survives the round trip', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
        expect(parsePeerId(formatPeerId(key))).toEqual(Uint8Array.from(key));
      }),
      { numRuns: 100 },
    );
  });
});

describe('addresses of nodes', () => {
  test.each([
    ['wss://Node.Example:443/', 'wss://node.example'],
    ['ws://127.0.0.1:7896', 'ws://127.0.0.1:7896'],
    ['wss://node.example/mail/', 'wss://node.example/mail'],
    ['ws://[0:0::1]:80/?a=1', 'ws://[::1]?a=1'],
    ['/dns4/node.example/tcp/443/wss', 'wss://node.example'],
    ['/dns6/node.example/tcp/8443/tls/ws', 'wss://node.example:8443'],
    ['/dns/node.example/tcp/80/ws', 'ws://node.example'],
    ['/ip4/192.0.2.7/tcp/7896/ws', 'ws://192.0.2.7:7896'],
    ['/ip6/2001:db8::7/tcp/443/wss', 'wss://[2001:db8::7]'],
  ])('%s means %s', (text, url) => {
    expect(parseNodeAddress(text)).toEqual({ url, key: undefined });
  });

  test('a multiaddr that names a peer carries its key', () => {
    const address = parseNodeAddress(`/dns4/node.example/tcp/443/wss/p2p/${ZERO_PEER}`);
    expect(address).toEqual({ url: 'wss://node.example', key: ZERO_KEY });
    expect(formatMultiaddr(address)).toBe(`/dns/node.example/tcp/443/wss/p2p/${ZERO_PEER}`);
  });

  test.each([
    '',
    'node.example',
    'https://node.example',
    'enode://6e65@47.75.99.169:443',
    'wss://user@node.example',
    'wss://node.example/#x',
    'wss://',
    '/',
    '/dns4/node.example/tcp/443',
    '/dns4/node.example/udp/443/wss',
    '/dns4/node.example/tcp/0/wss',
    '/dns4/node.example/tcp/65536/wss',
    '/dns4/node.example/tcp/443/wss/',
    '/dns4/node.example/tcp/443/wss/p2p',
    '/dns4/node.example/tcp/443/wss/p2p/',
    '/dns4/node.example/tcp/443/wss/p2p-circuit/x',
    '/dns4/no de/tcp/443/wss',
    '/dns4/a@b/tcp/443/wss',
    '/dns4/192.0.2.7/tcp/443/wss',
    '/ip4/1.2.3.256/tcp/443/wss',
    '/ip4/1.2.3/tcp/443/wss',
    '/ip6/12/tcp/443/wss',
    '/ip6/:::::/tcp/443/wss',
    '/dnsaddr/node.example/tcp/443/wss',
    `wss://${'a'.repeat(600)}.example`,
  ])('%j is refused', (text) => {
    expect(codeOf(() => parseNodeAddress(text))).toBe('bad_address');
  });

  test('a path has no multiaddr', () => {
    expect(codeOf(() => formatMultiaddr({ url: 'wss://node.example/mail', key: undefined }))).toBe('bad_address');
  });

  test('what is formatted is read back as the same', () => {
    const host = fc.oneof(
      fc.domain(),
      fc.ipV4(),
      fc.ipV6().map((ip) => `[${ip}]`),
    );
    const address = fc.record({
      url: fc
        .tuple(fc.constantFrom('ws', 'wss'), host, fc.integer({ min: 1, max: 65535 }))
        .map(([scheme, name, port]) => parseNodeAddress(`${scheme}://${name}:${port}`).url),
      key: fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(address, ({ url, key }) => {
        const given = { url, key: key === undefined ? undefined : Uint8Array.from(key) };
        expect(parseMultiaddr(formatMultiaddr(given))).toEqual(given);
      }),
    );
  });

  test('hostile text gets a typed refusal', () => {
    const part = fc.constantFrom(
      'dns4',
      'ip4',
      'ip6',
      'tcp',
      'tls',
      'ws',
      'wss',
      'p2p',
      '443',
      '::1',
      '127.0.0.1',
      '',
      '..',
      '%2f',
      '\u0000',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part, { maxLength: 10 }).map((parts) => `/${parts.join('/')}`),
        ),
        (text) => {
          try {
            expect(parseNodeAddress(parseNodeAddress(text).url).url).toMatch(/^wss?:\/\/[^/]/);
          } catch (error) {
            expect(error).toBeInstanceOf(DirectoryError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('a key is 32 bytes in canonical base64', () => {
    expect(parseNodeKey(toBase64(ZERO_KEY))).toEqual(ZERO_KEY);
    for (const text of ['', 'AAAA', `${toBase64(ZERO_KEY)}=`, '*'.repeat(43)])
      expect(codeOf(() => parseNodeKey(text))).toBe('bad_key');
  });
});
