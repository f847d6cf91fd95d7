import { describe, expect, test } from 'vitest';
import { type Address, type FolderId, parseAddress } from '../../protocol/index.ts';
import { filingMarks, foldersOf, isFiling } from './filing.ts';

const own = parseAddress('alice@home.example');
const bob = parseAddress('bob@home.example');

function message(keywords: readonly string[], author: Address = bob, recipients: readonly Address[] = [own, bob]) {
  return { author, recipients, keywords };
}

/** Keywords after marks, as the registers have them. */
function marked(keywords: readonly string[], marks: Readonly<Record<string, boolean>>): string[] {
  const kept = keywords.filter((keyword) => marks[keyword] !== false);
  return [...new Set([...kept, ...Object.keys(marks).filter((keyword) => marks[keyword] === true)])];
}

describe('a message that nobody filed', () => {
  test('is in the inbox, or in sent when others are among its recipients', () => {
    expect(foldersOf(message([]), own)).toEqual(['inbox']);
    expect(foldersOf(message([], own), own)).toEqual(['sent']);
    expect(foldersOf(message([], own, [own]), own)).toEqual(['inbox']);
  });

  test('is in junk when its author is blocked, and in the folders of its labels besides', () => {
    expect(foldersOf(message(['junk']), own)).toEqual(['junk']);
    expect(foldersOf(message(['label:work']), own)).toEqual(['inbox', 'label:work']);
  });
});

describe('filing', () => {
  test('takes a message from where it was to where it belongs', () => {
    for (const after of [['archive'], ['trash', 'label:work'], ['label:a b'], ['inbox']] as const) {
      const keywords = marked([], filingMarks(foldersOf(message([]), own), after));
      expect(new Set(foldersOf(message(keywords), own))).toEqual(new Set(after));
    }
  });

  test('keeps a message of a blocked author where the person put it', () => {
    const keywords = marked([], filingMarks(['junk'], ['inbox']));
    expect(foldersOf(message([...keywords, 'junk']), own)).toEqual(['inbox']);
  });

  test('of two devices that together leave a message nowhere archives it', () => {
    const filed = marked([], filingMarks(['inbox'], ['label:x', 'trash']));
    const here = filingMarks(['label:x', 'trash'], ['label:x']);
    const there = filingMarks(['label:x', 'trash'], ['trash']);
    // Each takes away what the other kept; the register of what is kept was written earlier.
    const both: Record<string, boolean> = { ...here, ...there, 'label:x': false, 'in:trash': false };
    expect(foldersOf(message(marked(filed, both)), own)).toEqual(['archive']);
  });

  test('is no flag', () => {
    const all: FolderId[] = ['inbox', 'label:x'];
    expect(Object.keys(filingMarks([], all)).every(isFiling)).toBe(true);
    expect(isFiling('read')).toBe(false);
    expect(isFiling('label:')).toBe(false);
  });
});
