/** Folders between us and npm's hyperdrive 9: each reads what the other shares, byte by byte. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { SeededPrng } from '../../src/base/index.ts';
import { jsonOf, restante } from '../harness/home-process.ts';
import { hasCompilers, INSTALL_TIMEOUT_MS } from '../harness/npm-package.ts';
import { NpmPeer } from '../harness/npm-peer.ts';
import { skipWithout } from '../harness/requirement.ts';
import { ServedFeeds } from '../harness/served-feeds.ts';

const LACK = 'there is no autoconf, automake and libtool to build what npm hyperdrive 9 needs';
const FILES = 2_000;

async function setup() {
  const folder = await mkdtemp(join(tmpdir(), 'drive-'));
  const peer = await NpmPeer.open();
  return {
    peer,
    path: (name: string): string => join(folder, name),
    async [Symbol.asyncDispose]() {
      await peer[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** Files of many sizes, some empty and some of several blocks, four folders deep. */
async function makeFolder(folder: string, seed: number): Promise<void> {
  const prng = new SeededPrng(seed);
  for (let i = 0; i < FILES; i++) {
    const file = join(folder, `a${i % 7}`, `b${i % 11}`, `ordner ü${i % 3}`, `file ${i}`);
    await mkdir(dirname(file), { recursive: true });
    const size = i % 400 === 0 ? 200_000 : i % 50 === 0 ? 0 : prng.below(600);
    await writeFile(file, Buffer.from(Array.from({ length: size }, () => prng.below(256))));
  }
}

/** Name to content. */
async function contentOf(folder: string, below = ''): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
    const name = join(below, entry.name);
    if (entry.isDirectory()) for (const [file, content] of await contentOf(folder, name)) files.set(file, content);
    else files.set(name, (await readFile(join(folder, name))).toString('base64'));
  }
  return files;
}

// Its libsodium is compiled where it is installed; without compilers the line says so, and with CI=true it fails.
describe.skipIf(skipWithout(hasCompilers(), { test: 'npm hyperdrive', lack: LACK }))('npm hyperdrive 9', () => {
  beforeAll(() => NpmPeer.install(), 2 * INSTALL_TIMEOUT_MS);

  test(`reads a folder of ${FILES} files that we share, also after changes`, async () => {
    await using world = await setup();
    const [source, feed, target] = ['source', 'feed', 'target'].map(world.path) as [string, string, string];
    await makeFolder(source, 1);
    const shared = jsonOf<{ key: string; files: number }>(
      (await restante(['--json', 'feed', 'share', source, feed])).stdout,
    );
    expect(shared.files).toBe(FILES);
    await writeFile(join(source, 'a0', 'new file'), 'new');
    await rm(join(source, 'a1', 'b1'), { recursive: true });
    await restante(['--json', 'feed', 'share', source, feed]);
    const expected = await contentOf(source);
    await using served = await ServedFeeds.open([feed]);
    const { files } = await world.peer.tell<{ files: number }>({
      do: 'readDrive',
      key: shared.key,
      port: served.port,
      target,
    });
    expect(files).toBe(expected.size);
    expect(await contentOf(target)).toEqual(expected);
  });

  test(`shares a folder of ${FILES} files that we check out`, async () => {
    await using world = await setup();
    const [source, copy, target] = ['source', 'copy', 'target'].map(world.path) as [string, string, string];
    await makeFolder(source, 2);
    const { key, port } = await world.peer.tell<{ key: string; port: number }>({ do: 'shareDrive', source });
    const cloned = await restante(['--json', 'feed', 'clone', key, copy, '--peer', `127.0.0.1:${port}`]);
    expect(cloned).toMatchObject({ code: 0 });
    const out = jsonOf<{ files: number }>((await restante(['--json', 'feed', 'checkout', copy, target])).stdout);
    expect(out.files).toBe(FILES);
    expect(await contentOf(target)).toEqual(await contentOf(source));
    expect((await restante(['feed', 'verify', copy])).code).toBe(0);
  });
});
