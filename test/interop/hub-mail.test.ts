/** A home, a hub and a person's user server as they run: processes, threads, sockets and disks. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { PASSWORD } from '../harness/home-process.ts';
import { FrameProgram } from '../harness/hub.ts';
import { HubHome, HubProgram } from '../harness/hub-home.ts';
import { SecretScan } from '../harness/secret-scan.ts';

test('somebody whom the hub does not know logs in, reads their mail, and gets new mail live', async () => {
  await using setting = await HubHome.open({
    log: {
      debug: () => undefined,
      info: () => undefined,
      warn: (f, m) => console.error(m, f),
      error: (f, m) => console.error(m, f),
    },
  });
  const alice = await setting.person('alice');
  const bob = await setting.person('bob');
  await setting.as(bob, 'send', '--to', alice, '--subject', 'before', '--body', 'hello');
  using program = await setting.session(alice);
  await program.until(async () => (await program.subjects()).includes('before'));
  await setting.as(bob, 'send', '--to', alice, '--subject', 'live', '--body', 'hello');
  await program.until(async () => (await program.subjects()).includes('live'));
  expect(await program.subjects()).toEqual(['live', 'before']);
});

test('whoever guesses passwords starts no process and leaves no folder; the home says who is right', async () => {
  await using setting = await HubHome.open();
  const alice = await setting.person('alice');
  const ghost = alice.replace('alice', 'ghost');
  for (const [user, password] of [
    [alice, 'wrong'],
    [ghost, 'correct horse'],
  ] as const) {
    const [program, refused] = await FrameProgram.open(setting.hub.socketPath, { user, password });
    expect(refused).toMatchObject({ error: { code: 'refused' } });
    program[Symbol.dispose]();
  }
  expect((await setting.hub.control.operator.status()).users).toEqual([]);
  expect(await readdir(setting.hub.usersFolder)).toEqual([]);
  using program = await setting.session(alice);
  expect(await program.subjects()).toEqual([]);
});

for (const cache of ['disk', 'memory'] as const)
  test(`after somebody has read their mail, no file of hub and home shows it, nor a password, nor a token (${cache})`, async () => {
    await using setting = await HubHome.open({ cache, idleTimeoutMs: 200 });
    const alice = await setting.person('alice');
    const canary = 'a canary that sings';
    await setting.as(alice, 'send', '--to', alice, '--subject', canary, '--body', `${canary} in the text`);
    const open = { user: alice, password: PASSWORD.RESTANTE_PASSWORD };
    const [frames, { opened }] = await FrameProgram.open(setting.hub.socketPath, open);
    const { token } = opened as { readonly token: string };
    const scan = new SecretScan([canary, open.password, Buffer.from(token.split('.').at(-1) as string, 'base64url')]);
    {
      using program = new HubProgram(frames);
      await program.until(async () => (await program.subjects()).includes(canary));
      // Found by its text, so the index has been read; and a draft makes a blob.
      const [hits] = await program.call(['Email/query', { filter: { text: 'sings' } }]);
      expect(hits?.ids).toHaveLength(1);
      const draft = { mailboxIds: { drafts: true }, subject: canary };
      const [made] = await program.call(['Email/set', { create: { draft } }]);
      expect(made?.notCreated ?? null).toBeNull();
      expect(scan.inProcess(await setting.pidOf(alice))).toEqual([]);
    }
    while ((await setting.hub.control.operator.status()).users.length > 0) await pause(50);
    expect(scan.finds(Buffer.from(`… ${canary} …`))).toBe(true); // the search works
    for (const folder of [setting.hub.folder, join(setting.folder, 'home')]) {
      const { count, found } = scan.inFolder(folder);
      expect([folder, found]).toEqual([folder, []]);
      expect(count).toBeGreaterThan(3);
    }
  });

for (const cache of ['disk', 'memory'] as const)
  test(`a change that was answered outlives kill -9 of the user server, the home being away (${cache})`, async () => {
    await using setting = await HubHome.open({ cache });
    const alice = await setting.person('alice');
    await setting.as(alice, 'send', '--to', alice, '--subject', 'x', '--body', 'hello');
    {
      using program = await setting.session(alice);
      await program.until(async () => (await program.subjects()).includes('x'));
      await setting.stopHome();
      const [found] = await program.call(['Email/query', {}]);
      const [id] = (found as { ids: string[] }).ids;
      const change = { 'keywords/$flagged': true, mailboxIds: { trash: true } };
      const [answer] = await program.call(['Email/set', { update: { [String(id)]: change } }]);
      expect(answer?.notUpdated ?? null).toBeNull();
      process.kill(await setting.pidOf(alice), 'SIGKILL');
    }
    await setting.startHome();
    using program = await setting.session(alice);
    await program.until(async () => (await program.subjects()).includes('x'));
    for (let isHeard = false; !isHeard; ) {
      await setting.as(alice, 'sync');
      isHeard = (await setting.as<{ flagged: boolean }>(alice, 'list')).flagged;
    }
    const [, emails] = await program.call(
      ['Email/query', {}],
      [
        'Email/get',
        { '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' }, properties: ['mailboxIds', 'keywords'] },
      ],
    );
    expect(emails?.list).toMatchObject([{ mailboxIds: { trash: true }, keywords: { $flagged: true } }]);
  });
