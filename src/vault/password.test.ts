import { argon2id } from '@noble/hashes/argon2.js';
import { describe, expect, test } from 'vitest';
import { NobleSuite, utf8 } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import { areStrongEnough, ENROLMENT_CEILING, ENROLMENT_FLOOR, type EnrolmentParameters } from '../protocol/index.ts';
import { splitKeys } from './derived-keys.ts';
import {
  type CostBounds,
  createEnrolmentParameters,
  derivePasswordKeys,
  derivePasswordKeysWithin,
} from './password.ts';

const suite = new NobleSuite();
const CHEAP = { memoryKib: 64, passes: 1, lanes: 1 };
const BOUNDS: CostBounds = { floor: CHEAP, ceiling: ENROLMENT_CEILING };
const parameters: EnrolmentParameters = { algorithm: 'argon2id', salt: new Uint8Array(16).fill(7), ...CHEAP };

describe('keys of a password', () => {
  test('are Argon2id as another implementation computes it, split by HKDF', async () => {
    const costly = { ...parameters, memoryKib: 256, passes: 2, lanes: 2 };
    const keys = await derivePasswordKeysWithin(BOUNDS, suite, 'correct horse', costly);
    const secret = argon2id(utf8('correct horse'), costly.salt, { t: 2, m: 256, p: 2, dkLen: 64 });
    expect(keys).toEqual(splitKeys(suite, 'enrolment', secret));
  });

  test('at the floor are the same each time, and differ with the salt', async () => {
    const fresh = createEnrolmentParameters(new SystemRandom());
    expect(areStrongEnough(fresh)).toBe(true);
    const keys = await derivePasswordKeys(suite, 'correct horse', fresh);
    expect(await derivePasswordKeys(suite, 'correct horse', fresh)).toEqual(keys);
    const other = await derivePasswordKeys(suite, 'correct horse', createEnrolmentParameters(new SystemRandom()));
    expect(other.vaultKey).not.toEqual(keys.vaultKey);
  });

  test('the key that the home sees is not the key that opens the vault', async () => {
    const { authentication, vaultKey } = await derivePasswordKeysWithin(BOUNDS, suite, 'correct horse', parameters);
    expect(authentication.secretKey.subarray(0, 32)).not.toEqual(vaultKey);
    expect(authentication.publicKey).not.toEqual(vaultKey);
  });

  test('a password is the same however a keyboard composes its letters', async () => {
    const composed = await derivePasswordKeysWithin(BOUNDS, suite, 'caf\u00e9 \ufb01n', parameters);
    const decomposed = await derivePasswordKeysWithin(BOUNDS, suite, 'cafe\u0301 fin', parameters);
    expect(decomposed).toEqual(composed);
    const other = await derivePasswordKeysWithin(BOUNDS, suite, 'cafe fin', parameters);
    expect(other.vaultKey).not.toEqual(composed.vaultKey);
  });
});

describe('parameters that a home may not ask for', () => {
  const { memoryKib, passes } = ENROLMENT_FLOOR;
  test.each([
    ['too little memory', { memoryKib: memoryKib - 1 }],
    ['too few passes', { passes: passes - 1 }],
    ['no lane', { lanes: 0 }],
    ['more memory than is sane', { memoryKib: ENROLMENT_CEILING.memoryKib + 1 }],
    ['more passes than is sane', { passes: ENROLMENT_CEILING.passes + 1 }],
    ['more lanes than is sane', { lanes: ENROLMENT_CEILING.lanes + 1 }],
    ['a short salt', { salt: new Uint8Array(15) }],
  ])('%s', async (_, change) => {
    const asked = { ...parameters, ...ENROLMENT_FLOOR, ...change };
    await expect(derivePasswordKeys(suite, 'correct horse', asked)).rejects.toMatchObject({ code: 'weak_parameters' });
  });

  test('the door has no way to lower the floor', async () => {
    const door = await import('./index.ts');
    expect(Object.keys(door)).not.toContain('derivePasswordKeysWithin');
    await expect(door.derivePasswordKeys(suite, 'correct horse', parameters)).rejects.toMatchObject({
      code: 'weak_parameters',
    });
  });

  test('an empty password is none', async () => {
    await expect(derivePasswordKeys(suite, '', createEnrolmentParameters(new SystemRandom()))).rejects.toMatchObject({
      code: 'empty_password',
    });
  });
});
