/** What every release has left on disks is opened for ever; what a newer one has left is refused, and stays as it is. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, test } from 'vitest';
import { SILENT_LOG, uint64Bytes } from '../../src/base/index.ts';
import { SodiumSuite } from '../../src/base/system/index.ts';
import { SCHEMA_KEY } from '../../src/client/keys.ts';
import { readSlots } from '../../src/hub/slots/slot-file.ts';
import { checkAccountBackup } from '../../src/node/index.ts';
import { SqliteStore } from '../../src/store/sqlite/index.ts';
import { jsonOf, restante } from '../harness/home-process.ts';

const FIXTURES = 'test/fixtures';
const RELEASES = ['0.1.0'] as const;

interface Facts {
  readonly PORT: number;
  readonly ADDRESS: string;
  readonly PASSWORD: string;
  readonly TEXT: string;
}

/** A copy of what a release has left: the fixture itself is never touched. */
async function setup(release: string) {
  const folder = await mkdtemp(join(tmpdir(), 'restante-formats-'));
  await cp(join(FIXTURES, release), folder, { recursive: true });
  const facts = JSON.parse(await readFile(join(folder, 'facts.json'), 'utf8')) as Facts;
  const run = async (...args: string[]) => {
    const { code, stdout } = await restante([...args, '--json'], { RESTANTE_PASSWORD: facts.PASSWORD });
    return { code, result: jsonOf<Record<string, unknown>>(stdout), lines: stdout.trimEnd().split('\n') };
  };
  return {
    folder,
    facts,
    run,
    server: join(folder, 'server'),
    profile: join(folder, 'profile'),
    user: async () => {
      const users = join(folder, 'server', 'hub', 'users');
      const [name = ''] = await readdir(users);
      return join(users, name);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

type World = Awaited<ReturnType<typeof setup>>;

describe.each(RELEASES)('what release %s has left', (release) => {
  test('a node’s folder: store, feeds, body files, keys and views', async () => {
    await using world = await setup(release);
    const { run, server, facts } = world;
    expect(await run('verify', '--data', server)).toMatchObject({ code: 0, result: { ok: true, problems: [] } });
    const { result } = await run('account', 'list', '--data', server);
    expect(JSON.stringify(result)).toContain(facts.ADDRESS);
    expect(await run('status', '--data', server)).toMatchObject({ code: 0, result: { accounts: 1 } });
  });

  test('an account’s backup', async () => {
    await using world = await setup(release);
    const checked = await checkAccountBackup(new SodiumSuite(), join(world.folder, 'account-backup'));
    expect(checked).toMatchObject({ ok: true, address: world.facts.ADDRESS, lacking: 0 });
    expect(checked.entries).toBeGreaterThanOrEqual(2);
  });

  test('a person’s profile and mail, with the node away', async () => {
    await using world = await setup(release);
    const { run, profile, facts } = world;
    const { code, lines } = await run('list', '--profile', profile);
    expect(code).toBe(0);
    expect(lines.join('\n')).toContain('The first mail');
    expect(lines.join('\n')).toContain('A large one');
    const id = /"id":"([0-9a-f]{64})"/.exec(lines.find((line) => line.includes('The first mail')) ?? '')?.[1] ?? '';
    expect(JSON.stringify((await run('read', id, '--profile', profile)).result)).toContain(facts.TEXT);
  });

  test('a person’s folder at a hub: slots, journal and blobs, behind the same password', async () => {
    await using world = await setup(release);
    expect((await readSlots(await world.user())).map(({ kind }) => kind)).toContain('password');
  });
});

describe('what a newer program has left is refused, and stays as it is', () => {
  async function change(
    file: string,
    edit: (fields: Record<string, unknown>) => Record<string, unknown>,
  ): Promise<void> {
    await writeFile(file, JSON.stringify(edit(JSON.parse(await readFile(file, 'utf8')))));
  }

  const newer: Readonly<Record<string, (world: World) => Promise<readonly string[]>>> = {
    'a node’s folder': async ({ server }) => {
      await change(join(server, 'home.json'), (fields) => ({ ...fields, version: 2 }));
      return ['verify', '--data', server];
    },
    'where a node’s database is': async ({ server }) => {
      await writeFile(join(server, 'keys', 'database'), JSON.stringify({ version: 2, host: 'db.example' }));
      return ['verify', '--data', server];
    },
    'a node’s store': async ({ server }) => {
      setUserVersion(join(server, 'store', 'store.db'));
      return ['verify', '--data', server];
    },
    'a person’s profile': async ({ profile }) => {
      await change(join(profile, 'profile.json'), (fields) => ({ ...fields, v: 2, more: true }));
      return ['list', '--profile', profile];
    },
    'a client’s store': async ({ profile }) => {
      setUserVersion(join(profile, 'store', 'store.db'));
      return ['list', '--profile', profile];
    },
    'what is in a client’s store': async ({ profile }) => {
      await using store = await SqliteStore.open({ log: SILENT_LOG }, { folder: join(profile, 'store') });
      await store.transact((transaction) => transaction.put(SCHEMA_KEY, uint64Bytes(1_000)));
      return ['list', '--profile', profile];
    },
  };

  test.each(Object.keys(newer))('%s', async (name) => {
    await using world = await setup('0.1.0');
    const args = await newer[name]?.(world);
    const before = await treeOf(world.folder);
    const { code, result } = await world.run(...(args ?? []));
    expect(result).toMatchObject({ error: { code: 'newer_schema', fix: expect.stringMatching(/version|program/) } });
    expect(code).not.toBe(0);
    expect(await treeOf(world.folder)).toEqual(before);
  });

  test('the slots of a hub', async () => {
    await using world = await setup('0.1.0');
    const user = await world.user();
    await change(join(user, 'slots.json'), (fields) => ({ ...fields, version: 2 }));
    await expect(readSlots(user)).rejects.toMatchObject({ message: expect.stringContaining('newer version') });
  });
});

function setUserVersion(file: string): void {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA user_version = 1000');
  database.close();
}

/** Every file that is more than a lock, with what is in it. */
async function treeOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile() && !/lock\.db|-shm$|-wal$/.test(entry.name)) {
      const path = join(entry.parentPath, entry.name);
      files.set(path, (await readFile(path)).toString('base64'));
    }
  return files;
}
