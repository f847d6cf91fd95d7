import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDateField, parseJmapDate, spellDate } from './dates.ts';
import { isFormAllowed, parseForm } from './header-forms.ts';
import { spellAddresses, spellText } from './header-writing.ts';

describe('addresses', () => {
  const EXAMPLE =
    ' "  James Smythe" <james@example.com>, Friends:\r\n jane@example.com, =?UTF-8?Q?John_Sm=C3=AEth?=\r\n <john@example.com>;';

  test('are read as RFC 8621 shows', () => {
    expect(parseForm(EXAMPLE, 'Addresses')).toEqual([
      { name: 'James Smythe', email: 'james@example.com' },
      { name: null, email: 'jane@example.com' },
      { name: 'John Smîth', email: 'john@example.com' },
    ]);
    expect(parseForm(EXAMPLE, 'GroupedAddresses')).toEqual([
      { name: null, addresses: [{ name: 'James Smythe', email: 'james@example.com' }] },
      {
        name: 'Friends',
        addresses: [
          { name: null, email: 'jane@example.com' },
          { name: 'John Smîth', email: 'john@example.com' },
        ],
      },
    ]);
  });

  test.each([
    ['a@b (A comment)', [{ name: 'A comment', email: 'a@b' }]],
    ['"Q \\"x\\" \\\\" <a@b>', [{ name: 'Q "x" \\', email: 'a@b' }]],
    ['"a b"@c', [{ name: null, email: '"a b"@c' }]],
    ['<@route,@other:a@b>', [{ name: null, email: 'a@b' }]],
    ['A (x (nested)) B <a@b>', [{ name: 'A B', email: 'a@b' }]],
    ['nobody', [{ name: null, email: 'nobody' }]],
    ['Undisclosed:;', []],
    [
      'bob@localhost:7990, carol@localhost:7990 (Carol)',
      [
        { name: null, email: 'bob@localhost:7990' },
        { name: 'Carol', email: 'carol@localhost:7990' },
      ],
    ],
    [
      'a@b,, ,c@d',
      [
        { name: null, email: 'a@b' },
        { name: null, email: 'c@d' },
      ],
    ],
    ['Unfinished <a@b', [{ name: 'Unfinished', email: 'a@b' }]],
    [
      'G:a@b;c@d',
      [
        { name: null, email: 'a@b' },
        { name: null, email: 'c@d' },
      ],
    ],
  ])('%s', (raw, expected) => {
    expect(parseForm(raw, 'Addresses')).toEqual(expected);
  });
});

describe('text', () => {
  test.each([
    [' a\r\n b', 'a b'],
    ['=?utf-8?q?=C3=A4?= =?utf-8?q?=C3=B6?=', 'äö'],
    ['=?utf-8?b?w6Q=?=x', '=?utf-8?b?w6Q=?=x'],
    ['=?utf-8?q?a_b?= c', 'a b c'],
    ['=?utf-8?q?a?= =?klingon?q?b?=', 'a =?klingon?q?b?='],
    ['=?utf-8?q?=C3?= =?utf-8?q?=A4?=', 'ä'],
    ['=?us-ascii?q?a=00=07b?=', 'ab'],
    ['=?utf-8*en?q?tagged?=', 'tagged'],
    ['=?iso-2022-jp?b?GyRCRnxLXBsoQg==?= =?iso-2022-jp?b?GyRCOGwbKEI=?=', '日本語'],
    ['e\u0301', 'é'],
  ])('%s', (raw, expected) => {
    expect(parseForm(raw, 'Text')).toBe(expected);
  });
});

describe('other forms', () => {
  test.each([
    ['MessageIds', ' <a@b>\r\n (comment) <c@d>', ['a@b', 'c@d']],
    ['MessageIds', 'garbage', null],
    [
      'URLs',
      '<https://a.example/?x>, (by mail) <mailto:b@c?subject=d>',
      ['https://a.example/?x', 'mailto:b@c?subject=d'],
    ],
    ['URLs', 'NO', null],
    ['Date', 'Thu, 1 Jan 1970 00:00:00 +0100 (comment)', '1970-01-01T00:00:00+01:00'],
    ['Date', '21 Nov 97 09:55:06 GMT', '1997-11-21T09:55:06Z'],
    ['Date', 'Fri, 31 Feb 2020 00:00:00 +0000', null],
    ['Raw', ' as it\r\n is ', ' as it\r\n is '],
  ] as const)('%s of %s', (form, raw, expected) => {
    expect(parseForm(raw, form)).toEqual(expected);
  });

  test('are for the fields that RFC 8621 names, and for those that no RFC of mail defines', () => {
    expect(isFormAllowed('FROM', 'Addresses')).toBe(true);
    expect(isFormAllowed('From', 'Date')).toBe(false);
    expect(isFormAllowed('Subject', 'Addresses')).toBe(false);
    expect(isFormAllowed('Received', 'Text')).toBe(false);
    expect(isFormAllowed('X-Own', 'Date')).toBe(true);
    expect(isFormAllowed('List-Id', 'Text')).toBe(true);
    expect(isFormAllowed('Received', 'Raw')).toBe(true);
  });
});

test('whatever is written reads back', () => {
  const value = (field: string) => field.slice(field.indexOf(':') + 1, -2);
  const name = fc.string({ unit: 'grapheme', maxLength: 80 }).map((text) =>
    text
      .replace(/[\p{C}\p{Z}]+/gu, ' ')
      .trim()
      .normalize('NFC'),
  );
  fc.assert(
    fc.property(name, (text) => {
      expect(parseForm(value(spellText('Subject', text)), 'Text')).toBe(text);
    }),
  );
  const mailbox = fc.record({
    name: name.map((text) => (text === '' ? null : text)),
    email: fc.constantFrom('a@b', '"x y"@c.example'),
  });
  fc.assert(
    fc.property(fc.array(mailbox, { maxLength: 5 }), (mailboxes) => {
      expect(parseForm(value(spellAddresses('To', mailboxes)), 'Addresses')).toEqual(mailboxes);
    }),
  );
});

test('dates of JMAP are strict', () => {
  for (const wrong of [
    '2026-03-01T12:00:00',
    '2026-03-01t12:00:00Z',
    '2026-02-30T12:00:00Z',
    '2026-03-01T12:00:00.000Z',
    '2026-03-01',
  ])
    expect(parseJmapDate(wrong, false)).toBeUndefined();
  expect(parseJmapDate('2026-03-01T12:00:00+01:00', true)).toBeUndefined();
  const time = parseDateField('Sun, 1 Mar 2026 12:00:00 -0330');
  expect(time === undefined ? '' : spellDate(time)).toBe('2026-03-01T12:00:00-03:30');
});
