import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { Sandbox } from './command-line.ts';

describe('a home on the command line', () => {
  test('says when it serves, makes its first invitation, and stops in order at SIGINT', async () => {
    await using sandbox = await Sandbox.open();
    const up = sandbox.start(['up', '--port', '0', '--json', '--data', sandbox.path('home')]);
    const ready = await up.next();
    expect(ready).toMatchObject({
      ready: true,
      home: expect.stringMatching(/^localhost:\d+$/),
      node: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+\//),
      invite: expect.stringMatching(/^[a-z0-9-]{20,}$/),
    });
    const health = await fetch(`${ready.federation}/healthz`);
    expect([health.status, await health.json()]).toEqual([200, { ok: true, problems: [] }]);
    const stopped = await up.stop('SIGINT');
    expect(stopped).toMatchObject({ code: 0, lines: [ready] });
    for (const line of stopped.stderr.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('level');
    expect(stopped.stderr).not.toContain(ready.invite);
  });

  test('ends at once by the second signal, and says nothing of what it was at', async () => {
    await using sandbox = await Sandbox.open();
    const up = sandbox.start(['up', '--port', '0', '--json', '--data', sandbox.path('home')]);
    await up.next();
    void up.stop('SIGINT');
    const { code, stderr } = await up.stop('SIGTERM');
    expect(code).toBeNull(); // a signal's end has none: shells say 143
    for (const line of stderr.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('level');
  });

  test('answers its operator while it runs and while it does not', async () => {
    await using sandbox = await Sandbox.open();
    const data = ['--data', sandbox.path('home'), '--json'];
    const up = sandbox.start(['up', '--port', '0', ...data]);
    const { home } = await up.next();
    const ask = (...args: string[]) => sandbox.run([...args, ...data]);
    const whileRunning = await Promise.all([
      ask('status'),
      ask('invite'),
      ask('invite'),
      ask('account', 'list'),
      ask('verify'),
    ]);
    expect((await up.stop('SIGTERM')).code).toBe(0);
    const [status, first, second, accounts, verified] = whileRunning;
    expect(status).toMatchObject({
      code: 0,
      lines: [{ home, accounts: 0, connections: 0, feeds: [{ retired: false }] }],
    });
    expect(first?.lines[0]?.invite).not.toBe(second?.lines[0]?.invite);
    expect(accounts).toMatchObject({ code: 0, stdout: '' });
    expect(verified).toMatchObject({ code: 0, lines: [{ ok: true, problems: [] }] });
    expect(await ask('status')).toMatchObject({ code: 0, lines: [{ home }] });
    expect(await ask('repair')).toMatchObject({ code: 0, lines: [{ ok: true }] });
  });

  test('is copied while it runs, and restored elsewhere', async () => {
    await using sandbox = await Sandbox.open();
    const up = sandbox.start(['up', '--port', '0', '--json', '--data', sandbox.path('home')]);
    const { home } = await up.next();
    const json = (...args: string[]) => sandbox.run([...args, '--json']);
    const backup = await json('backup', sandbox.path('copy'), '--data', sandbox.path('home'));
    expect(backup).toMatchObject({
      code: 0,
      lines: [{ ok: true, problems: [], checked: expect.any(Number), path: sandbox.path('copy') }],
    });
    expect(backup.lines[0]?.checked).toBeGreaterThan(0);
    const again = await json('backup', sandbox.path('copy'), '--data', sandbox.path('home'));
    expect(again).toMatchObject({ code: 1, lines: [{ error: { code: 'bad_folder' } }] });
    const restored = await json('restore', sandbox.path('copy'), '--data', sandbox.path('new'));
    expect(restored).toMatchObject({ code: 0, lines: [{ ok: true, home }] });
    expect(await json('verify', '--data', sandbox.path('new'))).toMatchObject({ code: 0, lines: [{ ok: true }] });
  });

  test('does not carry mail in the clear over a network', async () => {
    await using sandbox = await Sandbox.open();
    const refused = await sandbox.run(['up', '--host', '0.0.0.0', '--port', '0', '--json']);
    expect(refused).toMatchObject({
      code: 1,
      lines: [{ error: { code: 'plain_refused', fix: expect.stringContaining('--tls-cert') } }],
    });
    const plainUrl = await sandbox.run(['up', '--port', '0', '--public-url', 'http://mail.example', '--json']);
    expect(plainUrl).toMatchObject({ code: 1, lines: [{ error: { code: 'plain_refused' } }] });
    const behind = sandbox.start([
      'up',
      '--host',
      '0.0.0.0',
      '--port',
      '0',
      '--behind-proxy',
      '--home',
      'home.example',
    ]);
    await behind.said(/serves/);
    const stopped = await behind.stop();
    expect(stopped.code).toBe(0);
    expect(stopped.stdout).toMatch(/Whoever runs this home sees who writes to whom/);
  });

  test('on a port that is taken says so in one line', async () => {
    await using sandbox = await Sandbox.open();
    const up = sandbox.start(['up', '--port', '0', '--json', '--data', sandbox.path('a')]);
    const { home } = await up.next();
    const port = String(home).split(':')[1] ?? '';
    const second = await sandbox.run(['up', '--port', port, '--data', sandbox.path('b')]);
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toMatch(/^port_in_use: .*\. .*--port.*\.\n$/);
    const same = await sandbox.run(['up', '--port', '0', '--data', sandbox.path('a'), '--log-level', 'silent']);
    expect(same.stderr).toMatch(/^locked: [^\n]*\n$/);
  });

  test('that is not there is not made by asking', async () => {
    await using sandbox = await Sandbox.open();
    for (const command of [['status'], ['invite'], ['account', 'list'], ['verify']])
      expect(await sandbox.run([...command, '--json'])).toMatchObject({
        code: 1,
        lines: [{ error: { code: 'no_home' } }],
      });
    expect(await sandbox.run(['status'])).toMatchObject({
      stdout: '',
      stderr: expect.stringMatching(/^no_home: .*restante up/),
    });
  });
});

describe('a command line', () => {
  test('that is wrong exits 2 with one line', async () => {
    await using sandbox = await Sandbox.open();
    for (const args of [
      ['lst'],
      ['up', '--prot', '1'],
      ['up', '--port', 'x'],
      ['backup'],
      ['account', 'quota', 'nobody'],
    ]) {
      const told = await sandbox.run(args);
      expect(told).toMatchObject({ code: 2, stdout: '' });
      expect(told.stderr).toMatch(/^usage: [^\n]+\. [^\n]+\.\n$/);
      const json = await sandbox.run([...args, '--json']);
      expect(json).toMatchObject({ code: 2, stderr: '', lines: [{ error: { code: 'usage' } }] });
    }
  });

  test('explains itself with an example', async () => {
    await using sandbox = await Sandbox.open();
    const all = await sandbox.run(['--help']);
    expect(all).toMatchObject({ code: 0, stderr: '' });
    const commands = [...all.stdout.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name ?? '');
    expect(commands).toEqual(expect.arrayContaining(['up', 'invite', 'account', 'backup', 'verify']));
    for (const command of ['up', 'invite', 'backup']) {
      const help = await sandbox.run([command, '--help']);
      expect(help.code).toBe(0);
      expect(help.stdout).toMatch(new RegExp(`Example:\\n {2}restante ${command}`));
    }
    expect(await sandbox.run(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });

  test('leaves no trace of what went wrong inside but its short message', async () => {
    await using sandbox = await Sandbox.open();
    await mkdir(sandbox.path('home', 'keys'), { recursive: true });
    await writeFile(sandbox.path('home', 'home.json'), '{"home":');
    const told = await sandbox.run(['status', '--data', sandbox.path('home')]);
    expect(told.code).toBe(1);
    expect(told.stderr).toMatch(/^bad_folder: [^\n]*\n$/);
  });
});
