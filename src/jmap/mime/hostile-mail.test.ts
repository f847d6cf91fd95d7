import { describe, expect, test } from 'vitest';
import { HEADER_BYTES_MAX } from '../limits.ts';
import { parseAddresses } from './address-list.ts';
import { parseDateField } from './dates.ts';
import { readHeaderBlock, withoutField } from './header-block.ts';
import { readStructure } from './structure.ts';
import { createDecoder, decodedSize, decodeTransfer } from './transfer.ts';

/** Of the processor: whoever else is at work beside this test does not count. */
function cpuMsOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { system, user } = process.cpuUsage(before);
  return (system + user) / 1000;
}

/** What takes tens of seconds, or for ever, where time does not grow with length alone. */
const SOON_MS = 4_000;

describe('hostile mail takes time in proportion to its length', { timeout: 120_000 }, () => {
  test('an address that is none', () => {
    const text = `a@${'a.'.repeat(25)}a x`;
    const ms = cpuMsOf(() => expect(parseAddresses(text)).toEqual([{ name: null, email: text }]));
    expect(ms).toBeLessThan(SOON_MS);
  });

  test('a date that is mostly white space', () => {
    const text = `Mon${' '.repeat(80_000)}x`;
    expect(cpuMsOf(() => expect(parseDateField(text)).toBeUndefined())).toBeLessThan(SOON_MS);
  });

  test('a header that never ends, and has no field', () => {
    const lines = Buffer.from(`${'A'.repeat(76)}\r\n`.repeat(120_000));
    const ms = cpuMsOf(() => {
      expect(readHeaderBlock(lines, 0, lines.length)).toEqual({ fields: [], bodyStart: lines.length });
      expect(withoutField(lines, 'bcc')).toHaveLength(lines.length);
    });
    expect(ms).toBeLessThan(SOON_MS);
  });

  test('many parts whose delimiters never come', () => {
    const part = (index: number): string => `--b\r\nContent-Type: multipart/mixed; boundary=b${index}\r\n\r\ntext\r\n`;
    const parts = Array.from({ length: 1_900 }, (_, index) => part(index)).join('');
    const text = '--- -- -\r\n'.repeat(500_000);
    const message = Buffer.from(
      `Content-Type: multipart/mixed; boundary=b\r\n\r\n${parts}--b\r\n\r\n${text}\r\n--b--\r\n`,
    );
    expect(cpuMsOf(() => expect(readStructure(message).subParts).toHaveLength(1_901))).toBeLessThan(SOON_MS);
  });

  test('quoted-printable that is white space', () => {
    const spaces = Buffer.alloc(24_000_000, ' ');
    const ms = cpuMsOf(() => expect(decodedSize(spaces, 'quoted-printable')).toBe(spaces.length));
    expect(ms).toBeLessThan(SOON_MS);
  });
});

test('of a header of megabytes the beginning is read, and the body after all of it', () => {
  const long = `${'x'.repeat(70)}\r\n `.repeat(50_000);
  const { headers, start } = readStructure(Buffer.from(`From: a@b\r\nSubject: ${long}\r\nTo: b@c\r\n\r\nbody`));
  expect(headers.map(({ name }) => name)).toEqual(['From', 'Subject']);
  expect(headers[1]?.value.length).toBeLessThanOrEqual(HEADER_BYTES_MAX);
  expect(start).toBe(long.length + 'From: a@b\r\nSubject: \r\nTo: b@c\r\n\r\n'.length);
});

test('white space around the dots and the at sign of an address is left out', () => {
  const emails = (text: string): string[] => parseAddresses(text).map(({ email }) => email);
  expect(emails('alice . smith @ home .example, <bob @home. example>')).toEqual([
    'alice.smith@home.example',
    'bob@home.example',
  ]);
  expect(emails('alice smith@home.example')).toEqual(['alice smith@home.example']);
});

test('quoted-printable comes out alike in pieces of any size', () => {
  const encoded = Buffer.from('a=\r\nb =\t\r\n  \t \r\n=3D=4=4', 'latin1');
  const whole = Buffer.from(decodeTransfer(encoded, 'quoted-printable')).toString();
  expect(whole).toBe('ab \r\n==4=4');
  for (let size = 1; size < encoded.length; size++) {
    const decoder = createDecoder('quoted-printable');
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < encoded.length; at += size) pieces.push(decoder.push(encoded.subarray(at, at + size)));
    expect(Buffer.concat([...pieces, decoder.end()]).toString()).toBe(whole);
  }
});
