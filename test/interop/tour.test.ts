/** The five-minute tour of README.md, run as it stands but for the build, which is done, and the port, which may be taken. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { freePort } from '../harness/home-process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILD = 'npm ci && npm run build\n';
const PORT = /\b7896\b/g;
// What a person's shell has and a script's has not: aliases and jobs. And every line must succeed.
const AS_TYPED = 'shopt -s expand_aliases\nset -m -e -o pipefail\n';

test('the five-minute tour works as pasted', async () => {
  const tour = (await readFile(join(ROOT, 'README.md'), 'utf8')).match(
    /## Five minutes[\s\S]*?```sh\n([\s\S]*?)```/,
  )?.[1];
  expect(tour).toContain(BUILD);
  expect(tour).toMatch(PORT);
  const port = String(await freePort());
  const lines = (tour as string).replace(BUILD, '').replaceAll(/ up --data/g, ` up --port ${port} --data`);
  const folder = await mkdtemp(join(tmpdir(), 'restante-tour-'));
  try {
    const { code, output } = await bash(`${AS_TYPED}${lines.replaceAll(PORT, port)}`, folder);
    expect(code, output).toBe(0);
    expect(output).toContain(`alice@localhost:${port} is yours`);
    expect(output).toContain('Lunch on Friday?');
    expect(output).toContain('the home holds no plaintext');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

async function bash(script: string, temporary: string): Promise<{ code: number | null; output: string }> {
  const shell = spawn('bash', ['--norc', '-c', script], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [shell.stdout, shell.stderr])
    stream.on('data', (data: Buffer) => {
      output += data.toString();
    });
  const code = await new Promise<number | null>((resolve) => shell.once('close', resolve));
  return { code, output };
}
