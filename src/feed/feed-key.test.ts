import { describe, expect, test } from 'vitest';
import { fromHex, NobleSuite, SeededSecureRandom, toHex, utf8 } from '../base/index.ts';
import { SodiumSuite } from '../base/system/index.ts';
import { FeedError } from './feed-error.ts';
import { createFeedKeys, discoveryKeyOf, formatFeedKey, parseFeedKey } from './feed-key.ts';
import vectors from './vectors.json' with { type: 'json' };

describe.each([
  ['noble', new NobleSuite()],
  ['sodium', new SodiumSuite()],
])('feed keys with %s', (_name, suite) => {
  test.each(vectors.discoveryKeys)('the discovery key of $publicKey is that of Dat', ({ publicKey, discoveryKey }) => {
    expect(toHex(discoveryKeyOf(suite, fromHex(publicKey)))).toBe(discoveryKey);
  });

  test('new keys belong together and sign', () => {
    const keys = createFeedKeys({ suite, random: new SeededSecureRandom(1) });
    expect(keys.discoveryKey).toEqual(discoveryKeyOf(suite, keys.publicKey));
    expect(suite.verify(suite.sign(utf8('x'), keys.secretKey), utf8('x'), keys.publicKey)).toBe(true);
    expect(createFeedKeys({ suite, random: new SeededSecureRandom(2) }).publicKey).not.toEqual(keys.publicKey);
  });
});

describe('spelled feed keys', () => {
  const key = vectors.keys.publicKey;

  test.each([key, key.toUpperCase(), `dat://${key}`, `dat://${key}/`])('%s is read', (text) => {
    expect(formatFeedKey(parseFeedKey(text))).toBe(key);
  });

  test.each(['', key.slice(1), `${key}0`, `http://${key}`, `${key}/x`, key.replace('9', 'g'), ` ${key}`])(
    '"%s" is refused',
    (text) => {
      expect(() => parseFeedKey(text)).toThrow(FeedError);
    },
  );
});
