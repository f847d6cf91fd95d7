import fc from 'fast-check';
import { enums, generateKey, readKey, readPrivateKey, revokeKey, UserIDPacket } from 'openpgp';
import { describe, expect, test } from 'vitest';
import { concatBytes, NobleSuite } from '../base/index.ts';
import { SystemClock, SystemRandom } from '../base/system/index.ts';
import { parseAddress } from '../protocol/index.ts';
import { createAccountSecrets } from './account-secrets.ts';
import { armorCertificate, parseCertificate } from './certificate.ts';
import { encryptBody } from './encryption.ts';
import { CERTIFICATE_BYTES_MAX } from './limits.ts';
import { VaultError } from './vault-error.ts';

const CREATED_AT = Date.UTC(2026, 0, 2, 3, 4, 5);

function createAccount(address = 'alice@home.example') {
  const deps = { suite: new NobleSuite(), random: new SystemRandom() };
  return createAccountSecrets(deps, { address: parseAddress(address), createdAt: CREATED_AT });
}

describe('an account certificate', () => {
  test('is version 4, Ed25519 to sign and X25519 to encrypt, in the encoding that GnuPG 2.2 reads', async () => {
    const { certificate } = await createAccount();
    const key = await readKey({ binaryKey: certificate });
    expect(key.getAlgorithmInfo()).toMatchObject({ algorithm: 'eddsaLegacy', curve: 'ed25519Legacy' });
    expect(key.subkeys.map((subkey) => subkey.getAlgorithmInfo())).toMatchObject([
      { algorithm: 'ecdh', curve: 'curve25519Legacy' },
    ]);
    expect(key.getUserIDs()).toEqual(['<alice@home.example>']);
  });

  test('parses to its address, fingerprints and times, and keeps its bytes', async () => {
    const { certificate: bytes } = await createAccount('alice@localhost:7896');
    const certificate = await parseCertificate(bytes);
    expect(certificate).toMatchObject({
      version: 4,
      addresses: ['alice@localhost:7896'],
      createdAt: CREATED_AT,
      expiresAt: undefined,
    });
    expect(certificate.fingerprint).toMatch(/^[0-9a-f]{40}$/);
    expect(certificate.encryptionKey).toMatch(/^[0-9a-f]{40}$/);
    expect(certificate.encryptionKey).not.toBe(certificate.fingerprint);
    expect(certificate.bytes).toEqual(bytes);
  });

  test('is the same certificate in armor', async () => {
    const certificate = await parseCertificate((await createAccount()).certificate);
    const armored = armorCertificate(certificate);
    expect(armored).toMatch(/^-----BEGIN PGP PUBLIC KEY BLOCK-----/);
    expect((await readKey({ armoredKey: armored })).write()).toEqual(certificate.bytes);
  });
});

describe('certificates of others', () => {
  test('version 6 is accepted', async () => {
    const { publicKey } = await generateKey({
      type: 'curve25519',
      userIDs: [{ name: 'Bob', email: 'Bob@Other.Example' }],
      config: { v6Keys: true, aeadProtect: true },
      format: 'binary',
    });
    const certificate = await parseCertificate(publicKey);
    expect(certificate).toMatchObject({ version: 6, addresses: ['bob@other.example'] });
    expect(certificate.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  });

  test('an expiry is told, of the subkey when it is the earlier one', async () => {
    const { publicKey } = await generateKey({
      type: 'ecc',
      curve: 'curve25519Legacy',
      userIDs: [{ email: 'bob@other.example' }],
      date: new Date(CREATED_AT),
      keyExpirationTime: 7200,
      subkeys: [{ keyExpirationTime: 3600 }],
      format: 'binary',
    });
    expect((await parseCertificate(publicKey)).expiresAt).toBe(CREATED_AT + 3600_000);
  });

  test('one made by a clock ahead of ours is good', async () => {
    const { publicKey } = await generateKey({
      type: 'ecc',
      curve: 'curve25519Legacy',
      userIDs: [{ email: 'bob@other.example' }],
      date: new Date('2090-01-01'),
      format: 'binary',
    });
    expect((await parseCertificate(publicKey)).encryptionKey).toBeDefined();
  });

  test('without a key to encrypt to it still parses, and says so', async () => {
    const { publicKey } = await generateKey({
      type: 'ecc',
      curve: 'ed25519Legacy',
      userIDs: [{ email: 'bob@other.example' }],
      subkeys: [],
      format: 'binary',
    });
    expect((await parseCertificate(publicKey)).encryptionKey).toBeUndefined();
  });
});

describe('what is refused', () => {
  test.each([
    ['nothing', async () => new Uint8Array()],
    ['text', async () => new TextEncoder().encode('not a certificate')],
    ['a packet length beyond the end', async () => Uint8Array.of(0x99, 0xff, 0xff, 4)],
    [
      'two certificates',
      async () => concatBytes((await createAccount()).certificate, (await createAccount()).certificate),
    ],
    ['a certificate and rubbish', async () => concatBytes((await createAccount()).certificate, Uint8Array.of(1, 2, 3))],
  ])('%s is malformed', async (_, make) => {
    await expect(parseCertificate(await make())).rejects.toMatchObject({ code: 'malformed' });
  });

  test('a secret key, whoever sends it by mistake', async () => {
    const { secretKey } = await createAccount();
    await expect(parseCertificate(secretKey)).rejects.toMatchObject({ code: 'secret_key' });
  });

  test('more bytes than an account document takes, unread', async () => {
    await expect(parseCertificate(new Uint8Array(CERTIFICATE_BYTES_MAX + 1))).rejects.toMatchObject({
      code: 'too_large',
    });
  });

  test('a revoked certificate', async () => {
    const { secretKey } = await createAccount();
    const key = await readPrivateKey({ binaryKey: secretKey });
    const flag = enums.reasonForRevocation.keyCompromised;
    const { publicKey } = await revokeKey({ key, reasonForRevocation: { flag }, format: 'binary' });
    await expect(parseCertificate(publicKey)).rejects.toMatchObject({ code: 'unusable_certificate' });
  });

  test('one that was only retired parses, for what it signed before', async () => {
    const { secretKey, certificate } = await createAccount();
    const key = await readPrivateKey({ binaryKey: secretKey });
    const flag = enums.reasonForRevocation.keyRetired;
    const { publicKey } = await revokeKey({ key, reasonForRevocation: { flag }, format: 'binary' });
    const retired = await parseCertificate(publicKey);
    expect(retired.fingerprint).toBe((await parseCertificate(certificate)).fingerprint);
    const deps = { clock: new SystemClock(), random: new SystemRandom() };
    const sealing = encryptBody(deps, { mime: new Uint8Array(), certificates: [retired] });
    await expect(sealing).rejects.toMatchObject({ code: 'unusable_certificate' });
  });

  test('an address that the key did not sign: another user id under the old signature', async () => {
    const key = await readKey({ binaryKey: (await createAccount()).certificate });
    const user = key.users[0];
    Object.assign(user ?? {}, { userID: UserIDPacket.fromObject({ email: 'mallory@home.example' }) });
    await expect(parseCertificate(key.write())).rejects.toMatchObject({ code: 'unusable_certificate' });
  });

  test('a subkey that the key did not bind is not encrypted to', async () => {
    const [alice, mallory] = await Promise.all([createAccount(), createAccount()]);
    const key = await readKey({ binaryKey: alice.certificate });
    key.subkeys.push(...(await readKey({ binaryKey: mallory.certificate })).subkeys);
    const [honest, mixed] = await Promise.all([parseCertificate(alice.certificate), parseCertificate(key.write())]);
    expect(mixed.encryptionKey).toBe(honest.encryptionKey);
  });

  test('every truncation', async () => {
    const { certificate } = await createAccount();
    for (let length = 0; length < certificate.length; length += 7) {
      const outcome = await parseCertificate(certificate.subarray(0, length)).catch((error: unknown) => error);
      // A cut between two packets leaves a smaller certificate, which must not be one that is encrypted to.
      if (!(outcome instanceof VaultError)) expect(outcome).toMatchObject({ encryptionKey: undefined });
    }
  });

  test('any changed byte either refuses it or changes nothing that was signed', async () => {
    const { certificate } = await createAccount();
    const honest = await parseCertificate(certificate);
    const changes = fc.record({ at: fc.nat(certificate.length - 1), by: fc.integer({ min: 1, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(changes, async ({ at, by }) => {
        const changed = certificate.with(at, (certificate[at] ?? 0) ^ by);
        const outcome = await parseCertificate(changed).catch((error: unknown) => error);
        if (outcome instanceof VaultError) return;
        const { addresses, encryptionKey, fingerprint } = outcome as typeof honest;
        expect(fingerprint).toBe(honest.fingerprint);
        expect([honest.encryptionKey, undefined]).toContain(encryptionKey);
        expect(addresses.every((address) => address === 'alice@home.example')).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
