import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../base/index.ts';
import { parseBytes, showBytes, showCount, showDuration, showTime } from './figures.ts';
import { createPaint } from './paint.ts';
import { Progress, type ProgressForm } from './progress.ts';
import { renderTable } from './table.ts';
import { cutTo, padTo, safeBlock, safeLine, widthOf } from './text.ts';

const PLAIN = createPaint(false, {});
const TITLES = { paintTitle: (text: string) => text };

describe('text of strangers', () => {
  test('can neither move the cursor nor reorder a line', () => {
    expect(safeLine('a\u001b[2Jb\r\nc\u202ed\u0007')).toBe('a [2Jb c d');
    expect(safeLine('\u0085\u2028x\u2066y')).toBe('x y');
  });

  test('keeps its lines and tabs in a body, and nothing else that controls', () => {
    expect(safeBlock('a\r\nb\tc\u001b]0;title\u0007\rd')).toBe('a\nb\tc\ufffd]0;title\ufffd\nd');
  });

  test('is measured in columns: wide scripts and pictures take two, marks none', () => {
    expect(widthOf('abc')).toBe(3);
    expect(widthOf('日本語')).toBe(6);
    expect(widthOf('e\u0301te\u0301')).toBe(3);
    expect(widthOf('👨‍👩‍👧 ok')).toBe(5);
  });

  test('is cut between characters, with an ellipsis', () => {
    expect(cutTo('Grüße an alle', 8)).toBe('Grüße a…');
    expect(widthOf(cutTo('日本語の件名', 7))).toBeLessThanOrEqual(7);
    expect(padTo('日本語', 4)).toBe('日… ');
    expect(padTo('7', 3, 'right')).toBe('  7');
    expect(cutTo('abc', 0)).toBe('');
  });
});

describe('a table', () => {
  const columns = [
    { title: 'ID', cell: (row: { id: string; subject: string }) => row.id },
    { title: 'SUBJECT', cell: (row: { id: string; subject: string }) => row.subject, flexible: 1 },
  ];

  test('gives every column the width of its widest cell', () => {
    const rows = [
      { id: '1', subject: 'short' },
      { id: '12345', subject: 'longer than the title' },
    ];
    expect(renderTable(rows, columns, { width: 80, ...TITLES })).toEqual([
      'ID     SUBJECT',
      '1      short',
      '12345  longer than the title',
    ]);
  });

  test('cuts the flexible column so that no row is wider than the terminal', () => {
    const lines = renderTable([{ id: '12345', subject: '会議の件 '.repeat(30) }], columns, { width: 40, ...TITLES });
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(40);
    expect(lines[1]).toMatch(/^12345 {2}会議の件.*…$/);
  });

  test('lets a subject draw no row of its own', () => {
    expect(renderTable([{ id: '1', subject: 'a\n2  b' }], columns, { width: 80, ...TITLES })).toHaveLength(2);
  });
});

describe('colours', () => {
  test('are for terminals, and never against NO_COLOR', () => {
    expect(createPaint(false, {}).bad('x')).toBe('x');
    expect(createPaint(true, { NO_COLOR: '1' }).bad('x')).toBe('x');
    expect(createPaint(true, { TERM: 'dumb' }).bad('x')).toBe('x');
    expect(createPaint(true, { TERM: 'xterm' }).bad('x')).not.toBe('x');
    expect(createPaint(true, { TERM: 'xterm' }).bad('')).toBe('');
  });
});

describe('progress', () => {
  function setup(form: ProgressForm) {
    const clock = new ManualClock(0);
    const written: string[] = [];
    const target = { form, paint: PLAIN, width: () => 100, write: (text: string) => void written.push(text) };
    return { clock, written, progress: new Progress({ clock, target }, { label: 'Importing', unit: 'items' }) };
  }

  test('without a terminal is a line every five seconds, however often it is told', async () => {
    const { clock, written, progress } = setup('lines');
    for (let done = 0; done <= 1000; done++) {
      progress.update({ done, total: 2000 });
      await clock.advance(12);
    }
    expect(written).toEqual([
      expect.stringMatching(/^Importing, 417 of 2 000, 20 %, 83\/s, 0:19 left\n$/),
      expect.stringMatching(/^Importing, 834 of 2 000, 41 %, 83\/s, 0:14 left\n$/),
    ]);
  });

  test('on a terminal is one line that is drawn again in place, and taken away at the end', async () => {
    const { clock, written, progress } = setup('bar');
    for (let done = 0; done <= 100; done++) {
      progress.update({ done, total: 200, note: '3 refused' });
      await clock.advance(50);
    }
    progress[Symbol.dispose]();
    expect(written.length).toBeGreaterThan(40);
    for (const text of written) expect(text.startsWith('\r\u001b[2K')).toBe(true);
    expect(written.at(-2)).toMatch(/Importing {2}━{12}─{12} {2}100 of 200 · 50 % · 20\/s · 0:05 left · 3 refused$/);
    expect(written.at(-1)).toBe('\r\u001b[2K');
  });

  test('says nothing where nothing is to be said', async () => {
    const { clock, written, progress } = setup('none');
    await clock.advance(60_000);
    progress.update({ done: 1, total: 2 });
    progress[Symbol.dispose]();
    expect(written).toEqual([]);
  });

  test('follows a share where the count has no total', async () => {
    const { clock, written, progress } = setup('bar');
    progress.update({ done: 0, share: 0 });
    await clock.advance(10_000);
    progress.update({ done: 50, share: 0.25 });
    expect(written.at(-1)).toMatch(/━{6}─{18} {2}50 · 25 % · 5\.0\/s · 0:30 left$/);
  });
});

describe('figures', () => {
  test('are written as people read them', () => {
    expect(showCount(1234567)).toBe('1 234 567');
    expect([831, 1024, 12_900_000, 5 * 1024 ** 4].map(showBytes)).toEqual(['831 B', '1.0 KB', '12.3 MB', '5.0 TB']);
    expect([7_000, 754_000, 11_045_000].map(showDuration)).toEqual(['0:07', '12:34', '3:04:05']);
  });

  test('show a time the shorter the nearer it is', () => {
    const now = new Date(2026, 2, 9, 18, 0).getTime();
    expect(showTime(new Date(2026, 2, 9, 14, 3).getTime(), now)).toBe('14:03');
    expect(showTime(new Date(2026, 1, 1, 14, 3).getTime(), now)).toBe('1 Feb 14:03');
    expect(showTime(new Date(2019, 1, 1, 14, 3).getTime(), now)).toBe('1 Feb 2019');
  });

  test('are read in the units that people write', () => {
    expect(['500MB', '20G', '1.5 GiB', '1000', '0'].map(parseBytes)).toEqual([
      524288000, 21474836480, 1610612736, 1000, 0,
    ]);
    expect(['', 'much', '-1', '5 parsecs', '99999999P'].map(parseBytes)).toEqual(Array(5).fill(undefined));
  });
});
