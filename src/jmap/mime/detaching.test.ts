import { describe, expect, test } from 'vitest';
import { type DetachedPart, detachLargest } from './detaching.ts';

const CONTENT = Buffer.alloc(60_000, 'content ');

function mail(parts: readonly string[], type = 'multipart/mixed'): Buffer {
  const body = parts.map((part) => `--b\r\n${part}\r\n`).join('');
  return Buffer.from(`Subject: x\r\nContent-Type: ${type}; boundary=b\r\n\r\n${body}--b--\r\n`);
}

const TEXT = 'Content-Type: text/plain\r\n\r\nsee there';
const FILM = [
  'Content-Type: video/x;\r\n name="f.mkv"\r\nContent-Disposition: attachment; filename="f.mkv"',
  `Content-ID: <1@x>\r\nContent-Transfer-Encoding: base64\r\n\r\n${CONTENT.toString('base64')}`,
].join('\r\n');

/** The octets that stay, with a mark in the place of each detached part, and these parts with what they hold. */
async function apart(raw: Uint8Array, octetsMax = 20_000) {
  const pieces = detachLargest(raw, octetsMax);
  if (pieces === undefined) return undefined;
  let rest = '';
  const parts: (Omit<DetachedPart, 'open'> & { readonly content: string })[] = [];
  for (const piece of pieces) {
    rest += piece instanceof Uint8Array ? Buffer.from(piece).toString('latin1') : '<part>';
    if (piece instanceof Uint8Array) continue;
    const { open, ...said } = piece;
    const content: Uint8Array[] = [];
    for await (const octets of open()) content.push(octets);
    parts.push({ ...said, content: Buffer.concat(content).toString() });
  }
  return { rest, parts };
}

describe('a message that is larger than it may be', () => {
  test('is what it was around its largest part, whose other fields stay', async () => {
    const found = await apart(mail([TEXT, FILM]));
    expect(found?.parts).toEqual([
      { name: 'f.mkv', type: 'video/x', size: CONTENT.length, content: CONTENT.toString() },
    ]);
    expect(found?.rest).toBe(
      mail([TEXT, 'Content-Disposition: attachment; filename="f.mkv"\r\nContent-ID: <1@x>\r\n<part>']).toString(),
    );
  });

  test('keeps what fits, its text, and whole what is signed in itself', async () => {
    expect(await apart(mail([TEXT, FILM]), 200_000)).toBeUndefined();
    const small = `Content-Type: a/b\r\n\r\n${'x'.repeat(9_000)}`;
    expect((await apart(mail([small, FILM, TEXT])))?.parts).toHaveLength(1);
    const long = `Content-Type: text/plain\r\n\r\n${'word '.repeat(9_000)}`;
    for (const raw of [mail([long]), mail([TEXT, FILM], 'multipart/signed')])
      expect(await apart(raw)).toEqual({ rest: raw.toString(), parts: [] });
  });

  test('may be nothing but an attachment, with any encoding and line ends', async () => {
    const raw = Buffer.from(`Subject: x\nContent-Type: a/b\n\n${CONTENT}`);
    expect(await apart(raw)).toEqual({
      rest: 'Subject: x\n<part>',
      parts: [{ name: '', type: 'a/b', size: CONTENT.length, content: CONTENT.toString() }],
    });
  });
});
