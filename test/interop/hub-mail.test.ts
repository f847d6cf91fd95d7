/** A home, a hub and a person's user server as they run: processes, threads, sockets and disks. */
import { expect, test } from 'vitest';
import { HubHome } from '../harness/hub-home.ts';

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
