import { describe, expect, test } from 'vitest';
import { utf8 } from '../base/index.ts';
import { HEADER_BYTES_MAX, HEADER_LINES_MAX, HOPS_MAX, LINE_BYTES_MAX } from './limits.ts';
import { Memory, SortedMemory } from './memory.ts';
import { MessageReader, type ReadMessage } from './message-reader.ts';
import { REFUSALS } from './reply.ts';

const KiB = 1024;
const MESSAGE_BYTES_MAX = 1024 * KiB;

function memoryOf(bytesMax: number, perRemoteMax = bytesMax): Memory {
  return new Memory({ bytesMax, perRemoteMax });
}

function read(pieces: readonly (string | Uint8Array)[], memory = memoryOf(8 * MESSAGE_BYTES_MAX)): ReadMessage {
  using room = memory.open(undefined);
  const reader = new MessageReader(room, MESSAGE_BYTES_MAX);
  for (const piece of pieces) reader.push(typeof piece === 'string' ? utf8(piece) : piece);
  return reader.end();
}

describe('the octets of DATA', () => {
  test('are whole however they were cut', () => {
    const message = 'Subject: a\r\n\r\nb\r\n\r\n.c\r\n';
    const whole = { kind: 'whole', bytes: utf8(message) };
    expect(read([message])).toEqual(whole);
    expect(read(message.split(''))).toEqual(whole);
    expect(read([])).toEqual({ kind: 'whole', bytes: new Uint8Array(0) });
  });

  test.each([
    ['a LF alone', 'a\nb\r\n'],
    ['a LF first', '\na\r\n'],
    ['a CR alone', 'a\rb\r\n'],
    ['a CR twice', 'a\r\r\n'],
    ['a CR at the end', 'a\r\nb\r'],
    ['a dot between a LF and a CR', 'a\n.\r\nMAIL FROM:<x@y>\r\n'],
    ['a dot between CRs', 'a\r.\r'],
  ])('are refused with %s, in one piece and in many', (_, text) => {
    const refused = { kind: 'refused', refusal: REFUSALS.bareLineEnd };
    expect(read([text])).toEqual(refused);
    expect(read(text.split(''))).toEqual(refused);
  });

  test('are refused with a line that is too long, and taken with one that is just not', () => {
    const longest = `${'x'.repeat(LINE_BYTES_MAX - 1)}\r\n`;
    expect(read([longest, longest])).toMatchObject({ kind: 'whole' });
    expect(read([longest, 'x', longest])).toEqual({ kind: 'refused', refusal: REFUSALS.lineTooLong });
  });

  test('are refused beyond the size that is told, and taken up to it', () => {
    const line = utf8(`${'x'.repeat(KiB - 2)}\r\n`);
    const full = Array.from({ length: MESSAGE_BYTES_MAX / KiB }, (_, i) =>
      i === 0 ? `\r\n${'x'.repeat(KiB - 4)}\r\n` : line,
    );
    expect(read(full)).toMatchObject({ kind: 'whole' });
    expect(read([...full, 'x'])).toEqual({ kind: 'refused', refusal: REFUSALS.tooLarge });
  });

  test('are refused when their header is too long or has too many lines, and taken when their text has', () => {
    const refused = { kind: 'refused', refusal: REFUSALS.headerTooLarge };
    const field = `X: ${'x'.repeat(KiB - 5)}\r\n`;
    const fields = Array.from({ length: HEADER_BYTES_MAX / KiB }, () => field);
    expect(read([...fields, field, '\r\n'])).toEqual(refused);
    expect(read([...fields.slice(1), '\r\n', ...fields])).toMatchObject({ kind: 'whole' });
    const folded = ' x\r\n'.repeat(HEADER_LINES_MAX);
    expect(read([`X: 1\r\n${folded}`, '\r\n'])).toEqual(refused);
    expect(read([`X: 1\r\n\r\n${folded}`])).toMatchObject({ kind: 'whole' });
  });

  test('are refused when they have passed too many servers, by the header alone', () => {
    const hop = 'ReCeived: from a\r\n\tby b\r\n';
    expect(read([hop.repeat(HOPS_MAX), '\r\n', hop.repeat(HOPS_MAX)])).toMatchObject({ kind: 'whole' });
    expect(read([hop.repeat(HOPS_MAX + 1), '\r\n'])).toEqual({ kind: 'refused', refusal: REFUSALS.loop });
  });
});

describe('the memory of messages', () => {
  test('is shared, and free again when a message is refused or done with', () => {
    const memory = memoryOf(100);
    const line = utf8(`${'x'.repeat(58)}\r\n`);
    using first = memory.open(undefined);
    const reader = new MessageReader(first, MESSAGE_BYTES_MAX);
    reader.push(line);
    expect(read([line], memory)).toEqual({ kind: 'refused', refusal: REFUSALS.busy });
    reader.push(utf8('\n'));
    expect(read([line], memory)).toEqual({ kind: 'whole', bytes: line });
    expect(read([line], memory)).toMatchObject({ kind: 'whole' });
    expect(reader.end()).toEqual({ kind: 'refused', refusal: REFUSALS.bareLineEnd });
  });

  test('is not taken by what comes after a refusal', () => {
    const memory = memoryOf(100);
    using first = memory.open(undefined);
    const reader = new MessageReader(first, MESSAGE_BYTES_MAX);
    reader.refuse(REFUSALS.tooEarly);
    reader.push(utf8('x'.repeat(80)));
    expect(read([`${'x'.repeat(90)}\r\n`], memory)).toMatchObject({ kind: 'whole' });
    expect(reader.end()).toEqual({ kind: 'refused', refusal: REFUSALS.tooEarly });
  });

  test('is not all for one network', () => {
    const memory = memoryOf(100, 50);
    using slow = memory.open('192.0.2.1');
    expect(slow.take(50)).toBe(true);
    using another = memory.open('192.0.2.1');
    expect(another.take(1)).toBe(false);
    using other = memory.open('192.0.2.2');
    expect(other.take(50)).toBe(true);
    slow.leave();
    expect(another.take(50)).toBe(true);
  });

  test('has a place of its own for what is large, which takes nothing from what is small', () => {
    const memory = new SortedMemory({ bytesMax: 100, perRemoteMax: 100 }, { bytesMax: 300, perRemoteMax: 150 }, 50);
    using large = memory.open('192.0.2.1');
    expect(large.take(50)).toBe(true);
    expect(large.take(100)).toBe(true);
    expect(large.take(1)).toBe(false); // one network has so much of it
    using small = memory.open('192.0.2.2');
    using another = memory.open('192.0.2.2');
    expect([small.take(50), another.take(50)]).toEqual([true, true]); // what moved left its place
    using more = memory.open('192.0.2.3');
    expect(more.take(10)).toBe(false);
    expect(more.take(60)).toBe(true);
    large.leave();
    expect(large.take(151)).toBe(false);
    expect(large.take(150)).toBe(true);
    expect(small.take(1)).toBe(true);
    expect(more.take(1)).toBe(true);
  });
});
