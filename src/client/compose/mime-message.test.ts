import fc from 'fast-check';
import PostalMime from 'postal-mime';
import { describe, expect, test } from 'vitest';
import { fromUtf8, utf8 } from '../../base/index.ts';
import { encodeMime, type MimeMessage } from './mime-message.ts';
import { mailDate } from './mime-text.ts';

const SEED = new Uint8Array(16).fill(7);

function message(change: Partial<MimeMessage> = {}): MimeMessage {
  return {
    from: { address: 'alice@home.example' },
    to: [{ address: 'bob@home.example' }],
    cc: [],
    bcc: [],
    subject: 'Hello',
    text: 'Good morning\n',
    attachments: [],
    messageId: '<1@home.example>',
    references: [],
    date: 0,
    ...change,
  };
}

/** Line ends as MIME has them, without the one that ends the text. */
function normalised(text: string): string {
  return text
    .toWellFormed()
    .replace(/\r\n|\r|\n/g, '\n')
    .replace(/\n+$/, '');
}

describe('a MIME message', () => {
  test('says what it was made of', async () => {
    const mime = encodeMime(
      message({
        to: [{ address: 'bob@home.example', name: 'Bob "B" Böb' }, { address: 'carol@home.example' }],
        cc: [{ address: 'dave@home.example' }],
        subject: 'Grüße 👋',
        text: 'Schön\r\nund =20 gut\n',
        attachments: [{ name: 'bericht äöü.pdf', type: 'application/pdf', content: Uint8Array.of(0, 255, 13, 10) }],
        inReplyTo: '<0@home.example>',
        references: ['<a@home.example>', '<0@home.example>'],
        date: Date.UTC(2026, 1, 28, 23, 59, 58),
      }),
      SEED,
    );
    const read = await PostalMime.parse(mime);
    expect(read.from?.address).toBe('alice@home.example');
    expect(read.to).toMatchObject([
      { address: 'bob@home.example', name: 'Bob "B" Böb' },
      { address: 'carol@home.example' },
    ]);
    expect(read.cc).toMatchObject([{ address: 'dave@home.example' }]);
    expect(read.subject).toBe('Grüße 👋');
    expect(normalised(read.text ?? '')).toBe('Schön\nund =20 gut');
    expect(read.attachments).toMatchObject([{ filename: 'bericht äöü.pdf', mimeType: 'application/pdf' }]);
    expect(new Uint8Array(read.attachments[0]?.content as ArrayBuffer)).toEqual(Uint8Array.of(0, 255, 13, 10));
    expect(read.inReplyTo).toBe('<0@home.example>');
    expect(read.references).toBe('<a@home.example> <0@home.example>');
    expect(read.date).toBe('2026-02-28T23:59:58.000Z');
  });

  test('names people of a loopback home, whose addresses have a port', async () => {
    const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => ({ address: `${name}@localhost:7896` }));
    const people = { from: alice, to: [bob, { ...carol, name: 'Carol' }] } as Pick<MimeMessage, 'from' | 'to'>;
    const read = await PostalMime.parse(encodeMime(message(people), SEED));
    expect(read.from).toMatchObject(people.from);
    expect(read.to).toMatchObject(people.to);
    expect(read.to?.some(({ group }) => group !== undefined)).toBe(false);
  });

  test('carries any subject, text and file name unharmed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', maxLength: 200 }),
        fc.string({ unit: 'binary', maxLength: 300 }),
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
        fc.uint8Array({ maxLength: 200 }),
        async (subject, text, name, content) => {
          const read = await PostalMime.parse(
            encodeMime(message({ subject, text, attachments: [{ name, content }] }), SEED),
          );
          const spaced = (value: string): string => value.replace(/\s+/g, ' ').trim();
          expect(spaced(read.subject ?? '')).toBe(spaced(subject));
          // The parser drops a byte order mark and NUL as text decoders do; everything else comes back.
          const visible = (value: string): string => normalised(value).replace(/[\ufeff\u0000]/g, '');
          expect(visible(read.text ?? '')).toBe(visible(text));
          expect(spaced(read.attachments[0]?.filename ?? '')).toBe(spaced(name));
          expect(new Uint8Array(read.attachments[0]?.content as ArrayBuffer)).toEqual(content);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('lets no text add a header or a part', async () => {
    const evil = 'x\r\nBcc: eve@evil.example\r\n\r\nbody';
    const mime = encodeMime(
      message({
        subject: evil,
        to: [{ address: 'bob@home.example', name: evil }],
        attachments: [{ name: evil, type: `text/html\r\nX-Evil: 1`, content: utf8('--=_07070707') }],
      }),
      SEED,
    );
    const read = await PostalMime.parse(mime);
    expect(read.bcc ?? []).toEqual([]);
    expect(read.headers.map((header) => header.key)).not.toContain('x-evil');
    expect(read.attachments).toHaveLength(1);
    expect(read.attachments[0]?.mimeType).toBe('application/octet-stream');
  });

  test('keeps its lines within 998 octets, and within 78 where it may', () => {
    const text = fromUtf8(encodeMime(message({ subject: 'word '.repeat(100), text: 'ä'.repeat(500) }), SEED));
    expect(Math.max(...text.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(78);
  });
});

describe('a mail date', () => {
  test('agrees with the calendar of the platform', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }), (seconds) => {
        expect(mailDate(seconds * 1000)).toBe(
          new Date(seconds * 1000)
            .toUTCString()
            .replace(/ GMT$/, ' +0000')
            .replace(/, 0(\d) /, ', $1 '),
        );
      }),
    );
  });
});
