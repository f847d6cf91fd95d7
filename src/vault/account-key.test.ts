import { decryptKey, readKey, readPrivateKey } from 'openpgp';
import { describe, expect, test } from 'vitest';
import { NobleSuite } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import { parseAddress } from '../protocol/index.ts';
import { exportSecretKey, rotateEncryptionSubkey } from './account-key.ts';
import { createAccountSecrets } from './account-secrets.ts';
import { parseCertificate } from './certificate.ts';

const CREATED_AT = Date.UTC(2026, 0, 2);

function createAccount() {
  const deps = { suite: new NobleSuite(), random: new SystemRandom() };
  return createAccountSecrets(deps, { address: parseAddress('alice@home.example'), createdAt: CREATED_AT });
}

describe('rotating the encryption subkey', () => {
  test('the certificate keeps its fingerprint and is encrypted to by a new subkey', async () => {
    const before = await createAccount();
    const after = await rotateEncryptionSubkey(before, CREATED_AT + 86_400_000);
    const [old, rotated] = await Promise.all([
      parseCertificate(before.certificate),
      parseCertificate(after.certificate),
    ]);
    expect(rotated.fingerprint).toBe(old.fingerprint);
    expect(rotated.encryptionKey).not.toBe(old.encryptionKey);
    expect(after).toMatchObject({ identity: before.identity, storageKey: before.storageKey });
  });

  test('the subkeys before are marked superseded, for programs that encrypt to every valid one', async () => {
    const once = await rotateEncryptionSubkey(await createAccount(), CREATED_AT + 86_400_000);
    const twice = await rotateEncryptionSubkey(once, CREATED_AT + 2 * 86_400_000);
    const key = await readKey({ binaryKey: twice.certificate });
    const at = new Date(CREATED_AT + 3 * 86_400_000);
    const valid = await Promise.all(
      key.subkeys.map((subkey) =>
        subkey.verify(at).then(
          () => true,
          () => false,
        ),
      ),
    );
    expect(valid).toEqual([false, false, true]);
  });

  test('twice within a second, or by a clock set back, the newest still is the one encrypted to', async () => {
    let secrets = await createAccount();
    const seen = new Set<string | undefined>();
    for (const now of [CREATED_AT, CREATED_AT, CREATED_AT - 86_400_000]) {
      secrets = await rotateEncryptionSubkey(secrets, now);
      const { encryptionKey } = await parseCertificate(secrets.certificate);
      const newest = (await readKey({ binaryKey: secrets.certificate })).subkeys.at(-1);
      expect(encryptionKey).toBe(newest?.getFingerprint());
      seen.add(encryptionKey);
    }
    expect(seen.size).toBe(3);
  });

  test('the secrets that were rotated stay as they were', async () => {
    const secrets = await createAccount();
    const [secretKey, certificate] = [secrets.secretKey.slice(), secrets.certificate.slice()];
    await rotateEncryptionSubkey(secrets, CREATED_AT);
    expect(secrets.secretKey).toEqual(secretKey);
    expect(secrets.certificate).toEqual(certificate);
  });
});

describe('exporting the secret key', () => {
  test('it opens with the passphrase and with no other', async () => {
    const secrets = await createAccount();
    const armoredKey = await exportSecretKey(secrets, 'correct horse');
    const privateKey = await readPrivateKey({ armoredKey });
    expect(privateKey.isDecrypted()).toBe(false);
    await expect(decryptKey({ privateKey, passphrase: 'wrong horse' })).rejects.toThrow();
    const opened = await decryptKey({ privateKey, passphrase: 'correct horse' });
    expect(opened.write()).toEqual(secrets.secretKey);
  });

  test('it does not leave without a passphrase', async () => {
    await expect(exportSecretKey(await createAccount(), '')).rejects.toMatchObject({ code: 'empty_password' });
  });

  test('the key in use stays unlocked', async () => {
    const secrets = await createAccount();
    await exportSecretKey(secrets, 'correct horse');
    expect((await readPrivateKey({ binaryKey: secrets.secretKey })).isDecrypted()).toBe(true);
  });
});
