/** A letter to somebody whose key is known: the home and the servers on the way see the envelope, GnuPG reads and verifies it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseAddress } from '../../src/protocol/index.ts';
import { parseCertificate } from '../../src/vault/index.ts';
import { ClientWorld, never } from '../harness/client-world.ts';
import { openOutbound, relayTo } from '../harness/letter-world.ts';
import { NO_OTHER_HOMES } from '../harness/node-world.ts';
import { skipWithout } from '../harness/requirement.ts';
import { SecretScan } from '../harness/secret-scan.ts';
import { SmtpSink } from '../harness/smtp-sink.ts';
import { until } from '../harness/until.ts';

const isSkipped = skipWithout(spawnSync('gpg', ['--version']).error === undefined, {
  test: 'letters that GnuPG reads',
  lack: 'gpg is not installed',
});
const CAROL = parseAddress('carol@elsewhere.example');
const DAVE = parseAddress('dave@elsewhere.example');

/** Carol, as GnuPG's users are. */
class KeyRing implements Disposable {
  readonly #home = mkdtempSync(join(tmpdir(), 'restante-gpg-'));

  gpg(args: readonly string[], input: Uint8Array | string = ''): Buffer {
    const options = ['--homedir', this.#home, '--batch', '--yes', '--no-tty', '--pinentry-mode', 'loopback'];
    const more = ['--passphrase', '', '--trust-model', 'always', '--status-file', join(this.#home, 'status')];
    return execFileSync('gpg', [...options, ...more, ...args], {
      maxBuffer: 32 * 1024 * 1024,
      input,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  }

  get status(): string {
    return readFileSync(join(this.#home, 'status'), 'utf8');
  }

  importKey(bytes: Uint8Array): void {
    const file = join(this.#home, 'key');
    writeFileSync(file, bytes);
    this.gpg(['--import', file]);
  }

  [Symbol.dispose](): void {
    spawnSync('gpgconf', ['--homedir', this.#home, '--kill', 'all']);
    rmSync(this.#home, { recursive: true, force: true });
  }
}

// Without GnuPG nobody but ourselves could read what we write; CI has it.
test.skipIf(isSkipped)(
  'is encrypted where everybody has a key, signed by the key that it tells, and the same for those with a home',
  async () => {
    using carol = new KeyRing();
    carol.gpg(['--quick-gen-key', CAROL, 'future-default', 'default', 'never']);
    const certificate = await parseCertificate(new Uint8Array(carol.gpg(['--export', CAROL])));
    await using sink = await SmtpSink.open();
    await using world = await ClientWorld.open({ abroad: NO_OTHER_HOMES });
    await using _outbound = await openOutbound(world.node, { relay: relayTo(sink.settings.port) });
    const alice = await world.newPerson('alice');
    await using client = alice.client;
    await client.connect(never);
    world.findKey = async (address) => (address === CAROL ? certificate : undefined);

    const canary = `canary-${randomBytes(12).toString('hex')}`;
    const draft = { to: [CAROL], subject: `Über ${canary}`, text: `Only for Carol: ${canary}\n` };
    await expect(client.send({ ...draft, cc: [DAVE] })).rejects.toMatchObject({
      code: 'not_encrypted',
      details: { addresses: [DAVE] },
    });
    const sent = await client.send(draft);
    expect(sent.ordinary).toEqual({ to: [CAROL], encrypted: true });
    await until(() => sink.taken.length === 1);
    const [text = ''] = sink.taken;
    expect(text).not.toContain(canary);
    expect(text).toMatch(/^Subject: \.\.\.\r$/m);
    expect(text).toMatch(/^Content-Type: multipart\/encrypted; protocol="application\/pgp-encrypted";\r$/m);
    const [, keydata = ''] =
      /^Autocrypt: addr=alice@home\.example; prefer-encrypt=mutual; keydata=\r\n((?: \S+\r\n)+)/m.exec(text) ?? [];
    carol.importKey(Buffer.from(keydata.replace(/\s/g, ''), 'base64'));
    const [armored = ''] = /-----BEGIN PGP MESSAGE-----.*-----END PGP MESSAGE-----/s.exec(text) ?? [];
    const opened = carol.gpg(['--decrypt'], armored).toString('utf8');
    expect(opened).toContain(`Only for Carol: ${canary}`);
    expect(opened).toMatch(/^Subject: =\?/m);
    expect(carol.status).toMatch(/GOODSIG \S+ .*alice@home\.example/);
    expect(new SecretScan([canary]).inFolder(world.node.folder).found).toEqual([]);

    // Larger than a frame: in pieces, and the same.
    const content = Buffer.concat([randomBytes(4_000_000), Buffer.from(canary)]);
    await client.send({ ...draft, attachments: [{ name: 'photo.jpg', content }] });
    await until(() => sink.taken.length === 2);
    const [large = ''] = /-----BEGIN PGP MESSAGE-----.*-----END PGP MESSAGE-----/s.exec(sink.taken[1] ?? '') ?? [];
    const [, photo = ''] =
      /name="photo\.jpg"\r\n(?:\S.*\r\n)*\r\n((?:[A-Za-z0-9+/=]+\r\n)+)/.exec(
        carol.gpg(['--decrypt'], large).toString('latin1'),
      ) ?? [];
    expect(Buffer.from(photo, 'base64').equals(content)).toBe(true);
    expect(carol.status).toMatch(/GOODSIG \S+ .*alice@home\.example/);
    expect(new SecretScan([canary]).inFolder(world.node.folder).found).toEqual([]);
  },
);
