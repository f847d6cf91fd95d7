import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, equalBytes, utf8 } from '../../base/index.ts';
import { MESSAGE_BYTES_MAX } from '../limits.ts';
import { encodeMboxMessage, type MboxMessage, MboxReader } from './mbox.ts';

const ENVELOPE = { author: 'alice@home.example', receivedAt: Date.UTC(2002, 7, 22, 12, 36, 23) };

function readAll(bytes: Uint8Array, chunkBytes = bytes.length): MboxMessage[] {
  const reader = new MboxReader();
  const messages: MboxMessage[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes)
    messages.push(...reader.push(bytes.subarray(at, at + chunkBytes)));
  messages.push(...reader.end());
  return messages;
}

function textsOf(mbox: string): string[] {
  return readAll(utf8(mbox)).map(({ bytes }) => new TextDecoder().decode(bytes));
}

async function encoded(message: Uint8Array, pieceBytes = message.length): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < message.length; at += pieceBytes) pieces.push(message.subarray(at, at + pieceBytes));
  const octets: Uint8Array[] = [];
  for await (const piece of encodeMboxMessage(pieces, ENVELOPE)) octets.push(piece);
  return concatBytes(...octets);
}

describe('an mbox', () => {
  test('begins each message with the sender and the time in UTC', async () => {
    const text = new TextDecoder().decode(await encoded(utf8('Subject: a\n\nb\n')));
    expect(text).toBe('From alice@home.example Thu Aug 22 12:36:23 2002\nSubject: a\n\nb\n\n');
  });

  test('gives back any messages, however they and it are cut into pieces', async () => {
    const line = fc.oneof(
      fc.constantFrom(
        'From ',
        'From a@b Thu Aug 22 12:36:23 2002',
        '>From x',
        '>>From y 1:00 2000',
        '',
        'Subject: z',
        '\r',
      ),
      fc.string({ maxLength: 20 }),
    );
    const message = fc.array(line, { minLength: 1, maxLength: 8 }).map((lines) => utf8(`${lines.join('\n')}\n`));
    await fc.assert(
      fc.asyncProperty(
        fc.array(message, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 50 }),
        async (messages, chunk) => {
          const mbox = concatBytes(...(await Promise.all(messages.map((bytes) => encoded(bytes, chunk)))));
          const read = readAll(mbox, chunk);
          expect(read.map(({ number }) => number)).toEqual(messages.map((_, index) => index + 1));
          for (const [index, { bytes }] of read.entries())
            expect(equalBytes(bytes ?? new Uint8Array(0), messages[index] ?? new Uint8Array(0))).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('with CRLF line ends is split alike', () => {
    const mbox =
      'From a@b Thu Aug 22 12:36:23 2002\r\nA: 1\r\n\r\none\r\n\r\nFrom c@d Thu Aug 22 12:36:23 2002\r\nB: 2\r\n';
    expect(textsOf(mbox)).toEqual(['A: 1\r\n\r\none\r\n', 'B: 2\r\n']);
  });

  test('is not split by a sentence that begins with From', () => {
    const mbox = 'From a@b Thu Aug 22 12:36:23 2002\nA: 1\n\none\n\nFrom here on it rains.\n';
    expect(textsOf(mbox)).toEqual(['A: 1\n\none\n\nFrom here on it rains.\n']);
  });

  test('is not split without an empty line before', () => {
    const mbox = 'From a@b Thu Aug 22 12:36:23 2002\nA: 1\n\none\nFrom c@d Thu Aug 22 12:36:23 2002\nB: 2\n';
    expect(textsOf(mbox)).toHaveLength(1);
  });

  test('names a message that is too large and goes on behind it', async () => {
    const large = concatBytes(utf8('A: 1\n\n'), new Uint8Array(MESSAGE_BYTES_MAX).fill(120), utf8('\n'));
    const mbox = concatBytes(await encoded(large), await encoded(utf8('B: 2\n')));
    expect(readAll(mbox, 100_000)).toEqual([
      { number: 1, bytes: undefined },
      { number: 2, bytes: utf8('B: 2\n') },
    ]);
  });

  test('of nothing holds nothing', () => {
    expect(textsOf('')).toEqual([]);
    expect(textsOf('From a@b Thu Aug 22 12:36:23 2002\n')).toEqual([]);
  });
});
