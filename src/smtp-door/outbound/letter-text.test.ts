import { describe, expect, test } from 'vitest';
import { fromUtf8, utf8 } from '../../base/index.ts';
import { parseAddress } from '../../protocol/index.ts';
import { crlfLines, judgeFirstPiece, judgeText } from './letter-text.ts';
import { HEADER_BYTES_MAX } from './limits.ts';

const OPTIONS = {
  author: parseAddress('alice@home.example'),
  now: Date.UTC(2026, 2, 1, 12),
  messageId: '<made@home.example>',
};
const WHOLE = 'From: Alice <alice@home.example>\r\nDate: x\r\nMessage-ID: <a@b>\r\n';

function sent(text: string): string {
  const judged = judgeText(utf8(text), OPTIONS);
  return judged.status === 'fine' ? fromUtf8(judged.text) : judged.why;
}

describe('the text of a letter', () => {
  test('stays as it is, where it is right', () => {
    const text = `${WHOLE}Subject: folded\r\n over lines\r\n\r\n.dot\r\nÄ\r\n`;
    expect(sent(text)).toBe(text);
  });

  test('loses whom it was a blind copy for, folded or not', () => {
    const text = `${WHOLE}Bcc: dave@x.example,\r\n eve@x.example\r\nbCC : f@x.example\r\nReturn-Path: <a@b>\r\nTo: c@x.example\r\n\r\nBcc: stays\r\n`;
    expect(sent(text)).toBe(`${WHOLE}To: c@x.example\r\n\r\nBcc: stays\r\n`);
  });

  test('gets a date and a name, once, where it has none', () => {
    expect(sent('From: alice@home.example\r\n\r\nx\r\n')).toBe(
      'Date: Sun, 01 Mar 2026 12:00:00 +0000\r\nMessage-ID: <made@home.example>\r\nFrom: alice@home.example\r\n\r\nx\r\n',
    );
  });

  test('has lines that end with CR LF, however they ended: no two servers disagree where it ends', () => {
    expect(sent(`${WHOLE.replaceAll('\r\n', '\n')}\nx\n.\ny\r.\r\nz`)).toBe(`${WHOLE}\r\nx\r\n.\r\ny\r\n.\r\nz\r\n`);
  });

  test.each([1, 2, 3, 5, 7, 1_000])('is the same in pieces of %d octets, wherever they are cut', async (octets) => {
    for (const body of ['x\r\n.\r\ny\n.\nz\r.\rend', '\r\r\n\n\r', '\n', 'a\r\n', '', '\r\n.\r\n']) {
      const text = utf8(`${WHOLE.replaceAll('\r\n', '\n')}\n${body}`);
      const pieces = async function* (): AsyncGenerator<Uint8Array> {
        for (let from = 0; from < text.length; from += octets) yield text.subarray(from, from + octets);
      };
      let lines = '';
      for await (const piece of crlfLines(pieces())) lines += fromUtf8(piece);
      expect(lines).toBe(sent(fromUtf8(text)));
    }
  });

  test('is judged by its first piece, whose last line goes on in the next', async () => {
    const first = utf8(`Bcc: d@x.example\n${WHOLE}\r\nbody\r`);
    const judged = judgeFirstPiece(first, OPTIONS);
    expect(judged).toMatchObject({ status: 'fine', text: utf8(`${WHOLE}\r\nbody\r`) });
    expect(judgeFirstPiece(utf8('From: bob@home.example\n\nbody'), OPTIONS)).toMatchObject({ status: 'wrong' });
  });

  test.each([
    'From: alice@home.example',
    'From: "bob@x.example" <alice@home.example>',
    'from: ALICE@Home.Example (of mine <x@y>)',
    'From: =?utf-8?q?Alic=C3=A9?=\r\n <alice@home.example>',
  ])('%j says whose it is', (from) => {
    expect(sent(`${from}\r\nDate: x\r\nMessage-ID: <a@b>\r\n\r\nx\r\n`)).toContain(from);
  });

  test.each([
    ['To: alice@home.example\r\n\r\nx\r\n', 'one From field'],
    ['From: bob@home.example\r\n\r\nx\r\n', 'From is to name'],
    ['From: alice@home.example, bob@home.example\r\n\r\nx\r\n', 'From is to name'],
    ['From: "alice@home.example" <bob@home.example>\r\n\r\nx\r\n', 'From is to name'],
    ['From: bob@home.example (<alice@home.example>)\r\n\r\nx\r\n', 'From is to name'],
    ['From: <alice@home.example> <bob@home.example>\r\n\r\nx\r\n', 'From is to name'],
    ['From: a:alice@home.example;\r\n\r\nx\r\n', 'From is to name'],
    ['From: alice@home.example\r\nSender: bob@home.example\r\n\r\nx\r\n', 'Sender is to name'],
    ['From: alice@home.example\r\nFROM: alice@home.example\r\n\r\nx\r\n', 'one From field'],
    ['From: alice@home.example\r\nno field\r\n\r\nx\r\n', 'not one of RFC 5322'],
    [' From: alice@home.example\r\n\r\nx\r\n', 'not one of RFC 5322'],
    [`From: alice@home.example\r\nX: ${'x'.repeat(HEADER_BYTES_MAX)}\r\n\r\n`, 'the header has more than'],
    ['', 'one From field'],
  ])('%.60j is refused', (text, why) => {
    expect(sent(text)).toContain(why);
  });
});
