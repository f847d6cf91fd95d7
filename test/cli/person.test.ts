import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { Sandbox } from './command-line.ts';
import { only, openPeople, PASSWORD } from './people.ts';

/** The home of this file: nobody shuts it down, and everybody is somebody else in it. */
const shared = await Sandbox.open();
const { home: HOME } = await shared
  .start(['up', '--port', '0', '--registration', 'open', '--json', '--data', shared.path('home')])
  .next();
afterAll(() => shared[Symbol.asyncDispose]());

const setup = <const Names extends readonly string[]>(names: Names, home: unknown = HOME) => openPeople(names, home);

function profileFolder(sandbox: Sandbox, address: string): string {
  return sandbox.path('restante', 'profiles', address.replace(':', '%3a'));
}

async function hashesOf(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  const files = await Promise.all(names.map((name) => readFile(`${folder}/${name}`)));
  return files.map((bytes) => createHash('sha256').update(bytes).digest('hex')).sort();
}

describe('two people on the command line', () => {
  test('write, read, mark and search', async () => {
    await using world = await setup(['alice', 'bob']);
    const [alice, bob] = world.addresses;
    const { as, made, sandbox } = world;
    expect(made.map(only)[0]).toEqual({
      address: alice,
      fingerprint: expect.stringMatching(/^[0-9a-f]{40}$/),
      recoveryCode: expect.stringMatching(/^([0-9A-Z]{4}-){7}[0-9A-Z]{4}$/),
    });

    await writeFile(sandbox.path('plan.txt'), 'the plan');
    const send = ['send', '--to', bob, '--subject', 'Grüße \u{1f44b}', '--attach', sandbox.path('plan.txt')];
    const sent = only(await as(alice, send, 'Lunch on Friday?\n'));
    expect(sent).toMatchObject({ status: 'accepted', receipts: [{ feed: expect.stringMatching(/^[0-9a-f]{64}$/) }] });
    const id = String(sent.id);

    const synced = only(await as(bob, ['sync']));
    expect(synced).toMatchObject({ new: 1, missing: 0, filled: 0, complete: true });
    expect(synced.report).toMatchObject([{ upTo: 1, held: 1, missing: [], nodes: [{ upTo: 1 }] }]);
    expect(only(await as(bob, ['report']))).toMatchObject({ complete: true, report: [{ upTo: 1, held: 1 }] });

    const listed = only(await as(bob, ['list']));
    expect(listed).toMatchObject({
      id,
      conversation: sent.conversation,
      from: alice,
      to: expect.arrayContaining([bob]),
    });
    expect(listed).toMatchObject({ subject: 'Grüße \u{1f44b}', unread: true, verified: true });
    expect(new Date(String(listed.sentAt)).toISOString()).toBe(listed.sentAt);
    const read = only(await as(bob, ['read', id.slice(0, 12)]));
    expect(read).toMatchObject({
      id,
      text: expect.stringMatching(/^Lunch on Friday\?\n/),
      attachments: [{ name: 'plan.txt', size: 8 }],
    });
    const raw = await as(bob, ['read', id, '--raw']);
    expect(raw.stdout).toMatch(/^Date: [\s\S]*\r\n\r\n--/);

    expect(only(await as(bob, ['mark', id, '--read', '--label', 'work']))).toEqual({ changed: 1 });
    expect(await as(bob, ['list', '--unread'])).toMatchObject({ code: 0, stdout: '' });
    expect(only(await as(bob, ['search', 'FRIDAY', 'lunch']))).toMatchObject({ id });
  });

  test('see on a second device what the first one has, marks included', async () => {
    await using world = await setup(['alice', 'bob']);
    const [alice, bob] = world.addresses;
    const { as, run, sandbox } = world;
    const { id } = only(await as(alice, ['send', '--to', bob, '--subject', 'one', '--body', 'x']));
    only(await as(bob, ['sync']));
    only(await as(bob, ['mark', String(id), '--read', '--label', 'work']));
    const laptop = ['--profile', sandbox.path('laptop')];
    expect(only(await run(['account', 'add', bob, ...laptop]))).toMatchObject({ address: bob });
    expect(only(await run(['sync', ...laptop]))).toMatchObject({ new: 1, complete: true });
    expect(only(await run(['list', ...laptop]))).toMatchObject({ id, unread: false, labels: ['work'] });
    for (const [profile, folder] of [[[], 'one'] as const, [laptop, 'two'] as const]) {
      const who = profile.length === 0 ? ['--address', bob] : profile;
      expect(only(await run(['export', sandbox.path(folder), ...who]))).toEqual({
        messages: 1,
        path: sandbox.path(folder),
      });
    }
    expect(await hashesOf(sandbox.path('one'))).toEqual(await hashesOf(sandbox.path('two')));
  });

  test('see each other’s keys, devices and nodes, and block one another', async () => {
    await using world = await setup(['alice', 'bob']);
    const [alice, bob] = world.addresses;
    const { as, made, sandbox } = world;
    const { fingerprint } = made[1]?.lines[0] ?? {};
    expect(only(await as(alice, ['key', 'show', bob]))).toMatchObject({
      address: bob,
      fingerprint,
      trust: 'first_use',
      logged: true,
    });
    expect(await as(alice, ['key', 'verify', bob, '0'.repeat(40)])).toMatchObject({
      code: 1,
      lines: [{ error: { code: 'refused' } }],
    });
    expect(only(await as(alice, ['key', 'verify', bob, String(fingerprint)]))).toMatchObject({ trust: 'verified' });
    expect(only(await as(alice, ['key', 'export'])).armor).toMatch(/^-----BEGIN PGP PUBLIC KEY BLOCK-----/);
    expect(only(await as(alice, ['device', 'list']))).toMatchObject({ this: true, revoked: false });
    expect(only(await as(alice, ['nodes']))).toMatchObject({ url: expect.stringMatching(/^ws:/), pinned: false });
    expect(only(await as(alice, ['nodes', 'ping'])).rttMs).toEqual(expect.any(Number));
    expect(await as(alice, ['nodes', 'fleet', 'far'])).toMatchObject({ lines: [{ error: { code: 'unknown_fleet' } }] });
    const file = `${profileFolder(world.sandbox, alice)}/fleets.json`;
    await writeFile(file, '{"fleets":{"near":{},"far":{"mail":{"tower":"wss://tower.example"}}}}');
    expect((await as(alice, ['nodes', 'fleet', 'far'])).lines).toContainEqual(
      expect.objectContaining({ name: 'tower', url: 'wss://tower.example', source: 'fleet' }),
    );
    expect((await as(alice, ['nodes'])).lines).toHaveLength(2);
    await writeFile(file, 'no JSON');
    expect(await as(alice, ['nodes'])).toMatchObject({
      lines: [{ error: { code: 'malformed', message: expect.stringContaining(file) } }],
    });
    await rm(file);
    expect(await as(alice, ['nodes'])).toMatchObject({ lines: [{ source: 'home' }] });
    expect(only(await as(bob, ['block', alice]))).toEqual({ blocked: [alice] });
    expect(only(await as(bob, ['unblock', alice]))).toEqual({ blocked: [] });
    expect(only(await as(bob, ['doctor']))).toMatchObject({
      ok: true,
      checks: expect.arrayContaining([{ name: 'outbox', ok: true, detail: 'empty' }]),
    });
    expect(await sandbox.run(['list', '--json'], { environment: PASSWORD })).toMatchObject({
      code: 1,
      lines: [{ error: { code: 'many_profiles' } }],
    });
  });

  test('keep what they write without a network, and send it later', async () => {
    await using place = await Sandbox.open();
    const start = (port: string) =>
      place.start(['node', '--port', port, '--registration', 'open', '--json', '--data', place.path('home')]);
    const up = start('0');
    const { home } = await up.next();
    await using world = await setup(['alice', 'bob'], home);
    const [alice, bob] = world.addresses;
    const { as } = world;
    only(await as(alice, ['key', 'show', bob])); // known from then on
    await up.stop();
    expect(only(await as(alice, ['send', '--to', bob, '--subject', 'later', '--body', 'x']))).toMatchObject({
      status: 'queued',
      receipts: [],
    });
    expect(await as(bob, ['sync'])).toMatchObject({ code: 1, lines: [{ error: { code: 'offline' } }] });
    await start(String(home).split(':')[1] ?? '').next();
    only(await as(alice, ['sync']));
    expect(only(await as(bob, ['sync']))).toMatchObject({ new: 1 });
  });
});

describe('an account', () => {
  test('that is deleted is gone from this device and from the home', async () => {
    await using world = await setup(['alice', 'bob']);
    const [alice, bob] = world.addresses;
    const { as, run, sandbox } = world;
    const folder = profileFolder(sandbox, bob);
    await access(folder);
    const asked = await sandbox.run(['account', 'delete', '--address', bob, '--json', '--password-stdin'], {
      input: 'wrong\n',
    });
    expect(asked).toMatchObject({ code: 1, lines: [{ error: { code: 'wrong_password' } }] });
    expect(only(await as(bob, ['account', 'delete', '--yes']))).toEqual({ address: bob });
    await expect(access(folder)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await as(bob, ['list'])).toMatchObject({ code: 1, lines: [{ error: { code: 'no_profile' } }] });
    expect(await as(alice, ['send', '--to', bob, '--body', 'x'])).toMatchObject({
      code: 1,
      lines: [{ error: { code: 'unknown_recipient' } }],
    });
    expect(await run(['account', 'new', bob])).toMatchObject({
      code: 1,
      lines: [{ error: { code: 'address_taken' } }],
    });
  });

  test('that the operator blocks is told so by every command that needs the home', async () => {
    await using world = await setup(['alice']);
    const [alice] = world.addresses;
    const { as, run } = world;
    only(await run(['account', 'ban', alice, '--data', shared.path('home')]));
    expect(await as(alice, ['sync'])).toMatchObject({
      code: 1,
      lines: [{ error: { code: 'banned', fix: expect.stringMatching(/operator/) } }],
    });
    expect(await as(alice, ['list'])).toMatchObject({ code: 0 });
  });
});

describe('a second command on a profile that another one has', () => {
  test('runs there: it lists, reads, sends, marks and syncs while `sync --watch` hears of arrivals until Ctrl-C', async () => {
    await using world = await setup(['alice', 'bob']);
    const [alice, bob] = world.addresses;
    const { as, sandbox } = world;
    const watching = sandbox.start(['sync', '--watch', '--json', '--address', bob], { environment: PASSWORD });
    expect(await watching.next()).toMatchObject({ new: 0 });
    const { id } = only(await as(alice, ['send', '--to', bob, '--subject', 'now', '--body', 'x']));
    expect(await watching.next()).toEqual({ arrived: { id, from: expect.any(String), subject: 'now' } });

    expect(only(await as(bob, ['list']))).toMatchObject({ id, subject: 'now' });
    expect((await as(bob, ['read', String(id), '--raw'])).stdout).toMatch(/^Date: [\s\S]*\r\n\r\nx\s*$/);
    expect(only(await as(bob, ['sync']))).toMatchObject({ new: 0, complete: true });
    expect(only(await as(bob, ['mark', String(id), '--read']))).toEqual({ changed: 1 });
    const answer = only(await as(bob, ['send', '--to', alice, '--reply', String(id)], 'from stdin\n'));
    expect(answer).toMatchObject({ status: 'accepted', conversation: expect.any(String) });
    expect(await watching.next()).toMatchObject({ arrived: { id: answer.id } });
    expect(await as(bob, ['read', '00000000'])).toMatchObject({ code: 1, lines: [{ error: { code: 'not_found' } }] });
    expect(only(await as(bob, ['export', sandbox.path('out')]))).toMatchObject({ messages: 2 });
    // A person without --json, and one who does not know the password.
    const told = await sandbox.run(['list', '--address', bob], { environment: PASSWORD });
    expect(told).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/now/) });
    const wrong = await sandbox.run(['list', '--address', bob], { environment: { RESTANTE_PASSWORD: 'wrong' } });
    expect(wrong).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^wrong_password: /) });
    // What ends the profile must have it alone.
    expect(await as(bob, ['account', 'delete', '--yes'])).toMatchObject({
      code: 1,
      lines: [{ error: { code: 'locked' } }],
    });
    expect((await watching.stop('SIGINT')).code).toBe(0);
    expect(await as(bob, ['list', '--unread'])).toMatchObject({ code: 0 });
  });

  test('goes on in its own process when the first one ends or is killed, and asks for what it needs where it was typed', async () => {
    await using world = await setup(['alice', 'bob']);
    const [alice, bob] = world.addresses;
    const { as, sandbox } = world;
    const watch = () => sandbox.start(['sync', '--watch', '--json', '--address', bob], { environment: PASSWORD });
    const first = watch();
    await first.next();
    const second = watch();
    await second.next();
    const password = await sandbox.run(['account', 'password', '--password-stdin', '--address', bob, '--json'], {
      input: `${PASSWORD.RESTANTE_PASSWORD}\nsecond password\n`,
    });
    expect(only(password)).toEqual({ address: bob });
    expect((await first.stop('SIGINT')).code).toBe(0);
    expect(await second.next()).toMatchObject({ complete: true }); // it has the profile now
    const { id } = only(await as(alice, ['send', '--to', bob, '--body', 'x']));
    expect(await second.next()).toMatchObject({ arrived: { id } });
    await second.stop('SIGKILL');
    only(await as(alice, ['send', '--to', bob, '--body', 'y']));
    const environment = { RESTANTE_PASSWORD: 'second password' };
    expect(only(await sandbox.run(['sync', '--json', '--address', bob], { environment }))).toMatchObject({ new: 1 });
    // Whoever reads its lines has heard enough: it ends in order when there is one more.
    const third = sandbox.start(['sync', '--watch', '--json', '--address', bob], { environment });
    await third.next();
    const ended = third.hangUp();
    await as(alice, ['send', '--to', bob, '--body', 'z']);
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('an import', () => {
  test('that is interrupted goes on where it stopped, and sends nothing twice', async () => {
    await using world = await setup(['alice', 'bob']);
    const [alice, bob] = world.addresses;
    const { sandbox, as } = world;
    const total = 250;
    await mkdir(sandbox.path('mail'));
    for (let number = 0; number < total; number++)
      await writeFile(sandbox.path('mail', `${number}.eml`), `Subject: ${number}\n\n${'x'.repeat(number * 20)}\n`);
    await writeFile(sandbox.path('mail', '0-large.eml'), new Uint8Array(3 * 1024 * 1024).fill(120));
    const args = ['import', sandbox.path('mail'), '--to', bob, '--address', alice];
    const first = sandbox.start([...args, '--progress'], { environment: { ...PASSWORD, FORCE_COLOR: '0' } });
    await first.said(/large.eml: too_large/);
    const stopped = await first.stop('SIGINT');
    expect(stopped).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/\ninterrupted: [^\n]*\n$/) });
    const second = await as(alice, args.slice(0, 4));
    expect(second.code).toBe(1); // one file was refused
    const { read, sent, duplicates, refused } = second.lines[0] as {
      read: number;
      sent: number;
      duplicates: number;
      refused: object[];
    };
    expect(read).toBe(total + 1);
    expect(sent + duplicates).toBe(total);
    expect(refused).toEqual([{ path: sandbox.path('mail', '0-large.eml'), code: 'too_large' }]);
    const third = await as(alice, args.slice(0, 4));
    expect(third.lines[0]).toMatchObject({ read: total + 1, sent: 0, duplicates: total });

    expect(only(await as(bob, ['sync']))).toMatchObject({ new: total, complete: true });
    expect(only(await as(bob, ['export', sandbox.path('out')]))).toMatchObject({ messages: total });
    await rm(sandbox.path('mail', '0-large.eml'));
    expect(await hashesOf(sandbox.path('out'))).toEqual(await hashesOf(sandbox.path('mail')));
  });
});

describe('a password', () => {
  test('is changed here and for new devices, and recovered by the code', async () => {
    await using world = await setup(['bob']);
    const [bob] = world.addresses;
    const { as, made, run, sandbox } = world;
    const change = await sandbox.run(['account', 'password', '--password-stdin', '--address', bob, '--json'], {
      input: `${PASSWORD.RESTANTE_PASSWORD}\nsecond password\n`,
    });
    expect(only(change)).toEqual({ address: bob });
    expect(await as(bob, ['report'])).toMatchObject({ code: 1, lines: [{ error: { code: 'wrong_password' } }] });
    const recover = await sandbox.run(
      ['account', 'recover', bob, '--password-stdin', '--json', '--profile', sandbox.path('new')],
      {
        input: `${made[0]?.lines[0]?.recoveryCode}\nthird password\n`,
      },
    );
    expect(only(recover)).toMatchObject({ address: bob });
    const third = { RESTANTE_PASSWORD: 'third password' };
    const joined = await sandbox.run(['account', 'add', bob, '--json', '--profile', sandbox.path('third')], {
      environment: third,
    });
    expect(only(joined)).toMatchObject({ address: bob });
    expect(await run(['account', 'add', bob, '--profile', sandbox.path('no')])).toMatchObject({ code: 1 });
  });

  test('that is wrong is told as wrong, on this device and by the home, and one that nobody can be asked for with what to do', async () => {
    await using world = await setup(['bob']);
    const [bob] = world.addresses;
    const { sandbox } = world;
    const environment = { RESTANTE_PASSWORD: 'wrong' };
    for (const args of [
      ['list', '--address', bob],
      ['account', 'add', bob, '--profile', sandbox.path('other')],
    ]) {
      const json = await sandbox.run([...args, '--json'], { environment });
      expect(json).toMatchObject({ code: 1, lines: [{ error: { code: 'wrong_password' } }] });
      const told = await sandbox.run(args, { environment });
      expect(told).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^wrong_password: [^\n]+\n$/) });
    }
    await expect(access(sandbox.path('other'))).rejects.toMatchObject({ code: 'ENOENT' });
    const told = await sandbox.run(['report', '--address', bob]);
    expect(told).toMatchObject({ code: 1, stdout: '' });
    expect(told.stderr).toMatch(/^password_needed: .*\. .*RESTANTE_PASSWORD.*--password-stdin.*\.\n$/);
  });
});
