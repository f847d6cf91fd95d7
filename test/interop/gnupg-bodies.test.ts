/**
 * Against the real GnuPG: it imports an account's key, decrypts and verifies our bodies byte for byte, and we read and
 * verify what it makes. Each test has a key ring of its own. Without gpg the tests are skipped, under CI they fail.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { NobleSuite, utf8 } from '../../src/base/index.ts';
import { SystemClock, SystemRandom } from '../../src/base/system/index.ts';
import { type ConversationId, parseAddress } from '../../src/protocol/index.ts';
import { exportSecretKey, rotateEncryptionSubkey } from '../../src/vault/account-key.ts';
import { createAccountSecrets } from '../../src/vault/account-secrets.ts';
import { openBody, sealBody } from '../../src/vault/body.ts';
import type { BodyBinding } from '../../src/vault/body-binding.ts';
import { armorCertificate, parseCertificate } from '../../src/vault/certificate.ts';
import { verifyDetached } from '../../src/vault/verification.ts';
import { skipWithout } from '../harness/requirement.ts';

const isSkipped = skipWithout(spawnSync('gpg', ['--version']).error === undefined, {
  test: 'what GnuPG reads and writes',
  lack: 'gpg is not installed',
});
const TIMEOUT_MS = 60_000;
const PASSPHRASE = 'correct horse';
const NASTY = new Uint8Array([...utf8('From: x\r\n\nbare LF\n\r bare CR\r\0 NUL '), 0xff, 0xfe, 0x80, 0x0d]);

/** A key ring in a folder of its own, and the agent that serves it. */
class GnuPG implements Disposable {
  readonly #home = mkdtempSync(join(tmpdir(), 'restante-gpg-'));

  run(...args: string[]): Buffer {
    return this.feed(undefined, ...args).output;
  }

  /** Standard output, and the machine-readable status lines. */
  feed(input: Uint8Array | string | undefined, ...args: string[]): { output: Buffer; status: string } {
    const statusFile = join(this.#home, 'status');
    const options = ['--homedir', this.#home, '--batch', '--yes', '--no-tty', '--pinentry-mode', 'loopback'];
    options.push('--passphrase', PASSPHRASE, '--trust-model', 'always', '--status-file', statusFile);
    const output = execFileSync('gpg', [...options, ...args], { input: input ?? '', stdio: ['pipe', 'pipe', 'pipe'] });
    return { output, status: readFileSync(statusFile, 'utf8') };
  }

  file(name: string, bytes: Uint8Array): string {
    const path = join(this.#home, name);
    writeFileSync(path, bytes);
    return path;
  }

  [Symbol.dispose](): void {
    spawnSync('gpgconf', ['--homedir', this.#home, '--kill', 'all']);
    rmSync(this.#home, { recursive: true, force: true });
  }
}

async function setup() {
  const suite = new NobleSuite();
  const deps = { clock: new SystemClock(), random: new SystemRandom(), suite };
  // A minute ago: GnuPG refuses keys from the future, and seconds are rounded.
  const account = { address: parseAddress('alice@localhost:7896'), createdAt: deps.clock.now() - 60_000 };
  const secrets = await createAccountSecrets(deps, account);
  const certificate = await parseCertificate(secrets.certificate);
  const binding: BodyBinding = {
    type: 'mail',
    conversation: '00112233445566778899aabbccddeeff' as ConversationId,
    author: secrets.address,
    recipients: [secrets.address],
    time: 1_767_312_000_123,
  };
  const gpg = new GnuPG();
  return { deps, secrets, certificate, binding, gpg, [Symbol.dispose]: () => gpg[Symbol.dispose]() };
}

// Without gpg there is nothing to talk to; CI has it, and fails instead of skipping.
describe.skipIf(isSkipped)('GnuPG', () => {
  test(
    'decrypts and verifies a body byte for byte with the exported key, and shows what it was written for',
    async () => {
      using world = await setup();
      const { deps, secrets, certificate, binding, gpg } = world;
      gpg.feed(await exportSecretKey(secrets, PASSPHRASE), '--import');
      const body = await sealBody(deps, { mime: NASTY, secrets, certificates: [certificate], binding });
      const { output, status } = gpg.feed(body, '--decrypt');
      expect(new Uint8Array(output)).toEqual(NASTY);
      expect(status).toContain('DECRYPTION_OKAY');
      expect(status).toMatch(new RegExp(`VALIDSIG ${certificate.fingerprint.toUpperCase()} `));
      expect(status).toMatch(
        /NOTATION_NAME conversation@restante\.org\n.*\n?.*NOTATION_DATA 00112233445566778899aabbccddeeff/,
      );
      expect(status).toMatch(/NOTATION_DATA alice@localhost:7896/);
    },
    TIMEOUT_MS,
  );

  test(
    'reads mail of before and after a rotation, and encrypts to the newest subkey',
    async () => {
      using world = await setup();
      const { deps, secrets, certificate, binding, gpg } = world;
      const rotated = await rotateEncryptionSubkey(secrets, deps.clock.now() - 30_000);
      const renewed = await parseCertificate(rotated.certificate);
      gpg.feed(await exportSecretKey(rotated, PASSPHRASE), '--import');
      for (const to of [certificate, renewed]) {
        const body = await sealBody(deps, { mime: NASTY, secrets: rotated, certificates: [to], binding });
        const { output, status } = gpg.feed(body, '--decrypt');
        expect(new Uint8Array(output)).toEqual(NASTY);
        expect(status).toContain('GOODSIG');
      }
      const body = gpg.feed(NASTY, '--encrypt', '--recipient', renewed.fingerprint).output;
      const opened = await openBody({ body: new Uint8Array(body), secrets: rotated, binding, signers: [] });
      expect(opened).toEqual({ mime: NASTY, verification: { status: 'unsigned' } });
      const old = openBody({ body: new Uint8Array(body), secrets, binding, signers: [] });
      await expect(old).rejects.toMatchObject({ code: 'not_for_us' });
    },
    TIMEOUT_MS,
  );

  test(
    'writes mail, signed, encrypted and compressed as it likes, that we read and verify',
    async () => {
      using world = await setup();
      const { secrets, certificate, binding, gpg } = world;
      gpg.run('--quick-generate-key', 'Bob <bob@other.example>', 'ed25519', 'sign', 'never');
      gpg.feed(armorCertificate(certificate), '--import');
      const bob = await parseCertificate(new Uint8Array(gpg.run('--export', 'bob@other.example')));
      const { fingerprint } = bob;
      expect(bob.addresses).toEqual(['bob@other.example']);
      const mail = utf8('Hello, Alice.\r\n'.repeat(1000));
      const options = ['--sign', '--encrypt', '--recipient', certificate.fingerprint, '--local-user', fingerprint];
      for (const more of [['zlib'], ['zip'], ['bzip2'], ['none'], ['none', '--throw-keyids'], ['zlib', '--textmode']]) {
        const body = new Uint8Array(gpg.feed(mail, ...options, '--compress-algo', ...more).output);
        expect(body.length < mail.length).toBe(more[0] !== 'none');
        const opened = await openBody({ body, secrets, binding, signers: [bob] });
        expect(opened.verification).toMatchObject({ status: 'verified', fingerprint, bound: false });
        expect(opened.mime).toEqual(mail);
      }
      for (const mode of ['--no-textmode', '--textmode']) {
        const armored = gpg.feed(mail, '--armor', mode, '--detach-sign').output.toString('latin1');
        const judge = (bytes: Uint8Array) => verifyDetached({ bytes, signature: armored, signers: [bob] });
        expect(await judge(mail)).toMatchObject({ status: 'verified', fingerprint });
        expect(await judge(utf8('Hello!'))).toMatchObject({ status: 'wrong_signature' });
      }
    },
    TIMEOUT_MS,
  );

  test(
    'gives an RSA key an expiry, other addresses and other subkeys, and we read it as it is now',
    async () => {
      using world = await setup();
      const { gpg } = world;
      gpg.run('--quick-generate-key', 'Bob <bob@other.example>', 'rsa2048', 'default', '1d');
      const read = () => parseCertificate(new Uint8Array(gpg.run('--export', 'other.example')));
      const bob = await read();
      expect(bob.expiresAt).toBe(bob.createdAt + 86_400_000);
      expect(bob.addresses).toEqual(['bob@other.example']);
      gpg.run('--quick-add-uid', bob.fingerprint, 'Bob <robert@other.example>');
      gpg.run('--quick-revoke-uid', bob.fingerprint, 'Bob <bob@other.example>');
      gpg.run('--quick-add-key', bob.fingerprint, 'cv25519', 'encr', '1d');
      const later = await read();
      expect(later.fingerprint).toBe(bob.fingerprint);
      expect(later.addresses).toEqual(['robert@other.example']);
      expect(later.encryptionKey).not.toBe(bob.encryptionKey);
    },
    TIMEOUT_MS,
  );
});
