/**
 * The recovery code: 130 random bits as 26 symbols of Crockford's base32 and 6 check symbols, in eight groups of four.
 * People copy it by hand, so reading is forgiving (case, spaces, dashes, O for 0, I and L for 1), and the check symbols,
 * the code of BIP 173 (Bech32), find every mistake in up to four symbols and say where a single one is. A mistake is never
 * corrected silently. With this much randomness no stretching is needed: HKDF makes the keys.
 */
import { type CryptoSuite, invariant, type SecureRandom } from '../base/index.ts';
import { type DerivedKeys, splitKeys } from './derived-keys.ts';
import { VaultError } from './vault-error.ts';

/** `XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX`, as `createRecoveryCode` and `parseRecoveryCode` spell it. */
export type RecoveryCode = string & { readonly __brand: 'RecoveryCode' };

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const DATA_SYMBOLS = 26;
const CHECK_SYMBOLS = 6;
const SYMBOLS = DATA_SYMBOLS + CHECK_SYMBOLS;
const GROUP_SYMBOLS = 4;

export function createRecoveryCode(random: SecureRandom): RecoveryCode {
  const data = Array.from(random.bytes(DATA_SYMBOLS), (byte) => byte & 31);
  return spell([...data, ...checkSymbols(data)]);
}

/**
 * What a person typed, in its one spelling. Throws VaultError `malformed_recovery_code` with details {group, position}
 * (both from 1; the position within the group) where the mistake is, if that can be known.
 */
export function parseRecoveryCode(text: string): RecoveryCode {
  const symbols = readSymbols(text);
  if (symbols.length !== SYMBOLS)
    throw new VaultError(
      'malformed_recovery_code',
      `a recovery code has ${SYMBOLS} symbols, this has ${symbols.length}`,
      {
        fix: 'Compare it with your copy: a symbol is missing, or there is one too many.',
        details: { symbols: symbols.length },
      },
    );
  if (remainder(symbols) !== CHECK) throw mistyped(findSingleMistake(symbols));
  return spell(symbols);
}

export function deriveRecoveryKeys(suite: CryptoSuite, code: RecoveryCode): DerivedKeys {
  const symbols = readSymbols(code);
  invariant(symbols.length === SYMBOLS && remainder(symbols) === CHECK, 'a recovery code comes from its parser');
  return splitKeys(suite, 'recovery', Uint8Array.from(symbols.slice(0, DATA_SYMBOLS)));
}

function readSymbols(text: string): number[] {
  const symbols: number[] = [];
  // Every dash and space that a word processor may have made of ours.
  for (const character of text.toUpperCase().replace(/[\s\p{Dash_Punctuation}]/gu, '')) {
    const value = ALPHABET.indexOf(character.replace('O', '0').replace(/[IL]/, '1'));
    if (value < 0)
      throw new VaultError('malformed_recovery_code', 'a recovery code has only digits and letters, without U', {
        ...hint(symbols.length),
      });
    symbols.push(value);
  }
  return symbols;
}

function spell(symbols: readonly number[]): RecoveryCode {
  const text = symbols.map((value) => ALPHABET.charAt(value)).join('');
  return (text.match(/.{4}/g) ?? []).join('-') as RecoveryCode;
}

function hint(index: number): { fix: string; details: { group: number; position: number } } {
  const group = Math.floor(index / GROUP_SYMBOLS) + 1;
  const position = (index % GROUP_SYMBOLS) + 1;
  return { fix: `Look at symbol ${position} of group ${group}.`, details: { group, position } };
}

function mistyped(index: number | undefined): VaultError {
  const where =
    index === undefined ? { fix: 'Compare every group with your copy: more than one symbol differs.' } : hint(index);
  return new VaultError('malformed_recovery_code', 'a symbol of the recovery code is mistyped', where);
}

/** The index of the one symbol whose change makes the code right; undefined when it takes more than one. */
function findSingleMistake(symbols: readonly number[]): number | undefined {
  for (let index = 0; index < symbols.length; index++)
    for (let value = 0; value < ALPHABET.length; value++)
      if (remainder(symbols.with(index, value)) === CHECK) return index;
  return undefined;
}

// BIP 173: a BCH code over GF(32) that detects any four wrong symbols in up to 89; CHECK is what a right code leaves.
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3] as const;
const CHECK = 1;

function remainder(symbols: readonly number[]): number {
  let state = 1;
  for (const symbol of symbols) {
    const top = state >>> 25;
    state = ((state & 0x1ffffff) << 5) ^ symbol;
    GENERATOR.forEach((generator, bit) => {
      if ((top >>> bit) & 1) state ^= generator;
    });
  }
  return state;
}

function checkSymbols(data: readonly number[]): number[] {
  const state = remainder([...data, ...new Array<number>(CHECK_SYMBOLS).fill(0)]) ^ CHECK;
  return Array.from({ length: CHECK_SYMBOLS }, (_, index) => (state >>> (5 * (CHECK_SYMBOLS - 1 - index))) & 31);
}
