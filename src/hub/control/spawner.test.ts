import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ManualClock, utf8 } from '../../base/index.ts';
import { LAUNCH_DESCRIPTOR } from '../component/launch.ts';
import { createProcessLog } from '../component/process-log.ts';
import { SPARE_DELAY_MS } from './limits.ts';
import { ProcessSpawner } from './spawner.ts';

const MiB = 1024 * 1024;
const OPTIONS = { heapBytes: 64 * MiB };
/** Ends with the number that its launch message is; without one it waits. */
const PROGRAM = `import { readFileSync } from 'node:fs';
process.exit(Number(readFileSync(${LAUNCH_DESCRIPTOR}, 'utf8')));`;

test('of many who start together, one process is started ahead for all', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'restante-spawner-'));
  const program = join(folder, 'program.mjs');
  await writeFile(program, PROGRAM);
  const clock = new ManualClock(0);
  try {
    await using spawner = new ProcessSpawner({ clock, log: createProcessLog('error') }, program);
    const first = ['3', '4', '5'].map((code) => spawner.spawn(utf8(code), OPTIONS));
    expect(clock.sleeperCount).toBe(1);
    expect(await Promise.all(first.map(({ exited }) => exited))).toEqual(['3', '4', '5']);
    await clock.advance(SPARE_DELAY_MS);
    expect(clock.sleeperCount).toBe(0);
    const [next, other] = ['6', '7'].map((code) => spawner.spawn(utf8(code), OPTIONS));
    expect(clock.sleeperCount).toBe(1);
    expect([await next?.exited, await other?.exited]).toEqual(['6', '7']);
  } finally {
    await rm(folder, { recursive: true });
  }
});
