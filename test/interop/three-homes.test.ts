import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asPerson, freePort, HomeProcess, jsonOf, PASSWORD, restante } from '../harness/home-process.ts';

interface Sent {
  readonly id: string;
  readonly conversation: string;
}
interface Listed {
  readonly id: string;
  readonly subject: string;
  readonly verified: boolean;
}
interface Shown {
  readonly members: readonly { readonly address: string; readonly role: string }[];
  readonly gaps: number;
}

/** Three homes in processes of their own, each with one person. */
async function setup() {
  const folder = await mkdtemp(join(tmpdir(), 'restante-three-'));
  const names = ['alice', 'bob', 'carol'] as const;
  const homes = await Promise.all(
    names.map(async (name) => HomeProcess.open(join(folder, `home-${name}`), await freePort())),
  );
  const people = await Promise.all(
    names.map(async (name, i) => {
      const { home } = homes[i] as HomeProcess;
      const address = `${name}@${home}`;
      const profile = join(folder, name);
      const { code, stdout } = await restante(['--json', 'account', 'new', address, '--profile', profile], PASSWORD);
      expect(code, stdout).toBe(0);
      const run = <Result>(...args: string[]): Promise<Result> => asPerson<Result>(profile, ...args);
      return { name, address, profile, run, data: join(folder, `home-${name}`) };
    }),
  );
  const [alice, bob, carol] = people as [(typeof people)[0], (typeof people)[0], (typeof people)[0]];
  return {
    folder,
    homes,
    alice,
    bob,
    carol,
    async [Symbol.asyncDispose]() {
      await Promise.all(homes.map((home) => home.stop()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

type Somebody = Awaited<ReturnType<typeof setup>>['alice'];

/** Syncs until the mail is there: what another home sends takes its way. */
async function receive(reader: Somebody, id: string): Promise<void> {
  for (let attempt = 0; attempt < 40; attempt++) {
    await reader.run('sync');
    const { code } = await restante(['--json', 'read', id, '--profile', reader.profile], PASSWORD);
    if (code === 0) return;
  }
  throw new Error(`${reader.name} waited in vain for ${id}`);
}

async function rawOf(reader: Somebody, id: string): Promise<string> {
  const { stdout } = await restante(['read', id, '--raw', '--profile', reader.profile], PASSWORD);
  return createHash('sha256').update(stdout, 'utf8').digest('hex');
}

/** Whether the bytes stand in any file below. */
async function holds(folder: string, needle: Buffer): Promise<boolean> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    if ((await readFile(join(entry.parentPath, entry.name))).includes(needle)) return true;
  }
  return false;
}

describe('three homes', () => {
  test('share a thread: mail, a reply, an attachment, somebody added, somebody gone; exact bytes, and no plaintext on a server', async () => {
    await using world = await setup();
    const { alice, bob, carol, folder } = world;
    const canary = randomBytes(16).toString('hex');
    const file = join(folder, 'plan.bin');
    await writeFile(file, Buffer.concat([Buffer.from(canary), randomBytes(50_000)]));

    const first = await alice.run<Sent>(
      ...['send', '--to', bob.address, '--subject', `plan ${canary}`, '--body', `see ${canary}`, '--attach', file],
    );
    await Promise.all([receive(alice, first.id), receive(bob, first.id)]);
    expect(await rawOf(bob, first.id)).toBe(await rawOf(alice, first.id));
    const [listed] = (await linesOf<Listed>(bob, 'list')) as [Listed];
    expect(listed).toMatchObject({ id: first.id, subject: `plan ${canary}`, verified: true });

    const reply = await bob.run<Sent>('send', '--conversation', first.conversation, '--subject', 're', '--body', 'yes');
    await Promise.all([receive(alice, reply.id), receive(bob, reply.id)]);
    expect(await rawOf(alice, reply.id)).toBe(await rawOf(bob, reply.id));

    await alice.run('conversation', 'add', first.conversation, carol.address);
    const third = await alice.run<Sent>(
      'send',
      '--conversation',
      first.conversation,
      '--subject',
      'all',
      '--body',
      canary,
    );
    await Promise.all([receive(bob, third.id), receive(carol, third.id)]);
    expect(await rawOf(carol, third.id)).toBe(await rawOf(bob, third.id));

    const fromCarol = await carol.run<Sent>(
      'send',
      '--conversation',
      first.conversation,
      '--subject',
      'c',
      '--body',
      'me too',
    );
    await Promise.all([receive(alice, fromCarol.id), receive(bob, fromCarol.id)]);

    await bob.run('conversation', 'leave', first.conversation);
    const last = await carol.run<Sent>(
      'send',
      '--conversation',
      first.conversation,
      '--subject',
      'l',
      '--body',
      'without bob',
    );
    await receive(alice, last.id);
    for (const reader of [alice, carol]) {
      const shown = await reader.run<Shown>('conversation', 'show', first.conversation);
      expect(shown.gaps).toBe(0);
      expect(new Map(shown.members.map(({ address, role }) => [address, role]))).toEqual(
        new Map([
          [alice.address, 'owner'],
          [carol.address, 'member'],
        ]),
      );
    }
    await bob.run('sync');
    expect((await restante(['--json', 'read', last.id, '--profile', bob.profile], PASSWORD)).code).toBe(1);

    for (const { data, name } of [alice, bob, carol])
      expect(await holds(data, Buffer.from(canary)), `plaintext at the home of ${name}`).toBe(false);
    const status = await restante(['--json', 'federation', 'status', '--data', alice.data]);
    expect(jsonOf<{ queued: number }>(status.stdout)).toMatchObject({ queued: 0 });
  });
});

async function linesOf<Line>(who: Somebody, ...args: string[]): Promise<Line[]> {
  const { stdout } = await restante(['--json', ...args, '--profile', who.profile], PASSWORD);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}
