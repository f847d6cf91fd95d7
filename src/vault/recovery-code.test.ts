import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NobleSuite, SeededSecureRandom, toHex } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import { createRecoveryCode, deriveRecoveryKeys, parseRecoveryCode } from './recovery-code.ts';

const suite = new NobleSuite();
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const codes = fc.nat().map((seed) => createRecoveryCode(new SeededSecureRandom(seed)));

function refusal(text: string): unknown {
  try {
    return parseRecoveryCode(text);
  } catch (error) {
    return error;
  }
}

describe('a recovery code', () => {
  test('has eight groups of four symbols and its parser’s spelling', () => {
    const code = createRecoveryCode(new SystemRandom());
    expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){7}[0-9A-HJKMNP-TV-Z]{4}$/);
    expect(parseRecoveryCode(code)).toBe(code);
  });

  test('no two are alike, and neither are their keys', () => {
    const random = new SystemRandom();
    const [a, b] = [createRecoveryCode(random), createRecoveryCode(random)];
    expect(a).not.toBe(b);
    expect(deriveRecoveryKeys(suite, a).vaultKey).not.toEqual(deriveRecoveryKeys(suite, b).vaultKey);
  });

  test('is read as people write it', () => {
    fc.assert(
      fc.property(codes, (code) => {
        const written = code.toLowerCase().replaceAll('0', 'o').replaceAll('1', 'l').replaceAll('-', ' – ');
        expect(parseRecoveryCode(`\n ${written}\t`)).toBe(code);
        expect(parseRecoveryCode(code.replaceAll('-', '').replaceAll('1', 'I'))).toBe(code);
      }),
    );
  });

  test('of today gives its keys for ever', () => {
    const code = parseRecoveryCode('007V-Q7WR-DYMX-37Z7-XH54-9GAD-QCPV-WDSK');
    const { authentication, vaultKey } = deriveRecoveryKeys(suite, code);
    expect(toHex(authentication.publicKey)).toBe('86fbf3ae4bd098be296ded70d37d962483a8b7b16b6c923d8ac374a1779af39d');
    expect(toHex(vaultKey)).toBe('ec7824db7a093c5111997d5053e5f62c8b746a069dd9c3473b1fa0df897ac0bf');
  });
});

describe('a mistyped recovery code', () => {
  test('one wrong symbol is found, and the place of it told', () => {
    fc.assert(
      fc.property(codes, fc.nat(31), fc.integer({ min: 1, max: 31 }), (code, index, by) => {
        const symbols = [...code.replaceAll('-', '')];
        const wrong = ALPHABET[(ALPHABET.indexOf(symbols[index] ?? '') + by) % 32] ?? '';
        const group = Math.floor(index / 4) + 1;
        const position = (index % 4) + 1;
        expect(refusal(symbols.with(index, wrong).join(''))).toMatchObject({
          code: 'malformed_recovery_code',
          details: { group, position },
          fix: `Look at symbol ${position} of group ${group}.`,
        });
      }),
    );
  });

  test('two to four wrong symbols, or two neighbours exchanged, are found', () => {
    const places = fc.uniqueArray(fc.nat(31), { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(codes, places, fc.integer({ min: 1, max: 31 }), (code, indexes, by) => {
        let symbols = [...code.replaceAll('-', '')];
        for (const index of indexes)
          symbols = symbols.with(index, ALPHABET[(ALPHABET.indexOf(symbols[index] ?? '') + by) % 32] ?? '');
        expect(refusal(symbols.join(''))).toMatchObject({ code: 'malformed_recovery_code' });
      }),
    );
    fc.assert(
      fc.property(codes, fc.nat(30), (code, index) => {
        const symbols = [...code.replaceAll('-', '')];
        const [a = '', b = ''] = symbols.slice(index, index + 2);
        fc.pre(a !== b);
        const swapped = symbols
          .with(index, b)
          .with(index + 1, a)
          .join('');
        expect(refusal(swapped)).toMatchObject({ code: 'malformed_recovery_code' });
      }),
    );
  });

  test('a character that no code has is told by its place', () => {
    const code = createRecoveryCode(new SeededSecureRandom(3));
    expect(refusal(`${code.slice(0, 7)}U${code.slice(8)}`)).toMatchObject({ details: { group: 2, position: 3 } });
    expect(refusal('🦆')).toMatchObject({ details: { group: 1, position: 1 } });
  });

  test.each([
    ['', 0],
    ['ABCD', 4],
  ])('%j has too few symbols', (text, symbols) => {
    expect(refusal(text)).toMatchObject({ code: 'malformed_recovery_code', details: { symbols } });
  });

  test('a symbol twice is one too many', () => {
    const code = createRecoveryCode(new SeededSecureRandom(3));
    expect(refusal(`${code}${code.at(-1)}`)).toMatchObject({ details: { symbols: 33 } });
  });

  test('the refusal does not quote the code', () => {
    const code = createRecoveryCode(new SeededSecureRandom(3));
    const error = refusal(`${code.slice(0, -1)}U`);
    expect(JSON.stringify(error) + String(error)).not.toContain(code.slice(0, 4));
  });
});
