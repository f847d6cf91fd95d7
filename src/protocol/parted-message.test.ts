import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../base/index.ts';
import { PART_LINE_LENGTH_MAX } from './limits.ts';
import { decodePartField, encodePartField, PART_FIELD } from './parted-message.ts';

/** What a reader of any version finds in mail that is kept. */
const WRITTEN =
  'Restante-Part: 76 1\r\n' +
  ' Q29udGVudC1UeXBlOiBpbWFnZS9qcGVnOyBuYW1lPSJ4LmpwZyINCkNvbnRlbnQtVHJhbnNmZXIt\r\n' +
  ' RW5jb2Rpbmc6IGJhc2U2NA0KDQo\r\n';
const LAYOUT = {
  header: utf8('Content-Type: image/jpeg; name="x.jpg"\r\nContent-Transfer-Encoding: base64\r\n\r\n'),
  lineLength: 76,
  endCount: 1,
};

function bodyOf(field: string): string {
  return field.slice(`${PART_FIELD}:`.length, -'\r\n'.length);
}

describe('the field of a part that went another way', () => {
  test('reads as it was written, now and later', () => {
    expect(encodePartField(LAYOUT)).toBe(WRITTEN);
    expect(decodePartField(bodyOf(WRITTEN))).toEqual(LAYOUT);
  });

  test('comes back whatever the part was like, in lines that mail can have', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 2_000 }),
        fc.integer({ min: 1, max: PART_LINE_LENGTH_MAX / 4 }),
        fc.integer({ min: 0, max: 99 }),
        (header, quarters, endCount) => {
          const layout = { header, lineLength: quarters * 4, endCount };
          const field = encodePartField(layout);
          expect(field.split('\r\n').every((line) => line.length <= 78)).toBe(true);
          expect(decodePartField(bodyOf(field))).toEqual(layout);
        },
      ),
    );
  });

  test.each([
    ['', ''],
    ['no header', '76 0'],
    ['a length of no four', '75 0 AAAA'],
    ['no length', '0 0 AAAA'],
    ['a length beyond that of a line', '1000 0 AAAA'],
    ['a negative count', '76 -1 AAAA'],
    ['a count beyond sense', '76 1000 AAAA'],
    ['no base64', '76 0 A*AA'],
    ['something else', 'whole'],
  ])('is none with %s', (_, value) => {
    expect(decodePartField(value)).toBeUndefined();
  });
});
