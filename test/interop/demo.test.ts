/** `npm run demo` but for its build, which is done: it tells its story, keeps its time, and leaves nothing behind. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const DEMO = fileURLToPath(new URL('../../scripts/demo/main.mjs', import.meta.url));

test('the demo takes a home away and brings it back, and ends what it started', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'restante-demo-test-'));
  try {
    const { code, output } = await run(folder);
    expect(code, output).toBe(0);
    expect(output).toMatch(/4 mails wait on the disk of localhost:\d+/);
    expect(output).toContain('Nothing waits any more.');
    expect(output.match(/ once$/gm)).toHaveLength(4);
    expect(output).toContain('Not a word of the mail stands in the files of either home.');
    expect(output, 'no colour where nobody watches').not.toContain('\u001b');
    expect(Math.max(...output.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(await readdir(folder), 'its folder is gone').toEqual([]);
    for (const [, port] of output.matchAll(/The home localhost:(\d+) serves/g))
      await expect(fetch(`http://localhost:${port}/healthz`)).rejects.toThrow('fetch failed');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

async function run(temporary: string): Promise<{ code: number | null; output: string }> {
  const demo = spawn(process.execPath, [DEMO], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [demo.stdout, demo.stderr])
    stream.on('data', (data: Buffer) => {
      output += data.toString();
    });
  const code = await new Promise<number | null>((resolve) => demo.once('close', resolve));
  return { code, output };
}
