/**
 * The vault record: what a home keeps for an account so that a new device needs address and password only. The home reads
 * the two public keys in it (to authenticate enrolment and recovery) and the parameters; the rest is sealed to keys that
 * never leave the person's devices. Canonical JSON; named by hash in the account document.
 */
import { z } from 'zod';
import { fromBase64, fromUtf8, toBase64 } from '../base/index.ts';
import { encodeCanonicalJson } from './canonical-json.ts';
import { type EnrolmentParameters, encodeEnrolmentParameters, parseEnrolmentParameters } from './enrolment.ts';
import { VAULT_RECORD_BYTES_MAX } from './limits.ts';
import { ProtocolError } from './protocol-error.ts';

export interface VaultRecord {
  readonly parameters: EnrolmentParameters;
  /** Ed25519 public key that the password yields: whoever proves it may fetch this record. */
  readonly enrolmentKey: Uint8Array;
  /** Ed25519 public key that the recovery code yields. */
  readonly recoveryKey: Uint8Array;
  /** The vault's content key, sealed to the password's vault key. */
  readonly sealedByPassword: Uint8Array;
  /** The vault's content key, sealed to the recovery code's vault key. */
  readonly sealedByRecovery: Uint8Array;
  /** The secrets, sealed to the content key. */
  readonly content: Uint8Array;
}

const base64 = z.string().max(VAULT_RECORD_BYTES_MAX);
const schema = z.strictObject({
  content: base64,
  enrolment_key: z.string().length(43),
  parameters: z.record(z.string(), z.union([z.string(), z.int()])),
  recovery_key: z.string().length(43),
  sealed_by_password: base64,
  sealed_by_recovery: base64,
  v: z.literal(1),
});

export function encodeVaultRecord(record: VaultRecord): Uint8Array {
  return encodeCanonicalJson({
    v: 1,
    parameters: JSON.parse(fromUtf8(encodeEnrolmentParameters(record.parameters))),
    enrolment_key: toBase64(record.enrolmentKey),
    recovery_key: toBase64(record.recoveryKey),
    sealed_by_password: toBase64(record.sealedByPassword),
    sealed_by_recovery: toBase64(record.sealedByRecovery),
    content: toBase64(record.content),
  });
}

/** Throws ProtocolError. */
export function parseVaultRecord(bytes: Uint8Array): VaultRecord {
  if (bytes.length > VAULT_RECORD_BYTES_MAX)
    throw new ProtocolError('too_large', `a vault record has at most ${VAULT_RECORD_BYTES_MAX} bytes`);
  try {
    const fields = schema.parse(JSON.parse(fromUtf8(bytes)));
    return {
      parameters: parseEnrolmentParameters(encodeCanonicalJson(fields.parameters)),
      enrolmentKey: fromBase64(fields.enrolment_key),
      recoveryKey: fromBase64(fields.recovery_key),
      sealedByPassword: fromBase64(fields.sealed_by_password),
      sealedByRecovery: fromBase64(fields.sealed_by_recovery),
      content: fromBase64(fields.content),
    };
  } catch (cause) {
    throw new ProtocolError('malformed', 'not a vault record', { cause });
  }
}
