import fc from 'fast-check';
import { generateKey, readMessage } from 'openpgp';
import { describe, expect, test } from 'vitest';
import { equalBytes, utf8 } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import { BODY_BYTES_MAX } from '../protocol/index.ts';
import { rotateEncryptionSubkey } from './account-key.ts';
import { openBody, sealBody } from './body.ts';
import { parseCertificate } from './certificate.ts';
import { createCorrespondents, createPerson, DAY, MIME, NOW } from './correspondents.contract.ts';
import { encryptBody } from './encryption.ts';

describe('a body', () => {
  test('is read by its recipient and by its author, and verified', async () => {
    const { alice, seal, open, binding } = await createCorrespondents();
    const body = await seal();
    const verified = { status: 'verified', fingerprint: alice.certificate.fingerprint, signedAt: NOW, bound: true };
    expect(await open(body)).toEqual({ mime: MIME, verification: verified });
    const own = await openBody({ body, secrets: alice.secrets, binding, signers: [alice.certificate] });
    expect(own).toEqual({ mime: MIME, verification: verified });
  });

  test('comes back byte for byte, malformed mail included', async () => {
    const { seal, open } = await createCorrespondents();
    const tokens = fc.constantFrom(
      '\r\n',
      '\n',
      '\r',
      '.\r\n',
      'From ',
      ' \n',
      '- ',
      '\0',
      '-----BEGIN PGP MESSAGE-----',
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 3000 }),
      fc.array(tokens).map((parts) => utf8(parts.join(''))),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (mime) => {
        const { mime: opened, verification } = await open(await seal(mime));
        expect(equalBytes(opened, mime)).toBe(true);
        expect(verification.status).toBe('verified');
      }),
      { numRuns: 60 },
    );
  });

  test('shows nothing of the text, nor, by its length, how well it compresses', async () => {
    const { seal } = await createCorrespondents();
    const [dull, rich] = [utf8('a'.repeat(4096)), new SystemRandom().bytes(4096)];
    const [a, b] = await Promise.all([seal(dull), seal(rich)]);
    expect(Buffer.from(a).includes(Buffer.from('aaaaaaaa'))).toBe(false);
    expect(a.length).toBe(b.length);
  });

  test('of the largest size is taken, beyond it refused unencrypted', async () => {
    const { seal, open } = await createCorrespondents();
    const largest = new SystemRandom().bytes(BODY_BYTES_MAX - 1024);
    expect(equalBytes((await open(await seal(largest))).mime, largest)).toBe(true);
    for (const size of [BODY_BYTES_MAX - 100, BODY_BYTES_MAX + 1])
      await expect(seal(new Uint8Array(size))).rejects.toMatchObject({ code: 'too_large' });
  });

  test('is encrypted once to somebody who is named twice', async () => {
    const { alice, bob, deps, binding } = await createCorrespondents();
    const certificates = [bob.certificate, bob.certificate, alice.certificate];
    const body = await sealBody(deps, { mime: MIME, secrets: alice.secrets, certificates, binding });
    expect((await readMessage({ binaryMessage: body })).getEncryptionKeyIDs()).toHaveLength(2);
  });

  test('without a signature is read and said to be unsigned', async () => {
    const { bob, deps, open } = await createCorrespondents();
    const body = await encryptBody(deps, { mime: MIME, certificates: [bob.certificate] });
    expect(await open(body)).toEqual({ mime: MIME, verification: { status: 'unsigned' } });
  });

  test('a certificate of version 6 is encrypted to as well', async () => {
    const { alice, deps, binding } = await createCorrespondents();
    const { publicKey, privateKey } = await generateKey({
      type: 'curve25519',
      userIDs: [{ email: 'carol@other.example' }],
      date: new Date(NOW - DAY),
      config: { v6Keys: true, aeadProtect: true },
      format: 'binary',
    });
    const carol = { ...alice.secrets, secretKey: privateKey, certificate: publicKey };
    const certificates = [await parseCertificate(publicKey)];
    const body = await sealBody(deps, { mime: MIME, secrets: alice.secrets, certificates, binding });
    const opened = await openBody({ body, secrets: carol, binding, signers: [alice.certificate] });
    expect(opened).toMatchObject({ mime: MIME, verification: { status: 'verified', bound: true } });
  });
});

describe('keys and clocks', () => {
  test('mail of before a rotation is read after it, and mail to the old certificate too', async () => {
    const { alice, bob, deps, binding, seal } = await createCorrespondents();
    const before = await seal();
    const once = await rotateEncryptionSubkey(bob.secrets, NOW);
    const rotated = await rotateEncryptionSubkey(once, NOW + DAY);
    const certificates = [await parseCertificate(rotated.certificate)];
    const after = await sealBody(deps, { mime: MIME, secrets: alice.secrets, certificates, binding });
    const late = await seal();
    for (const body of [before, after, late]) {
      const opened = await openBody({ body, secrets: rotated, binding, signers: [alice.certificate] });
      expect(opened).toMatchObject({ mime: MIME, verification: { status: 'verified', bound: true } });
    }
    await expect(openBody({ body: after, secrets: bob.secrets, binding, signers: [] })).rejects.toMatchObject({
      code: 'not_for_us',
    });
  });

  test.each([
    ['back three days, before the key was made', -3 * DAY],
    ['ahead a year', 365 * DAY],
  ])('a clock that jumps %s stops no mail', async (_, jump) => {
    const { seal, open } = await createCorrespondents(NOW + jump);
    expect((await open(await seal())).verification).toMatchObject({ status: 'verified', bound: true });
  });

  test('a recipient whose clock is ahead of ours is encrypted to', async () => {
    const { alice, deps, binding } = await createCorrespondents();
    const bob = await createPerson('bob', NOW + 30 * DAY);
    const certificates = [bob.certificate];
    const body = await sealBody(deps, { mime: MIME, secrets: alice.secrets, certificates, binding });
    const opened = await openBody({ body, secrets: bob.secrets, binding, signers: [alice.certificate] });
    expect(opened.mime).toEqual(MIME);
  });

  test('an expired certificate is not encrypted to, and the refusal says whose it is', async () => {
    const { alice, deps, binding } = await createCorrespondents();
    const { publicKey } = await generateKey({
      type: 'ecc',
      curve: 'curve25519Legacy',
      userIDs: [{ email: 'carol@other.example' }],
      date: new Date(NOW - 2 * DAY),
      keyExpirationTime: DAY / 1000,
      format: 'binary',
    });
    const certificates = [alice.certificate, await parseCertificate(publicKey)];
    const sealed = sealBody(deps, { mime: MIME, secrets: alice.secrets, certificates, binding });
    await expect(sealed).rejects.toMatchObject({
      code: 'unusable_certificate',
      details: { addresses: ['carol@other.example'] },
    });
  });
});
