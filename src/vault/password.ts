/**
 * From a password to keys: NFKC (so that the same password typed on another keyboard is the same), Argon2id with the
 * account's parameters (64 bytes), HKDF. The parameters come from the home, which could ask for cheap ones to guess the
 * password from what it is then shown: below the floor nothing is computed. Above the ceiling neither.
 */
import { type CryptoSuite, type SecureRandom, utf8 } from '../base/index.ts';
import { ENROLMENT_CEILING, ENROLMENT_FLOOR, type EnrolmentParameters } from '../protocol/index.ts';
import { type DerivedKeys, splitKeys } from './derived-keys.ts';
import { VaultError } from './vault-error.ts';

/** What stretching costs: memory in KiB, passes over it, lanes. */
export type StretchingCost = Pick<EnrolmentParameters, 'memoryKib' | 'passes' | 'lanes'>;

export interface CostBounds {
  readonly floor: StretchingCost;
  readonly ceiling: StretchingCost;
}

const SALT_BYTES = 16;
const BOUNDS: CostBounds = Object.freeze({ floor: ENROLMENT_FLOOR, ceiling: ENROLMENT_CEILING });

/** Parameters for a new password: a fresh salt and the cost of the floor. */
export function createEnrolmentParameters(random: SecureRandom): EnrolmentParameters {
  return { algorithm: 'argon2id', salt: random.bytes(SALT_BYTES), ...ENROLMENT_FLOOR };
}

/** Throws VaultError `weak_parameters` (also for too costly ones) or `empty_password`. Takes some tenths of a second. */
export function derivePasswordKeys(
  suite: CryptoSuite,
  password: string,
  parameters: EnrolmentParameters,
): Promise<DerivedKeys> {
  return derivePasswordKeysWithin(BOUNDS, suite, password, parameters);
}

/** The same within other bounds. Not part of the door: there the bounds are the protocol's, whoever calls. */
export async function derivePasswordKeysWithin(
  bounds: CostBounds,
  suite: CryptoSuite,
  password: string,
  parameters: EnrolmentParameters,
): Promise<DerivedKeys> {
  if (password === '') throw new VaultError('empty_password', 'the password is empty');
  const { algorithm: _, salt, ...cost } = parameters;
  checkBounds(bounds, parameters);
  const secret = await suite.argon2id(utf8(password.normalize('NFKC')), salt, { ...cost, bytes: 64 });
  return splitKeys(suite, 'enrolment', secret);
}

function checkBounds({ floor, ceiling }: CostBounds, parameters: EnrolmentParameters): void {
  const details = { memoryKib: parameters.memoryKib, passes: parameters.passes, lanes: parameters.lanes };
  if (parameters.salt.length !== SALT_BYTES)
    throw new VaultError('weak_parameters', `the home's salt does not have ${SALT_BYTES} bytes`);
  for (const measure of ['memoryKib', 'passes', 'lanes'] as const) {
    if (parameters[measure] < floor[measure])
      throw new VaultError('weak_parameters', `the home asks for too little password stretching (${measure})`, {
        details,
      });
    if (parameters[measure] > ceiling[measure])
      throw new VaultError('weak_parameters', `the home asks for more password stretching than is sane (${measure})`, {
        details,
      });
  }
}
