/** The library, and the example in Python, against a real hub with real user server processes. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { connect, type HubRequest, type HubTarget } from '../../src/hub-client/index.ts';
import { asNotes, openHub, PASSWORD, type TestHub } from '../harness/hub.ts';
import { runPython } from '../harness/python-client.ts';
import { revokeAll } from '../harness/revoke.ts';

const alice = 'alice@home.example';
const call = (...methodCall: [string] | [string, string]): HubRequest => ({ using: [], methodCalls: [methodCall] });
const signal = new AbortController().signal;
const targets = (hub: TestHub): HubTarget[] => [
  { socket: hub.socketPath },
  { host: '127.0.0.1', port: hub.control.port },
];

describe('the library', () => {
  test('opens sessions by socket and port, which see each other’s changes', async () => {
    await using hub = await openHub();
    const [byS, byP] = await Promise.all(
      targets(hub).map((to) => connect(to).open({ user: alice, password: PASSWORD })),
    );
    const pushed = new Promise((resolve) => byP?.on('push', resolve));
    expect(await byS?.request(call('add', 'milk'), signal)).toMatchObject({ notes: ['milk'] });
    expect(await pushed).toEqual({ notes: 1 });
    expect(byS?.id).not.toBe(byP?.id);
    expect(byP).toMatchObject({ user: alice, isConnected: true, jmap: { username: alice } });
    for (const session of [byS, byP]) await session?.[Symbol.asyncDispose]();
  });

  test('opens a session again by itself, the same one, when its user server has crashed', async () => {
    await using hub = await openHub();
    await using session = await connect({ socket: hub.socketPath }).open({ user: alice, password: PASSWORD });
    const { id, token } = session;
    const { pid } = asNotes(await session.request(call('add', 'milk'), signal));
    // Whoever asked just then is told that nothing is known about it.
    await expect(session.request(call('crash'), signal)).rejects.toMatchObject({ code: 'cut' });
    const after = asNotes(await session.request(call('list'), signal));
    expect(after.notes).toEqual(['milk']);
    expect(after.pid).not.toBe(pid);
    expect([session.id, session.token]).toEqual([id, token]);
  });

  test('opens a session again when the hub itself has started anew, and a token from elsewhere too', async () => {
    await using hub = await openHub();
    const { folder } = hub;
    const { port } = hub.control;
    await using session = await connect({ host: '127.0.0.1', port }).open({ user: alice, password: PASSWORD });
    await session.request(call('add', 'milk'), signal);
    const cut = new Promise((resolve) => session.on('cut', resolve));
    await hub.control[Symbol.asyncDispose]();
    await cut;
    const waiting = session.request(call('list'), signal);
    await using next = await openHub({ folder, port: { host: '127.0.0.1', port } });
    expect(await waiting).toMatchObject({ notes: ['milk'] });
    await using other = await connect({ socket: next.socketPath }).open({ token: session.token });
    expect(other.id).toBe(session.id);
  });

  test('says what is refused, and ends when its token no longer opens anything', async () => {
    await using hub = await openHub();
    const library = connect({ socket: hub.socketPath });
    await expect(library.open({ user: alice, password: 'wrong' })).rejects.toMatchObject({ code: 'refused' });
    await expect(connect({ socket: '/nowhere.sock' }).open({ token: 'x' })).rejects.toMatchObject({ code: 'absent' });
    await using session = await library.open({ user: alice, password: PASSWORD });
    const ended = new Promise((resolve) => session.on('ended', resolve));
    await revokeAll(hub.control.port, alice);
    expect(await ended).toMatchObject({ error: { code: 'refused' } });
    await expect(session.request(call('list'), signal)).rejects.toMatchObject({ code: 'refused' });
  });
});

describe('the example in Python', () => {
  test('has less than 150 lines', () => {
    expect(readFileSync('examples/python/hub.py', 'utf8').split('\n').length).toBeLessThan(150);
  });

  test('opens sessions by socket and by port', async () => {
    await using hub = await openHub();
    const list = ['--call', '[["add","milk"]]', alice];
    const local = await runPython(['--socket', hub.socketPath, ...list]);
    expect(local.stderr).toBe('');
    expect(JSON.parse(local.stdout)).toMatchObject({ notes: ['milk'] });
    const remote = await runPython(['--port', `127.0.0.1:${hub.control.port}`, ...list]);
    expect(JSON.parse(remote.stdout)).toMatchObject({ notes: ['milk', 'milk'] });
    const refused = await runPython(['--socket', hub.socketPath, ...list], 'wrong');
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('refused') });
  });
});
