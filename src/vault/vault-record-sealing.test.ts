import { describe, expect, test } from 'vitest';
import { NobleSuite, utf8 } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import {
  encodeVaultRecord,
  parseAddress,
  parseVaultRecord,
  VAULT_RECORD_BYTES_MAX,
  type VaultRecord,
} from '../protocol/index.ts';
import { rotateEncryptionSubkey } from './account-key.ts';
import { createAccountSecrets } from './account-secrets.ts';
import { createEnrolmentParameters, derivePasswordKeysWithin } from './password.ts';
import { createRecoveryCode, deriveRecoveryKeys } from './recovery-code.ts';
import {
  changePassword,
  openVaultRecord,
  type PasswordSeal,
  replaceRecoveryCode,
  replaceSecrets,
  sealVaultRecord,
  type VaultOpener,
} from './vault-record-sealing.ts';

const suite = new NobleSuite();
const random = new SystemRandom();
const address = parseAddress('alice@home.example');
const CHEAP = { memoryKib: 64, passes: 1, lanes: 1 };

async function passwordSeal(password: string): Promise<PasswordSeal> {
  const parameters = { ...createEnrolmentParameters(random), ...CHEAP };
  return {
    parameters,
    keys: await derivePasswordKeysWithin({ floor: CHEAP, ceiling: CHEAP }, suite, password, parameters),
  };
}

async function setup() {
  const secrets = await createAccountSecrets({ suite, random }, { address, createdAt: 1_767_312_000_000 });
  const password = await passwordSeal('correct horse');
  const recovery = deriveRecoveryKeys(suite, createRecoveryCode(random));
  const record = sealVaultRecord(random, secrets, { password, recovery });
  return { secrets, password, recovery, record };
}

const byPassword = ({ keys }: PasswordSeal): VaultOpener => ({ by: 'password', keys });
const open = (record: VaultRecord, opener: VaultOpener) => openVaultRecord(suite, record, address, opener);

describe('a vault record', () => {
  test('opens with the password and with the recovery code, after a trip over the wire', async () => {
    const { secrets, password, recovery, record } = await setup();
    const received = parseVaultRecord(encodeVaultRecord(record));
    expect(open(received, byPassword(password)).secrets).toEqual(secrets);
    expect(open(received, { by: 'recovery', keys: recovery }).secrets).toEqual(secrets);
  });

  test('shows the home the two public keys and nothing of the secrets', async () => {
    const { secrets, password, recovery, record } = await setup();
    expect(record.enrolmentKey).toEqual(password.keys.authentication.publicKey);
    expect(record.recoveryKey).toEqual(recovery.authentication.publicKey);
    const shown = Buffer.from(encodeVaultRecord(record)).toString('latin1');
    expect(shown).not.toContain(Buffer.from(secrets.storageKey).toString('base64').slice(0, 20));
    expect(shown).not.toContain('alice');
  });

  test('a wrong password and a wrong recovery code are told as such', async () => {
    const { record, recovery, password } = await setup();
    const wrong = (await passwordSeal('wrong horse')).keys;
    const refused = (opener: VaultOpener) => () => open(record, opener);
    expect(refused({ by: 'password', keys: wrong })).toThrow(expect.objectContaining({ code: 'wrong_password' }));
    expect(refused({ by: 'recovery', keys: wrong })).toThrow(expect.objectContaining({ code: 'wrong_recovery_code' }));
    expect(refused({ by: 'password', keys: recovery })).toThrow(expect.objectContaining({ code: 'wrong_password' }));
    expect(refused({ by: 'recovery', keys: password.keys })).toThrow(
      expect.objectContaining({ code: 'wrong_recovery_code' }),
    );
  });

  test.each(['sealedByPassword', 'content'] as const)('a home that changes %s is noticed', async (part) => {
    const { record, password } = await setup();
    for (const at of [1, 30, record[part].length - 1]) {
      const changed = { ...record, [part]: record[part].with(at, (record[part][at] ?? 0) ^ 1) };
      expect(() => open(changed, byPassword(password))).toThrow(expect.objectContaining({ code: 'tampered' }));
    }
  });

  test('the parts do not open in each other’s place, nor for another address', async () => {
    const { record, password, recovery } = await setup();
    const exchanged = {
      ...record,
      sealedByPassword: record.sealedByRecovery,
      sealedByRecovery: record.sealedByPassword,
    };
    expect(() => open(exchanged, byPassword(password))).toThrow(expect.objectContaining({ code: 'tampered' }));
    const other = parseAddress('bob@home.example');
    expect(() => openVaultRecord(suite, record, other, { by: 'recovery', keys: recovery })).toThrow(
      expect.objectContaining({ code: 'tampered' }),
    );
  });
});

describe('changing what opens a record', () => {
  test('a new password with a new salt opens it, the old one does not, the recovery code still does', async () => {
    const { secrets, password, recovery, record } = await setup();
    const next = await passwordSeal('battery staple');
    const changed = changePassword(random, record, open(record, byPassword(password)), next);
    expect(changed.parameters.salt).not.toEqual(record.parameters.salt);
    expect(open(changed, byPassword(next)).secrets).toEqual(secrets);
    expect(() => open(changed, byPassword(password))).toThrow(expect.objectContaining({ code: 'wrong_password' }));
    expect(open(changed, { by: 'recovery', keys: recovery }).secrets).toEqual(secrets);
  });

  test('a new recovery code opens it, the old one does not, the password still does', async () => {
    const { secrets, password, recovery, record } = await setup();
    const keys = deriveRecoveryKeys(suite, createRecoveryCode(random));
    const changed = replaceRecoveryCode(random, record, open(record, byPassword(password)), keys);
    expect(open(changed, { by: 'recovery', keys }).secrets).toEqual(secrets);
    expect(() => open(changed, { by: 'recovery', keys: recovery })).toThrow(
      expect.objectContaining({ code: 'wrong_recovery_code' }),
    );
    expect(open(changed, byPassword(password)).secrets).toEqual(secrets);
  });

  test('rotated secrets replace the ones in it, and both ways in still work', async () => {
    const { secrets, password, recovery, record } = await setup();
    const { contentKey } = open(record, byPassword(password));
    const rotated = await rotateEncryptionSubkey(secrets, 1_767_400_000_000);
    const changed = replaceSecrets(random, record, { secrets: rotated, contentKey });
    expect(open(changed, byPassword(password)).secrets).toEqual(rotated);
    expect(open(changed, { by: 'recovery', keys: recovery }).secrets).toEqual(rotated);
  });

  test('a hundred rotations fit a record', async () => {
    const { secrets: first, password, recovery } = await setup();
    let secrets = first;
    for (let round = 1; round <= 100; round++)
      secrets = await rotateEncryptionSubkey(secrets, 1_767_312_000_000 + round * 86_400_000);
    const record = sealVaultRecord(random, secrets, { password, recovery });
    expect(encodeVaultRecord(record).length).toBeLessThan(VAULT_RECORD_BYTES_MAX);
    expect(open(record, byPassword(password)).secrets).toEqual(secrets);
  }, 60_000);

  test('secrets beyond a record are refused when they are sealed', async () => {
    const { secrets, password, recovery } = await setup();
    const large = { ...secrets, secretKey: utf8('x'.repeat(VAULT_RECORD_BYTES_MAX)) };
    expect(() => sealVaultRecord(random, large, { password, recovery })).toThrow(
      expect.objectContaining({ code: 'too_large' }),
    );
  });
});
