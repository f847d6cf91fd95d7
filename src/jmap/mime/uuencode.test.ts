import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createDecoder, decodeTransfer, parseTransferEncoding } from './transfer.ts';

/** As `uuencode` writes it. */
function encode(bytes: Uint8Array): string {
  const lines = ['begin 644 file.bin'];
  const digit = (value: number): string => (value === 0 ? '`' : String.fromCharCode(value + 32));
  for (let at = 0; at < bytes.length; at += 45) {
    const part = bytes.subarray(at, at + 45);
    let line = digit(part.length);
    for (let each = 0; each < part.length; each += 3) {
      const group = ((part[each] ?? 0) << 16) | ((part[each + 1] ?? 0) << 8) | (part[each + 2] ?? 0);
      line += [18, 12, 6, 0].map((shift) => digit((group >> shift) & 63)).join('');
    }
    lines.push(line);
  }
  return `text before\r\n${[...lines, '`', 'end', 'text after'].join('\r\n')}\r\n`;
}

test('uuencoded content is decoded, in pieces of any size', () => {
  expect(parseTransferEncoding('x-uuencode')).toBe('uuencode');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 70 }), (bytes, size) => {
      const encoded = Buffer.from(encode(bytes));
      expect(Buffer.from(decodeTransfer(encoded, 'uuencode'))).toEqual(Buffer.from(bytes));
      const decoder = createDecoder('uuencode');
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < encoded.length; at += size)
        pieces.push(Buffer.from(decoder.push(encoded.subarray(at, at + size))));
      expect(Buffer.concat([...pieces, decoder.end()])).toEqual(Buffer.from(bytes));
    }),
    { numRuns: 60 },
  );
});

test('what is not uuencoded although it says so is shown as it is', () => {
  expect(Buffer.from(decodeTransfer(Buffer.from('plain\r\ntext'), 'uuencode')).toString()).toBe('plain\r\ntext');
});

test('any octets decode to something', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const within = Buffer.concat([Buffer.from('begin 644 x\n'), bytes]);
      expect(decodeTransfer(within, 'uuencode').length).toBeLessThanOrEqual(63 * (within.length + 1));
    }),
    { numRuns: 100 },
  );
});

test('what Python encodes is decoded', () => {
  const script =
    'import binascii,sys\nd=sys.stdin.buffer.read()\no=b"begin 600 f\\n"+b"".join(binascii.b2a_uu(d[i:i+45]) for i in range(0,len(d),45))+b" \\nend\\n"\nsys.stdout.buffer.write(o)';
  const content = Buffer.from(Array.from({ length: 1000 }, (_, index) => (index * 7) & 255));
  const encoded = execFileSync('python3', ['-c', script], { input: content });
  expect(Buffer.from(decodeTransfer(encoded, 'uuencode'))).toEqual(content);
});
