import fc from 'fast-check';
import { createMessage, generateKey, type PrivateKey, readPrivateKey, reformatKey, sign } from 'openpgp';
import { describe, expect, test } from 'vitest';
import { NobleSuite, utf8 } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import { parseAddress } from '../protocol/index.ts';
import { createAccountSecrets } from './account-secrets.ts';
import { parseCertificate } from './certificate.ts';
import { SIGNATURE_BYTES_MAX, SIGNATURES_MAX } from './limits.ts';
import { verifyDetached } from './verification.ts';

const SIGNED_AT = Date.UTC(2026, 5, 1);
const TEXT = utf8('Content-Type: text/plain\r\n\r\nHello.\r\n');

async function createSigner(name: string, createdAt = SIGNED_AT - 1000) {
  const deps = { suite: new NobleSuite(), random: new SystemRandom() };
  const account = { address: parseAddress(`${name}@home.example`), createdAt };
  const secrets = await createAccountSecrets(deps, account);
  const key = await readPrivateKey({ binaryKey: secrets.secretKey });
  return { key, certificate: await parseCertificate(secrets.certificate) };
}

/** The certificate of the same key as if its owner had signed it at another time only. */
async function createCopyOf(privateKey: PrivateKey, at: number) {
  const userIDs = [{ email: 'bob@home.example' }];
  const { publicKey } = await reformatKey({ privateKey, userIDs, date: new Date(at), format: 'object' });
  return parseCertificate(publicKey.write());
}

async function setup() {
  const alice = await createSigner('alice');
  const signDetached = (signingKeys = [alice.key], date = new Date(SIGNED_AT)) =>
    createMessage({ binary: TEXT }).then((message) =>
      sign({ message, signingKeys, detached: true, format: 'binary', date }),
    );
  const signature: Uint8Array = await signDetached();
  return { alice, signature, signDetached, signers: [alice.certificate] };
}

describe('a detached signature', () => {
  test('of a known signer verifies, binary and armored', async () => {
    const { alice, signature, signers } = await setup();
    const message = await createMessage({ binary: TEXT });
    const armored: string = await sign({ message, signingKeys: alice.key, detached: true, date: new Date(SIGNED_AT) });
    const { fingerprint } = alice.certificate;
    for (const form of [signature, armored])
      expect(await verifyDetached({ bytes: TEXT, signature: form, signers })).toEqual({
        status: 'verified',
        fingerprint,
        signedAt: SIGNED_AT,
        bound: false,
      });
  });

  test('over other bytes is wrong', async () => {
    const { alice, signature, signers } = await setup();
    const bytes = utf8('Content-Type: text/plain\r\n\r\nSend money.\r\n');
    const { fingerprint } = alice.certificate;
    expect(await verifyDetached({ bytes, signature, signers })).toEqual({ status: 'wrong_signature', fingerprint });
  });

  test('of somebody else is by an unknown signer', async () => {
    const { signature } = await setup();
    const mallory = await createSigner('mallory');
    const verification = await verifyDetached({ bytes: TEXT, signature, signers: [mallory.certificate] });
    expect(verification.status).toBe('unknown_signer');
  });

  test('stays right after its key has expired', async () => {
    const { privateKey, publicKey } = await generateKey({
      type: 'ecc',
      curve: 'curve25519Legacy',
      userIDs: [{ email: 'bob@other.example' }],
      date: new Date(SIGNED_AT - 1000),
      keyExpirationTime: 3600,
      format: 'object',
    });
    const { signDetached } = await setup();
    const signers = [await parseCertificate(publicKey.write())];
    const signature = await signDetached([privateKey]);
    expect(await verifyDetached({ bytes: TEXT, signature, signers })).toMatchObject({ status: 'verified' });
  });

  test('from before its key was certified is wrong', async () => {
    const early = await createSigner('bob', SIGNED_AT - 86_400_000);
    const certificate = await createCopyOf(early.key, SIGNED_AT + 86_400_000);
    const { signDetached } = await setup();
    const signature = await signDetached([early.key]);
    expect(await verifyDetached({ bytes: TEXT, signature, signers: [certificate] })).toMatchObject({
      status: 'wrong_signature',
    });
  });

  test('more than anybody makes are refused', async () => {
    const { alice, signDetached, signers } = await setup();
    const signature = await signDetached(new Array(SIGNATURES_MAX + 1).fill(alice.key));
    await expect(verifyDetached({ bytes: TEXT, signature, signers })).rejects.toMatchObject({ code: 'malformed' });
  });

  test('of rubbish is malformed, of too much of it too large', async () => {
    const { signature, signers } = await setup();
    const refused = (bytes: Uint8Array | string) =>
      expect(verifyDetached({ bytes: TEXT, signature: bytes, signers })).rejects;
    await refused(new Uint8Array()).toMatchObject({ code: 'malformed' });
    await refused('-----BEGIN PGP SIGNATURE-----\n\nabc').toMatchObject({ code: 'malformed' });
    await refused(signature.subarray(0, 40)).toMatchObject({ code: 'malformed' });
    await refused(new Uint8Array(SIGNATURE_BYTES_MAX + 1)).toMatchObject({ code: 'too_large' });
  });

  test('with any byte changed never verifies another text', async () => {
    const { signature, signers } = await setup();
    const change = fc.record({ at: fc.nat(signature.length - 1), by: fc.integer({ min: 1, max: 255 }) });
    await fc.assert(
      fc.asyncProperty(change, async ({ at, by }) => {
        const changed = signature.with(at, (signature[at] ?? 0) ^ by);
        const outcome = verifyDetached({ bytes: utf8('Send money.'), signature: changed, signers });
        expect((await outcome.catch(() => ({ status: 'refused' }))).status).not.toBe('verified');
      }),
      { numRuns: 200 },
    );
  });
});
