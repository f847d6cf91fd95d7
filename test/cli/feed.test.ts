/** The feed commands as people and scripts use them: own feeds, copies over TCP, drives, and what is refused. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { jsonOf, restante } from '../harness/home-process.ts';
import { MAIN } from '../harness/program.ts';
import { ServedFeeds } from '../harness/served-feeds.ts';

async function setup() {
  const folder = await mkdtemp(join(tmpdir(), 'feed-cli-'));
  return {
    path: (name: string): string => join(folder, name),
    async feed(...args: string[]) {
      return restante(['--json', 'feed', ...args]);
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true });
    },
  };
}

test('a feed is made, written, served, copied whole and in part, and verified', async () => {
  await using world = await setup();
  const { path, feed } = world;
  const own = path('own');
  const made = jsonOf<{ key: string; length: number }>((await feed('create', own)).stdout);
  expect(made).toMatchObject({ key: expect.stringMatching(/^[0-9a-f]{64}$/), length: 0 });
  expect((await feed('create', own)).stdout).toContain('"exists"');
  await writeFile(path('one'), 'first');
  await writeFile(path('two'), 'second');
  expect(jsonOf((await feed('append', own, path('one'), path('two'))).stdout)).toMatchObject({ length: 2 });
  const child = spawn(process.execPath, [MAIN, 'feed', 'append', own], { stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.end('third');
  await once(child, 'exit');
  await using served = await ServedFeeds.open([own]);
  const peer = ['--peer', `127.0.0.1:${served.port}`];
  const cloned = await feed('clone', made.key, path('copy'), ...peer);
  expect(jsonOf(cloned.stdout)).toEqual({ key: made.key, length: 3, have: 3, bytes: 16 });
  expect((await restante(['feed', 'cat', path('copy'), '2'])).stdout).toBe('third');
  const part = await feed('clone', `dat://${made.key}`, path('part'), ...peer, '--range', '1-1');
  expect(jsonOf(part.stdout)).toMatchObject({ length: 3, have: 1 });
  expect(await feed('cat', path('part'), '0')).toMatchObject({ code: 1, stdout: expect.stringContaining('not_found') });
  expect(jsonOf((await feed('verify', path('part'))).stdout)).toMatchObject({ ok: true, have: 1, length: 3 });
  expect(jsonOf((await feed('info', path('copy'))).stdout)).toMatchObject({ have: 3, writable: false, ok: true });
  expect((await feed('append', path('copy'), path('one'))).stdout).toContain('read_only');
});

test('a live copy gets what is added, and ends by Ctrl-C', async () => {
  await using world = await setup();
  const { path, feed } = world;
  const { key } = jsonOf<{ key: string }>((await feed('create', path('a'))).stdout);
  await writeFile(path('one'), 'first');
  await feed('append', path('a'), path('one'));
  const first = await ServedFeeds.open([path('a')]);
  const args = ['--verbose', 'feed', 'clone', key, path('b'), '--peer', `127.0.0.1:${first.port}`, '--live'];
  const live = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const saysTwo = new Promise<void>((resolve) => {
    let said = '';
    live.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('2 of 2')) resolve();
    });
  });
  // One process has a folder at a time: it is added to while nobody serves it, and served again at the same port.
  await first[Symbol.asyncDispose]();
  await feed('append', path('a'), path('one'));
  await using _ = await ServedFeeds.open([path('a')], first.port);
  await saysTwo;
  live.kill('SIGINT');
  expect(await once(live, 'exit')).toEqual([0, null]);
  expect(jsonOf((await feed('info', path('b'))).stdout)).toMatchObject({ length: 2, have: 2 });
});

test('a folder is shared and checked out, and a drive writes nothing through a link', async () => {
  await using world = await setup();
  const { path, feed } = world;
  await mkdir(path('files/sub'), { recursive: true });
  await writeFile(path('files/sub/a'), 'A');
  await writeFile(path('files/b'), Buffer.alloc(200_000, 7));
  const shared = await feed('share', path('files'), path('drive'));
  expect(jsonOf(shared.stdout)).toMatchObject({ files: 2, bytes: 200_001 });
  expect(jsonOf((await feed('checkout', path('drive'), path('out'))).stdout)).toMatchObject({ files: 2 });
  expect(await readFile(path('out/sub/a'), 'utf8')).toBe('A');
  expect((await readFile(path('out/b'))).equals(Buffer.alloc(200_000, 7))).toBe(true);
  await mkdir(path('trap'));
  await mkdir(path('elsewhere'));
  await symlink(path('elsewhere'), path('trap/sub'));
  const trapped = await feed('checkout', path('drive'), path('trap'));
  expect(trapped).toMatchObject({ code: 1, stdout: expect.stringContaining('exists') });
});

test('a wrong key, address or range is refused as usage, and a peer that is not there by name', async () => {
  await using world = await setup();
  const { path, feed } = world;
  const key = '00'.repeat(32);
  expect((await feed('clone', 'nonsense', path('x'), '--peer', 'localhost:1')).stdout).toContain('wrong_key');
  expect((await feed('clone', key, path('x'), '--peer', 'localhost')).stdout).toContain('bad_url');
  expect((await feed('clone', key, path('x'), '--peer', 'localhost:1', '--range', '9-1')).code).toBe(2);
});
