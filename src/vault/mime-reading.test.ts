import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../base/index.ts';
import { textOfHtml } from './html-text.ts';
import { MIME_BOUNDARIES_MAX, MIME_PARTS_MAX } from './limits.ts';
import { readAttachments, readMime } from './mime-reading.ts';

describe('reading a message', () => {
  test('shows who, what and the text', async () => {
    const mime = utf8(
      'From: Alice <alice@home.example>\r\nTo: bob@home.example, Team: carol@home.example;\r\nSubject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r\n' +
        'Message-ID: <1@x>\r\nReferences: <a@x>\r\n <b@x>\r\n\r\nHello\r\n\r\nthere\r\n',
    );
    const { text, snippet } = await readMime(mime);
    expect(text).toMatchObject({
      subject: 'Grüße',
      from: 'Alice <alice@home.example>',
      to: ['bob@home.example', 'carol@home.example'],
      messageId: '<1@x>',
      references: ['<a@x>', '<b@x>'],
      truncated: false,
    });
    expect(snippet).toBe('Hello there');
  });

  test('shows the text of HTML without what is not text', async () => {
    const mime = utf8(
      'Content-Type: text/html\r\n\r\n<head><style>p{}</style></head><p>One &amp; two<br>three&#8364;<script>alert(1)</script>',
    );
    const { text } = await readMime(mime);
    expect(text.text).toContain('One & two');
    expect(text.text).toContain('three€');
    expect(text.text).not.toMatch(/alert|p\{/);
  });

  test('reads any bytes as something', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        const { text, snippet } = await readMime(bytes);
        expect(snippet.length).toBeLessThanOrEqual(160);
        expect(text.text.isWellFormed()).toBe(true);
      }),
    );
  });

  test('gives an attachment back byte by byte', async () => {
    const mime = utf8(
      'Content-Type: application/x-thing; name=a.bin\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\nAP8NCg==\r\n',
    );
    const [attachment] = await readAttachments(mime);
    expect(attachment).toMatchObject({ name: 'a.bin', type: 'application/x-thing', size: 4 });
    expect(attachment?.content).toEqual(Uint8Array.of(0, 255, 13, 10));
  });

  test('reads a message of more parts than any program makes as its own bytes, and lines of dashes as text', async () => {
    const multipart = (parts: number) =>
      utf8(
        `Subject: s\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(parts)}--b--\r\n`,
      );
    expect((await readMime(multipart(MIME_PARTS_MAX))).text.subject).toBe('s');
    const { text } = await readMime(multipart(MIME_PARTS_MAX + 1));
    expect(text).toMatchObject({ subject: '', text: expect.stringContaining('boundary="b"') });
    const dashes = utf8(
      `Subject: s\r\nContent-Type: text/plain\r\n\r\n${'--bb\r\n-- \r\n'.repeat(2 * MIME_PARTS_MAX)}`,
    );
    expect((await readMime(dashes)).text.subject).toBe('s');
    const boundaries = Array.from({ length: MIME_BOUNDARIES_MAX + 1 }, (_, i) => `boundary=${i}\r\n`).join('');
    expect((await readMime(utf8(`Subject: s\r\n\r\n${boundaries}`.padEnd(4 * MIME_PARTS_MAX)))).text.subject).toBe('');
  });

  test('takes time in proportion to the length of hostile HTML', () => {
    for (const piece of ['<style', '<', '</', '<style>', '&#', '<a href="'])
      expect(textOfHtml(piece.repeat(200_000)).length).toBeLessThan(2_000_000);
  });
});
