/**
 * GnuPG with what people are given: the key that `key export` prints opens a body as it lies on the home's disk, and the
 * author's certificate verifies it. Without gpg the test is skipped, under CI it fails.
 */
import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { HomeProcess, jsonOf, restante } from '../harness/home-process.ts';
import { skipWithout } from '../harness/requirement.ts';

const isSkipped = skipWithout(spawnSync('gpg', ['--version']).error === undefined, {
  test: 'opening a stored body with GnuPG',
  lack: 'gpg is not installed',
});
const PASSPHRASE = 'a passphrase for the export';
const ENV = { RESTANTE_PASSWORD: 'correct horse battery staple', RESTANTE_PASSPHRASE: PASSPHRASE };
/** Kept by the home as a file of its own. */
const LARGE_BYTES = 150_000;

// There may be nothing to open it with.
test.skipIf(isSkipped)(
  'GnuPG opens and verifies a body of the home’s disk with the keys that the command line exports',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'restante-gnupg-'));
    const ring = join(folder, 'gnupg');
    const home = await HomeProcess.open(join(folder, 'home'), 0);
    try {
      const run = async <Result>(profile: string, ...args: string[]): Promise<Result> => {
        const { code, stdout, stderr } = await restante(['--json', ...args, '--profile', join(folder, profile)], ENV);
        if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stdout}${stderr}`);
        return jsonOf<Result>(stdout);
      };
      const [alice, bob] = [`alice@${home.home}`, `bob@${home.home}`];
      const { fingerprint } = await run<{ fingerprint: string }>('alice', 'account', 'new', alice, '--node', home.url);
      await run('bob', 'account', 'new', bob, '--node', home.url);
      const message = Buffer.concat([Buffer.from('Subject: large\r\n\r\n'), randomBytes(LARGE_BYTES)]);
      await writeFile(join(folder, 'large.eml'), message);
      await run('alice', 'import', join(folder, 'large.eml'), '--to', bob);

      await mkdir(ring, { mode: 0o700 });
      for (const [profile, ...args] of [['bob', '--secret'], ['alice']] as const) {
        const { armor } = await run<{ armor: string }>(profile, 'key', 'export', ...args);
        await writeFile(join(folder, 'key.asc'), armor);
        await gpg(ring, '--import', join(folder, 'key.asc'));
      }
      const { output, status } = await gpg(ring, '--decrypt', await largeFileIn(join(folder, 'home', 'store')));
      expect(output.equals(message)).toBe(true);
      expect(status).toMatch(new RegExp(`^\\[GNUPG:\\] VALIDSIG .*${fingerprint}`, 'im'));
    } finally {
      await home.stop();
      spawnSync('gpgconf', ['--homedir', ring, '--kill', 'all']);
      await rm(folder, { recursive: true, force: true });
    }
  },
);

async function largeFileIn(folder: string): Promise<string> {
  const names = await readdir(join(folder, 'values'), { recursive: true, withFileTypes: true });
  const files = names.filter((name) => name.isFile()).map((name) => join(name.parentPath, name.name));
  expect(files).toHaveLength(1);
  const [file] = files as [string];
  expect((await readFile(file)).length).toBeGreaterThan(LARGE_BYTES);
  return file;
}

async function gpg(ring: string, ...args: string[]): Promise<{ output: Buffer; status: string }> {
  const options = ['--homedir', ring, '--batch', '--no-tty', '--pinentry-mode', 'loopback', '--trust-model', 'always'];
  options.push('--passphrase', PASSPHRASE, '--status-fd', '2');
  const { stdout, stderr } = await promisify(execFile)('gpg', [...options, ...args], {
    encoding: 'buffer',
    maxBuffer: 16 * 1024 * 1024,
  });
  return { output: stdout, status: stderr.toString() };
}
