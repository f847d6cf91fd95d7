/** A second node, by the commands that an operator types. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { FleetStatus } from '../../src/node/index.ts';
import { freePort, HomeProcess, jsonOf, restante } from '../harness/home-process.ts';
import { until } from '../harness/live-fleet.ts';

test('a node joins by a token, is shown, and is removed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'restante-fleet-cli-'));
  const [a, b] = [join(folder, 'a'), join(folder, 'b')];
  const first = await HomeProcess.open(a, await freePort());
  let second: HomeProcess | undefined;
  const fleet = (data: string, ...args: readonly string[]): ReturnType<typeof restante> =>
    restante(['--json', 'fleet', ...args, '--data', data]);
  try {
    const { token } = jsonOf<{ token: string }>((await fleet(a, 'token')).stdout);
    const wrong = await fleet(
      b,
      'join',
      first.url,
      '--name',
      'b',
      '--token',
      token.replace(/.$/, (x) => (x === '0' ? '1' : '0')),
    );
    expect(wrong.code).not.toBe(0);
    expect(wrong.stdout + wrong.stderr).toContain('bad_token');
    expect((await fleet(b, 'join', first.url, '--name', 'b', '--token', token)).code).toBe(0);
    second = await HomeProcess.open(b, await freePort(), ['--durability', '2']);
    expect(second.home).toBe(first.home);
    const status = async (data: string): Promise<FleetStatus> => jsonOf((await fleet(data, 'status')).stdout);
    await until('a link', async () =>
      (await status(a)).nodes.some(({ node, state }) => node === 'b' && state === 'linked'),
    );
    const shown = await status(b);
    expect(shown.nodes.map(({ node, registrar }) => [node, registrar])).toEqual([
      ['a', true],
      ['b', false],
    ]);
    expect(shown.feeds).toHaveLength(2);
    expect((await fleet(b, 'remove', 'a')).stdout).toContain('refused');
    expect((await fleet(a, 'remove', 'b')).code).toBe(0);
    await until('b knows', async () => (await status(b)).removed);
    expect((await status(a)).nodes.map(({ node }) => node)).toEqual(['a']);
  } finally {
    await second?.stop();
    await first.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
