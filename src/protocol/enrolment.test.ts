import { describe, expect, test } from 'vitest';
import { fromHex, fromUtf8, toBase64, utf8 } from '../base/index.ts';
import {
  areStrongEnough,
  ENROLMENT_CEILING,
  ENROLMENT_FLOOR,
  type EnrolmentParameters,
  encodeEnrolmentParameters,
  parseEnrolmentParameters,
} from './enrolment.ts';

const floor: EnrolmentParameters = { algorithm: 'argon2id', salt: new Uint8Array(16).fill(7), ...ENROLMENT_FLOOR };

describe('enrolment parameters', () => {
  test('come back from their bytes', () => {
    expect(parseEnrolmentParameters(encodeEnrolmentParameters(floor))).toEqual(floor);
  });

  test.each([
    '',
    'null',
    '[]',
    '{}',
    '{"algorithm":"argon2id"}',
    ...[
      { algorithm: 'argon2i' },
      { algorithm: 'scrypt' },
      { salt: 'AAAA' },
      { salt: toBase64(new Uint8Array(17)) },
      { salt: '!'.repeat(22) },
      { salt: `${'A'.repeat(21)}B` },
      { passes: 0 },
      { passes: 1.5 },
      { passes: '3' },
      { memory_kib: -1 },
      { lanes: 0 },
      { extra: 1 },
    ].map((change) => JSON.stringify({ ...JSON.parse(fromUtf8(encodeEnrolmentParameters(floor))), ...change })),
  ])('%s are none', (text) => {
    expect(() => parseEnrolmentParameters(utf8(text))).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  test('that are not UTF-8 are none', () => {
    expect(() => parseEnrolmentParameters(fromHex('7bff7d'))).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  test('at the floor and at the ceiling are taken', () => {
    expect(areStrongEnough(floor)).toBe(true);
    expect(areStrongEnough({ ...floor, ...ENROLMENT_CEILING })).toBe(true);
  });

  test.each([
    { memoryKib: ENROLMENT_FLOOR.memoryKib - 1 },
    { passes: ENROLMENT_FLOOR.passes - 1 },
    { memoryKib: ENROLMENT_CEILING.memoryKib + 1 },
    { passes: ENROLMENT_CEILING.passes + 1 },
    { lanes: ENROLMENT_CEILING.lanes + 1 },
  ])('beyond them (%j) are refused: weak for a guesser, or exhausting for the device', (change) => {
    expect(areStrongEnough({ ...floor, ...change })).toBe(false);
  });
});
