/** What a release has left on disks is opened for ever. */
import { describe, expect, test } from 'vitest';
import { equalBytes, fromHex, fromUtf8, SeededSecureRandom, utf8 } from '../../base/index.ts';
import { parseAddress, parsePduId } from '../../protocol/index.ts';
import { createLetter, decodeLetter, encodeLetter, isOver, reportOf } from './letter.ts';
import { placeOf } from './row-keys.ts';
import { TextSeal } from './text-seal.ts';
import { decodeUpload, encodeUpload } from './upload.ts';

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

  test('has nothing of the text, whoever has it beside', () => {
    const letter = { ...decodeLetter(utf8(ROW)), text: utf8('From: a@b') };
    expect(fromUtf8(encodeLetter(letter))).toBe(ROW);
  });

  test('of the second version, whose text came in pieces, opens, and is written the same', () => {
    const row = `${ROW.replace('"v":1', '"v":2').slice(0, -1)},"upload":"${'0f'.repeat(16)}"}`;
    const letter = decodeLetter(utf8(row));
    expect(letter.upload).toBe('0f'.repeat(16));
    expect(fromUtf8(encodeLetter(letter))).toBe(row);
  });

  test('of a newer program is refused', () => {
    const newer = utf8(ROW.replace('"v":1', '"v":3'));
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

describe('a text on disk that comes in pieces', () => {
  const row = `{"v":1,"name":"${'0f'.repeat(16)}","sizeBytes":3000000,"held":1,"at":1000}`;

  test('of the first version opens, and is written the same', () => {
    expect(fromUtf8(encodeUpload(decodeUpload(utf8(row))))).toBe(row);
  });

  test('of a newer program is refused', () => {
    const newer = utf8(row.replace('"v":1', '"v":2'));
    expect(() => decodeUpload(newer)).toThrow(expect.objectContaining({ code: 'newer_schema' }));
  });
});

describe('a sealed text', () => {
  const seal = new TextSeal({ random: new SeededSecureRandom(1) }, KEY);

  test('of the first version opens', () => {
    const opened = seal.open(placeOf(3, 0), fromHex(SEALED));
    expect(fromUtf8(opened ?? new Uint8Array(0))).toBe(TEXT);
  });

  test('opens in its own place, by its own key, and in no other way', () => {
    const text = new Uint8Array(1_000_000).fill(65);
    const piece = seal.seal(placeOf(9, 0), text);
    expect(equalBytes(seal.open(placeOf(9, 0), piece) ?? new Uint8Array(0), text)).toBe(true);
    expect(seal.open(placeOf(8, 0), piece)).toBeUndefined();
    expect(seal.open(placeOf(9, 1), piece)).toBeUndefined();
    expect(seal.open(placeOf('00'.repeat(16), 0), piece)).toBeUndefined();
    const changed = Uint8Array.from(piece, (byte, index) => (index === 40 ? byte ^ 1 : byte));
    expect(seal.open(placeOf(9, 0), changed)).toBeUndefined();
    expect(seal.open(placeOf(9, 0), piece.subarray(0, 20))).toBeUndefined();
    const other = new TextSeal({ random: new SeededSecureRandom(1) }, new Uint8Array(32).fill(8));
    expect(other.open(placeOf(9, 0), piece)).toBeUndefined();
  });
});
