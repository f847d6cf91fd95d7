import { describe, expect, test } from 'vitest';
import { fromUtf8, utf8 } from '../../base/index.ts';
import type { AttachmentSource } from '../attachments/source.ts';
import { encodeContent } from './mime-message.ts';
import { octetsOf, wholeText } from './whole-text.ts';

/** Given out in pieces of a length that fits no line. */
function sourceOf(content: Uint8Array, size = content.length): AttachmentSource {
  return {
    name: 'photo.jpg',
    type: 'image/jpeg',
    size,
    open: async function* () {
      for (let from = 0; from < content.length; from += 1_001) yield content.subarray(from, from + 1_001);
    },
  };
}

describe('a whole message', () => {
  test.each([1, 2, 3, 56, 57, 58, 114, 57 * 4_096 - 1, 57 * 4_096, 57 * 4_096 + 1, 1_100_000])(
    'has a content of %d bytes as if it had been encoded at once, and says its length before',
    async (bytes) => {
      const content = Uint8Array.from({ length: bytes }, (_, index) => (index * 7) % 251);
      const whole = wholeText(utf8('before\r\n'), [sourceOf(content), utf8('\r\nafter')]);
      const octets = await octetsOf(whole);
      expect(octets.length).toBe(whole.size);
      const encoded = fromUtf8(encodeContent('image/jpeg', 'photo.jpg', content));
      expect(fromUtf8(octets) === `before\r\n${encoded}\r\nafter`).toBe(true);
    },
  );

  test('can be read again, and be within another', async () => {
    const inner = wholeText(utf8('within'));
    const whole = wholeText(utf8('<'), inner, utf8('>'));
    expect(fromUtf8(await octetsOf(whole))).toBe('<within>');
    expect(fromUtf8(await octetsOf(whole))).toBe('<within>');
  });

  test('is refused when a file has changed since it was measured', async () => {
    const whole = wholeText([sourceOf(new Uint8Array(10), 11)]);
    await expect(octetsOf(whole)).rejects.toMatchObject({ code: 'attachment_changed' });
  });
});
