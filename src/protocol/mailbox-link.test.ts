import { describe, expect, test } from 'vitest';
import { equalBytes, NobleSuite, toHex } from '../base/index.ts';
import { parseAddress, parseFeedId, parsePduId } from './ids.ts';
import { FIRST_LINK, headBytes, type LinkedEntry, linkOf, type SignedHead } from './mailbox-link.ts';

const suite = new NobleSuite();
const entry = (number: number): LinkedEntry => ({
  number,
  index: number * 2,
  receivedAt: 1_700_000_000_000_000 + number,
  pduId: parsePduId(number.toString(16).padStart(64, '0')),
});

/** links[n] is the link of number n. */
function chain(entries: readonly LinkedEntry[]): Uint8Array[] {
  const links = [FIRST_LINK];
  for (const one of entries) links.push(linkOf(suite, links.at(-1) as Uint8Array, one));
  return links;
}

describe('the mailbox chain', () => {
  test('is SHA-256 over link, number, index, time and PDU id', () => {
    // Made by another program: 32 zero bytes, 1, 2 and 1700000000000001 in 8 bytes each, 31 zero bytes and 01.
    expect(toHex(linkOf(suite, FIRST_LINK, entry(1)))).toBe(
      '280803cebdf48b32370d868d2e38edfad9e3ebfa7c4a20d14e6ec7d7c9bb5555',
    );
  });

  test('an entry received at second 0, or at the largest time, has a link', () => {
    for (const receivedAt of [0, Number.MAX_SAFE_INTEGER])
      expect(linkOf(suite, FIRST_LINK, { ...entry(1), receivedAt }).length).toBe(32);
  });

  test.each<[string, Partial<LinkedEntry>]>([
    ['number', { number: 4 }],
    ['index', { index: 7 }],
    ['received time', { receivedAt: 1_700_000_000_000_004 }],
    ['PDU', { pduId: parsePduId('ff'.repeat(32)) }],
  ])('another %s in the middle is another head', (_name, change) => {
    const entries = [1, 2, 3, 4, 5].map(entry);
    const honest = chain(entries);
    const forged = chain(entries.map((one) => (one.number === 3 ? { ...one, ...change } : one)));
    expect(equalBytes(honest[2] as Uint8Array, forged[2] as Uint8Array)).toBe(true);
    for (const number of [3, 4, 5])
      expect(equalBytes(honest[number] as Uint8Array, forged[number] as Uint8Array)).toBe(false);
  });

  test('an entry withheld, and the rest renumbered, is another head', () => {
    const entries = [1, 2, 3, 4, 5].map(entry);
    const renumbered = entries
      .filter((one) => one.number !== 3)
      .map((one, position) => ({ ...one, number: position + 1 }));
    expect(equalBytes(chain(entries).at(-1) as Uint8Array, chain(renumbered).at(-1) as Uint8Array)).toBe(false);
  });

  test('is checked from any known link in both directions', () => {
    const entries = [1, 2, 3, 4, 5].map(entry);
    const links = chain(entries);
    // Backwards: the previous link that came with entry 4 must be the link that entry 3 makes of its own.
    for (const one of entries)
      expect(linkOf(suite, links[one.number - 1] as Uint8Array, one)).toEqual(links[one.number]);
    expect(linkOf(suite, links[3] as Uint8Array, entry(3))).not.toEqual(links[3]);
  });
});

describe('a signed head', () => {
  const address = parseAddress('alice@home.example');
  const head: SignedHead = {
    feed: parseFeedId('ab'.repeat(32)),
    number: 5,
    link: new Uint8Array(32).fill(9),
    expiredTo: 2,
    retired: false,
  };

  test('is signed in all its parts', () => {
    const spelled = new Set(
      [
        headBytes(address, head),
        headBytes(parseAddress('bob@home.example'), head),
        headBytes(address, { ...head, feed: parseFeedId('ba'.repeat(32)) }),
        headBytes(address, { ...head, number: 6 }),
        headBytes(address, { ...head, link: new Uint8Array(32) }),
        headBytes(address, { ...head, expiredTo: 3 }),
        headBytes(address, { ...head, retired: true }),
      ].map(toHex),
    );
    expect(spelled.size).toBe(7);
  });

  test('begins with what it is, so that it is the signature of nothing else', () => {
    expect(new TextDecoder().decode(headBytes(address, head)).startsWith('restante head 1\nalice@home.example\0')).toBe(
      true,
    );
  });
});
