/** Where letters on their way out are in the node's store: under `O`, which is a door's. */
import { concatBytes, fromHex, uint64Bytes, utf8 } from '../../base/index.ts';
import type { Address, PduId } from '../../protocol/index.ts';
import { type KeySpan, under } from '../../store/index.ts';

const ZERO = Uint8Array.of(0);

/** A letter: `Ol number` → row (letter.ts). */
export function letterKey(number: number): Uint8Array {
  return concatBytes(utf8('Ol'), uint64Bytes(number));
}
export const LETTERS: KeySpan = under(utf8('Ol'));

/** What the sealed text of a letter is kept under: the letter's number or, where it came in pieces, what was drawn for it. */
export type TextName = number | string;

/** Its sealed text, `Ot number piece`; or, where that came in pieces, `Op name piece`. Gone when the letter is over. */
export function pieceKey(text: TextName, piece: number): Uint8Array {
  return concatBytes(utf8(typeof text === 'number' ? 'Ot' : 'Op'), placeOf(text, piece));
}
export function piecesOf(text: TextName): KeySpan {
  return under(concatBytes(utf8(typeof text === 'number' ? 'Ot' : 'Op'), nameBytes(text)));
}

/** Where a piece stands, as it is bound into its seal. */
export function placeOf(text: TextName, piece: number): Uint8Array {
  return concatBytes(nameBytes(text), uint64Bytes(piece));
}

function nameBytes(text: TextName): Uint8Array {
  return typeof text === 'number' ? uint64Bytes(text) : fromHex(text);
}

/** A text that comes in pieces: `Ou author 0 id` → row (upload.ts). */
export function uploadKey(author: Address, id: PduId): Uint8Array {
  return concatBytes(utf8(`Ou${author}`), ZERO, fromHex(id));
}
export function uploadsOf(author: Address): KeySpan {
  return under(concatBytes(utf8(`Ou${author}`), ZERO));
}
export const UPLOADS: KeySpan = under(utf8('Ou'));

/** By the id that its client chose: `Oi author 0 id` → number. Kept for good, as the log keeps a PDU: it is never taken twice. */
export function idKey(author: Address, id: PduId): Uint8Array {
  return concatBytes(utf8(`Oi${author}`), ZERO, fromHex(id));
}

/** The letters of an account that are not over, or of which it is still told: `Oa author 0 number` → nothing. */
export function authorKey(author: Address, number: number): Uint8Array {
  return concatBytes(utf8(`Oa${author}`), ZERO, uint64Bytes(number));
}
export function lettersOf(author: Address): KeySpan {
  return under(concatBytes(utf8(`Oa${author}`), ZERO));
}

/** What was found of a domain's MTA-STS policy: `Os domain` → row. */
export function stsKey(domain: string): Uint8Array {
  return utf8(`Os${domain}`);
}
