/** The tours of README.md, run as they stand but for the build, which is done, and the ports, which may be taken. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { freePortPair } from '../harness/home-process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILD = 'npm ci && npm run build\n';
const PORT = /\b7896\b/g;
// What a person's shell has and a script's has not: aliases and jobs. And every line must succeed.
// What is left of a tour that fails ends with it.
const AS_TYPED = "shopt -s expand_aliases\nset -m -e -o pipefail\ntrap 'kill $(jobs -p) 2> /dev/null' EXIT\n";
/** A home starts in a second; beside other tests it takes longer than a person would wait. */
const PATIENT = 'sleep 15';

test('the five-minute tour works as pasted', async () => {
  const tour = await section('Five minutes');
  expect(tour).toContain(BUILD);
  expect(tour).toMatch(PORT);
  const port = String(await freePortPair());
  const lines = tour.replace(BUILD, '').replaceAll(/ up --data/g, ` up --port ${port} --data`);
  const { code, output } = await bash(`${AS_TYPED}${lines.replaceAll(PORT, port)}`);
  expect(code, output).toBe(0);
  expect(output).toContain(`alice@localhost:${port} is yours`);
  expect(output).toContain('Lunch on Friday?');
  expect(output).toContain('the home holds no plaintext');
});

test('the tour of two homes works as pasted', async () => {
  const [north, south] = [String(await freePortPair()), String(await freePortPair())];
  const beginning = (await section('Five minutes')).split('\n\n')[0]?.replace(BUILD, '');
  const tour = (await section('Two homes')).replaceAll('7001', north).replaceAll('7011', south);
  const { code, output } = await bash(`${AS_TYPED}${beginning}\n${tour.replaceAll(/sleep \d+/g, PATIENT)}`);
  expect(code, output).toBe(0);
  const [, away, back] = output.split(/^HOME .*$/m);
  // The mail before may have been on its way when the home went.
  expect(away, output).toMatch(new RegExp(`^localhost:${south} +[12] `, 'm'));
  expect(back, output).toMatch(new RegExp(`^localhost:${south} +0 `, 'm'));
  expect(back?.match(/Boat/g), 'once').toHaveLength(1);
  expect(back?.match(/Oars/g), 'once').toHaveLength(1);
});

async function section(title: string): Promise<string> {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const lines = new RegExp(`## ${title}\\n[\\s\\S]*?\`\`\`sh\\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1];
  expect(lines, title).toBeDefined();
  return lines as string;
}

async function bash(script: string): Promise<{ code: number | null; output: string }> {
  const temporary = await mkdtemp(join(tmpdir(), 'restante-tour-'));
  try {
    return await typed(script, temporary);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function typed(script: string, temporary: string): Promise<{ code: number | null; output: string }> {
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
