/**
 * What a home tells anybody who says "I am a new device of this address": how to stretch the password. Unknown addresses
 * get the same answer with a salt derived from a secret of the home, so asking does not tell who is here.
 */
import { z } from 'zod';
import { fromBase64, fromUtf8, toBase64 } from '../base/index.ts';
import { encodeCanonicalJson } from './canonical-json.ts';
import { ProtocolError } from './protocol-error.ts';

export interface EnrolmentParameters {
  readonly algorithm: 'argon2id';
  /** 16 bytes. */
  readonly salt: Uint8Array;
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

/** What a client offers at registration and refuses to go below (RFC 9106, second recommendation: 64 MiB, 3 passes). */
export const ENROLMENT_FLOOR = { memoryKib: 64 * 1024, passes: 3, lanes: 1 } as const;
/** A home that asks for more than this is refused too: it would only exhaust the device. */
export const ENROLMENT_CEILING = { memoryKib: 1024 * 1024, passes: 16, lanes: 16 } as const;

const schema = z.strictObject({
  algorithm: z.literal('argon2id'),
  lanes: z.int().min(1),
  memory_kib: z.int().min(1),
  passes: z.int().min(1),
  salt: z.string().length(22),
});

export function encodeEnrolmentParameters(parameters: EnrolmentParameters): Uint8Array {
  return encodeCanonicalJson({
    algorithm: parameters.algorithm,
    lanes: parameters.lanes,
    memory_kib: parameters.memoryKib,
    passes: parameters.passes,
    salt: toBase64(parameters.salt),
  });
}

/** Form only; whether they are strong enough is `areStrongEnough`'s. Throws ProtocolError. */
export function parseEnrolmentParameters(bytes: Uint8Array): EnrolmentParameters {
  try {
    const fields = schema.parse(JSON.parse(fromUtf8(bytes)));
    return {
      algorithm: fields.algorithm,
      salt: fromBase64(fields.salt),
      memoryKib: fields.memory_kib,
      passes: fields.passes,
      lanes: fields.lanes,
    };
  } catch (cause) {
    throw new ProtocolError('malformed', 'not enrolment parameters', { cause });
  }
}

export function areStrongEnough(parameters: EnrolmentParameters): boolean {
  const { memoryKib, passes, lanes } = parameters;
  return (
    memoryKib >= ENROLMENT_FLOOR.memoryKib &&
    passes >= ENROLMENT_FLOOR.passes &&
    memoryKib <= ENROLMENT_CEILING.memoryKib &&
    passes <= ENROLMENT_CEILING.passes &&
    lanes <= ENROLMENT_CEILING.lanes
  );
}
