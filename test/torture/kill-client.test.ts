/**
 * A person's `sync` is killed (kill -9) at random moments while mail arrives. Afterwards the device holds every acknowledged
 * message once, and says that it is complete.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SeededPrng } from '../../src/base/index.ts';
import { HomeProcess, jsonOf, MAIN, restante } from '../harness/home-process.ts';
import { runLength } from '../harness/length.ts';

const KILLS = runLength(5, 200);
const SEED = 12;
/** New mail of each round: enough that a sync has work when it is killed. */
const MAILS = 25;
/** From before the profile is open until after everything is stored. */
const KILL_MS = { min: 200, max: 3_200 };
const ENV = { RESTANTE_PASSWORD: 'correct horse battery staple' };

test(`${KILLS} kills of the client while it syncs lose nothing and double nothing (seed ${SEED})`, async () => {
  const prng = new SeededPrng(SEED);
  const folder = await mkdtemp(join(tmpdir(), 'restante-kill-'));
  const home = await HomeProcess.open(join(folder, 'home'), 0);
  try {
    const run = async (profile: string, ...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await restante(['--json', ...args, '--profile', join(folder, profile)], ENV);
      if (code !== 0) throw new Error(`${args[0]} ended with ${code}: ${stdout}${stderr}`);
      return stdout;
    };
    await run('alice', 'account', 'new', `alice@${home.home}`, '--node', home.url);
    await run('bob', 'account', 'new', `bob@${home.home}`, '--node', home.url);
    const acknowledged: string[] = [];
    let killed = 0;
    for (let round = 0; round < KILLS; round++) {
      const { path, hashes } = await writeMails(folder, round);
      const importing = run('alice', 'import', path, '--to', `bob@${home.home}`);
      killed += await syncUntilKilled(join(folder, 'bob'), KILL_MS.min + prng.below(KILL_MS.max - KILL_MS.min));
      expect(jsonOf<{ sent: number }>(await importing).sent).toBe(MAILS);
      acknowledged.push(...hashes);
    }
    const synced = jsonOf<{ missing: number; complete: boolean }>(await run('bob', 'sync'));
    expect(synced).toMatchObject({ missing: 0, complete: true });
    const exported = join(folder, 'exported');
    await run('bob', 'export', exported, '--format', 'eml');
    const held = await Promise.all(
      (await readdir(exported)).map(async (name) => sha256(await readFile(join(exported, name)))),
    );
    expect(held.sort()).toEqual(acknowledged.sort());
    console.log(
      `kill -9 of the client: ${killed} of ${KILLS} syncs killed before they ended, ${held.length} held once`,
    );
    expect(killed).toBeGreaterThan(0);
  } finally {
    await home.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

/** Returns how many were killed before their end: 1 or 0. */
async function syncUntilKilled(profile: string, afterMs: number): Promise<number> {
  const child = spawn(process.execPath, [MAIN, '--json', 'sync', '--profile', profile], {
    env: { ...process.env, ...ENV },
    stdio: 'ignore',
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  const signal = await new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_code, by) => resolve(by)));
  clearTimeout(timer);
  return signal === 'SIGKILL' ? 1 : 0;
}

async function writeMails(folder: string, round: number): Promise<{ path: string; hashes: string[] }> {
  const path = join(folder, `mail-${round}`);
  await mkdir(path);
  const hashes: string[] = [];
  for (let i = 0; i < MAILS; i++) {
    const text = `From: a@example.org\r\nSubject: ${round} ${i}\r\n\r\n${'line of text\r\n'.repeat(1 + i * 20)}`;
    await writeFile(join(path, `${i}.eml`), text);
    hashes.push(sha256(Buffer.from(text)));
  }
  return { path, hashes };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
