/** The hub from the command line: `up` has one, and its operator sees and steers it. */
import { describe, expect, test } from 'vitest';
import { Sandbox } from './command-line.ts';

const PASSWORD = 'correct horse battery';

describe('a home with its hub', () => {
  test('lets its people log in with any JMAP program, and its operator see, restart and drain it', async () => {
    await using sandbox = await Sandbox.open();
    const data = ['--data', sandbox.path('home')];
    const up = sandbox.start(['up', ...data, '--port', '0', '--registration', 'open', '--json']);
    const ready = await up.next();
    const address = `alice@${ready.home}`;
    const environment = { RESTANTE_PASSWORD: PASSWORD };
    const profile = ['--profile', sandbox.path('alice'), '--json'];
    expect((await sandbox.run(['account', 'new', address, ...profile], { environment })).code).toBe(0);
    await sandbox.run(['send', '--to', address, '--subject', 'Good morning', ...profile], {
      environment,
      input: 'Tea?',
    });
    const hub = (...args: string[]) => sandbox.run(['hub', ...args, ...data, '--json']);
    expect((await hub('status')).lines).toEqual([]);

    const authorization = `Basic ${Buffer.from(`${address}:${PASSWORD}`).toString('base64')}`;
    const answer = await fetch(`${ready.jmap}/.well-known/jmap`, { headers: { authorization } });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ username: address });
    expect((await hub('status')).lines).toEqual([expect.objectContaining({ user: address, phase: 'running' })]);
    expect((await hub('sessions')).lines).toEqual([expect.objectContaining({ user: address, via: 'http' })]);

    expect((await hub('restart', address)).lines).toEqual([{ user: address }]);
    const again = await fetch(`${ready.jmap}/.well-known/jmap`, { headers: { authorization } });
    expect(again.status).toBe(200);
    expect((await hub('drain')).lines).toEqual([{ ended: 1 }]);
    expect((await hub('sessions')).lines).toEqual([]);
    const stopped = await up.stop('SIGTERM');
    expect(stopped.code).toBe(0);
    expect(stopped.stderr + stopped.stdout).not.toContain(PASSWORD);
    expect(await hub('status')).toMatchObject({ code: 1, lines: [{ error: { code: 'no_hub' } }] });
  });
});
