import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, fromUtf8, SeededSecureRandom, utf8 } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import { AT_REST_OVERHEAD_BYTES, openAtRest, sealAtRest } from './at-rest.ts';

const random = new SystemRandom();
const place = utf8('mail\n1');

describe('a record at rest', () => {
  test('comes back byte for byte, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), fc.uint8Array({ maxLength: 100 }), (bytes, context) => {
        const key = random.bytes(32);
        const sealed = sealAtRest(random, key, context, bytes);
        expect(sealed.length).toBe(bytes.length + AT_REST_OVERHEAD_BYTES);
        expect(openAtRest(key, context, sealed)).toEqual(bytes);
      }),
    );
  });

  test('of version 1 is opened for ever', () => {
    const key = Uint8Array.from({ length: 32 }, (_, index) => index);
    const sealed = fromHex(
      '01a00087fbf7479cb86dfe747d23673f277d1165c449300a6dc8e13aa59b251fc1' +
        '0681c3c57959a824630f5b85668add5adcc99bf275',
    );
    expect(fromUtf8(openAtRest(key, place, sealed))).toBe('Zeit ist Zeit');
  });

  test('the same bytes twice are two different records', () => {
    const key = random.bytes(32);
    const [a, b] = [sealAtRest(random, key, place, place), sealAtRest(random, key, place, place)];
    expect(a).not.toEqual(b);
  });

  test('does not open after any bit is changed', () => {
    const key = random.bytes(32);
    const sealed = sealAtRest(new SeededSecureRandom(7), key, place, utf8('subject: tomorrow'));
    for (let bit = 8; bit < 8 * sealed.length; bit++) {
      const changed = sealed.with(bit >> 3, (sealed[bit >> 3] ?? 0) ^ (1 << (bit & 7)));
      expect(() => openAtRest(key, place, changed)).toThrow(expect.objectContaining({ code: 'tampered' }));
    }
  });

  test('does not open in another place, nor with another key', () => {
    const key = random.bytes(32);
    const sealed = sealAtRest(random, key, place, utf8('subject: tomorrow'));
    expect(() => openAtRest(key, utf8('mail\n2'), sealed)).toThrow(expect.objectContaining({ code: 'tampered' }));
    expect(() => openAtRest(random.bytes(32), place, sealed)).toThrow(expect.objectContaining({ code: 'tampered' }));
  });

  test.each([
    ['nothing', new Uint8Array()],
    ['less than a nonce and a tag', Uint8Array.of(1, ...new Uint8Array(AT_REST_OVERHEAD_BYTES - 2))],
    ['another version', Uint8Array.of(2, ...new Uint8Array(AT_REST_OVERHEAD_BYTES))],
  ])('%s is malformed', (_, bytes) => {
    expect(() => openAtRest(random.bytes(32), place, bytes)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });
});
