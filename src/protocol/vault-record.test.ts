import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromUtf8, toBase64, utf8 } from '../base/index.ts';
import { ENROLMENT_FLOOR } from './enrolment.ts';
import { VAULT_RECORD_BYTES_MAX } from './limits.ts';
import { ProtocolError } from './protocol-error.ts';
import { encodeVaultRecord, parseVaultRecord, type VaultRecord } from './vault-record.ts';

const record: VaultRecord = {
  parameters: { algorithm: 'argon2id', salt: new Uint8Array(16).fill(1), ...ENROLMENT_FLOOR },
  enrolmentKey: new Uint8Array(32).fill(2),
  recoveryKey: new Uint8Array(32).fill(3),
  sealedByPassword: new Uint8Array(60).fill(4),
  sealedByRecovery: new Uint8Array(60).fill(5),
  content: new Uint8Array(1_000).fill(6),
};

describe('a vault record', () => {
  test('comes back from its bytes', () => {
    expect(parseVaultRecord(encodeVaultRecord(record))).toEqual(record);
  });

  test.each([
    { v: 2 },
    { extra: 1 },
    { enrolment_key: toBase64(new Uint8Array(31)) },
    { recovery_key: '!'.repeat(43) },
    { sealed_by_password: 1 },
    { sealed_by_recovery: 'AA==' },
    { content: null },
    { parameters: {} },
    { parameters: { algorithm: 'argon2id', salt: 'short', memory_kib: 1, passes: 1, lanes: 1 } },
    { parameters: [] },
  ])('with %j is refused', (change) => {
    const fields = JSON.parse(fromUtf8(encodeVaultRecord(record))) as object;
    expect(() => parseVaultRecord(utf8(JSON.stringify({ ...fields, ...change })))).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
  });

  test('beyond the limit is refused before it is parsed', () => {
    expect(() => parseVaultRecord(new Uint8Array(VAULT_RECORD_BYTES_MAX + 1))).toThrow(
      expect.objectContaining({ code: 'too_large' }),
    );
  });

  test('whatever bytes come, a record or a refusal leaves', () => {
    const bytes = encodeVaultRecord(record);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (index, value) => {
        const mutated = bytes.slice();
        mutated[index] = value;
        try {
          parseVaultRecord(mutated);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
