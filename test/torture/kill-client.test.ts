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
import { asPerson, HomeProcess, PASSWORD } from '../harness/home-process.ts';
import { runLength } from '../harness/length.ts';
import { MAIN } from '../harness/program.ts';

const KILLS = runLength(2, 200);
const SEED = 12;
/** New mail of each round: enough that a sync has work when it is killed. */
const MAILS = runLength(15, 25);
/** From before the profile is open until after everything is stored. */
const KILL_MS = { min: 200, max: 3_200 };

test(`${KILLS} kills of the client while it syncs lose nothing and double nothing (seed ${SEED})`, async () => {
  const prng = new SeededPrng(SEED);
  const folder = await mkdtemp(join(tmpdir(), 'restante-kill-'));
  const home = await HomeProcess.open(join(folder, 'home'), 0);
  try {
    const run = <Result>(profile: string, ...args: string[]): Promise<Result> =>
      asPerson<Result>(join(folder, profile), ...args);
    await run('alice', 'account', 'new', `alice@${home.home}`, '--node', home.url);
    await run('bob', 'account', 'new', `bob@${home.home}`, '--node', home.url);
    const acknowledged: string[] = [];
    for (let round = 0; round < KILLS; round++) {
      const { path, hashes } = await writeMails(folder, round);
      const importing = run<{ sent: number }>('alice', 'import', path, '--to', `bob@${home.home}`);
      await syncUntilKilled(join(folder, 'bob'), KILL_MS.min + prng.below(KILL_MS.max - KILL_MS.min));
      expect((await importing).sent).toBe(MAILS);
      acknowledged.push(...hashes);
    }
    expect(await run('bob', 'sync')).toMatchObject({ missing: 0, complete: true });
    const exported = join(folder, 'exported');
    await run('bob', 'export', exported, '--format', 'eml');
    const held = await Promise.all(
      (await readdir(exported)).map(async (name) => sha256(await readFile(join(exported, name)))),
    );
    expect(held.sort()).toEqual(acknowledged.sort());
    console.log(`kill -9 of the client: ${KILLS} killed, ${held.length} messages held once`);
  } finally {
    await home.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

/** It follows what comes until the kill, so that every kill meets one at work. */
async function syncUntilKilled(profile: string, afterMs: number): Promise<void> {
  const child = spawn(process.execPath, [MAIN, '--json', 'sync', '--watch', '--profile', profile], {
    env: { ...process.env, ...PASSWORD },
    stdio: 'ignore',
  });
  // Real time: the process that is killed runs by no clock of ours, and a random moment of its work is what is wanted.
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  const signal = await new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_code, by) => resolve(by)));
  clearTimeout(timer);
  expect(signal).toBe('SIGKILL');
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
