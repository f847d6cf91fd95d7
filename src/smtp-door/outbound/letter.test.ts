/** What a release has left on disks is opened for ever. */
import { describe, expect, test } from 'vitest';
import { equalBytes, fromHex, fromUtf8, SeededSecureRandom, utf8 } from '../../base/index.ts';
import { parseAddress, parsePduId } from '../../protocol/index.ts';
import { createLetter, decodeLetter, encodeLetter, isOver, reportOf } from './letter.ts';
import { TextSeal } from './text-seal.ts';

const KEY = new Uint8Array(32).fill(7);
const ROW =
  `{"v":1,"id":"${'ab'.repeat(32)}","author":"alice@home.example","returnsNothing":false,"acceptedAt":1000,"sizeBytes":20,` +
  '"number":3,"pieces":1,"parties":[{"domain":"a.example","tries":2,"nextAt":301000,"people":[' +
  '{"address":"carol@a.example","state":"waiting","reply":{"code":451,"text":"4.3.2 later"},"at":1000,"isDelayTold":true},' +
  '{"address":"dave@a.example","state":"refused","reply":{"code":550,"text":"5.1.1 nobody"},"at":2000,"isDelayTold":false}]}]}';
/** Piece 0 of letter 3. */
const SEALED = 'a00087fbf7479cb86dfe747db44e42a95cce73da2daa4da8f91b6e867961451445b678d87354057c63aaa0353c6c5859';
const TEXT = 'From: a@b\r\n\r\nhello\r\n';

describe('a letter on disk', () => {
  test('of the first version opens, and is written the same', () => {
    const letter = decodeLetter(utf8(ROW));
    expect(fromUtf8(encodeLetter(letter))).toBe(ROW);
    expect(isOver(letter)).toBe(false);
    const [carol, dave] = letter.parties[0]?.people ?? [];
    expect(carol && reportOf(letter, carol)).toMatchObject({ status: 'delayed', reply: '451 4.3.2 later' });
    expect(dave && reportOf(letter, dave)).toMatchObject({ status: 'refused', code: '5.1.1', detail: 'nobody' });
  });

  test('of a newer program is refused', () => {
    const newer = utf8(ROW.replace('"v":1', '"v":2'));
    expect(() => decodeLetter(newer)).toThrow(expect.objectContaining({ code: 'newer_schema' }));
  });

  test('begins with its recipients by domain', () => {
    const recipients = ['carol@a.example', 'erin@b.example', 'dave@a.example'].map(parseAddress);
    const author = parseAddress('alice@home.example');
    const letter = createLetter(1, 1, {
      ...{ id: parsePduId('ab'.repeat(32)), author, returnsNothing: false, acceptedAt: 5, sizeBytes: 1, recipients },
    });
    expect(letter.parties.map(({ domain, people }) => [domain, people.length])).toEqual([
      ['a.example', 2],
      ['b.example', 1],
    ]);
  });
});

describe('a sealed text', () => {
  const seal = new TextSeal({ random: new SeededSecureRandom(1) }, KEY);

  test('of the first version opens', () => {
    const opened = seal.open(3, [fromHex(SEALED)]);
    expect(fromUtf8(opened ?? new Uint8Array(0))).toBe(TEXT);
  });

  test('opens in its own place, whole, by its own key, and in no other way', () => {
    const text = new Uint8Array(2_500_000).fill(65);
    const pieces = seal.seal(9, text);
    expect(pieces).toHaveLength(3);
    expect(equalBytes(seal.open(9, pieces) ?? new Uint8Array(0), text)).toBe(true);
    expect(seal.open(8, pieces)).toBeUndefined();
    expect(seal.open(9, pieces.toReversed())).toBeUndefined();
    expect(seal.open(9, [])).toBeUndefined();
    const [first = new Uint8Array(0), ...rest] = pieces;
    expect(
      seal.open(9, [Uint8Array.from(first, (byte, index) => (index === 40 ? byte ^ 1 : byte)), ...rest]),
    ).toBeUndefined();
    const other = new TextSeal({ random: new SeededSecureRandom(1) }, new Uint8Array(32).fill(8));
    expect(other.open(9, pieces)).toBeUndefined();
  });
});
