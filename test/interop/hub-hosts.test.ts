/** Several hub hosts on one real broker: where users are, and what happens when hosts and broker go. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectBroker } from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SILENT_LOG } from '../../src/base/index.ts';
import { SystemClock, SystemRandom } from '../../src/base/system/index.ts';
import { createInstanceId } from '../../src/hub/component/ids.ts';
import { joinBroker } from '../../src/hub/control/cluster.ts';
import { UserFolders } from '../../src/hub/control/user-folders.ts';
import { connect, type HubRequest, type HubSession } from '../../src/hub-client/index.ts';
import type { Json } from '../../src/protocol/index.ts';
import { isAlive } from '../harness/daemon.ts';
import { asNotes, type Notes, PASSWORD } from '../harness/hub.ts';
import { type Host, HubHosts } from '../harness/hub-hosts.ts';
import { runPython } from '../harness/python-client.ts';
import { Rabbit, skipsWithoutRabbit } from '../harness/rabbitmq.ts';
import { SecretScan } from '../harness/secret-scan.ts';
import { until } from '../harness/until.ts';

const USERS = Array.from({ length: 4 }, (_, index) => `user${index}@home.example`);
/** How often hosts are asked what they do, where nothing tells. */
const POLL_MS = 50;
const signal = new AbortController().signal;
const call = (...methodCall: [string] | [string, Json]): HubRequest => ({ using: [], methodCalls: [methodCall] });
const ask = async (session: HubSession, request = call('list')) => asNotes(await session.request(request, signal));

/** A request that may be made twice, until it is answered. */
async function insist(session: HubSession): Promise<Notes> {
  for (;;)
    try {
      return await ask(session);
    } catch (error) {
      if ((error as { code?: string }).code !== 'cut') throw error;
    }
}

// RabbitMQ is a program of the machine, which skipsWithoutRabbit tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutRabbit('hub hosts on one broker'))('hub hosts on one broker', () => {
  let rabbit: Rabbit;
  beforeAll(async () => {
    rabbit = await Rabbit.open();
  });
  afterAll(() => rabbit[Symbol.asyncDispose]());

  const open = (user: string, host?: Host): Promise<HubSession> =>
    connect(host === undefined ? { amqp: rabbit.url } : { host: '127.0.0.1', port: host.port }).open({
      user,
      password: PASSWORD,
    });

  test('end, also when they are stopped while they still connect', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hosts-'));
    const random = new SystemRandom();
    const cluster = await joinBroker(
      {
        clock: new SystemClock(),
        log: SILENT_LOG,
        random,
        folders: new UserFolders(folder),
        instance: createInstanceId(random),
        onMail: () => undefined,
      },
      { url: rabbit.url, location: { host: '127.0.0.1', port: 1, tls: false }, usersMax: 1 },
    );
    await cluster[Symbol.asyncDispose](); // its connection for programs' questions is being made
    await rm(folder, { recursive: true });
  });

  test('have one user server for each user, wherever their programs come in', async () => {
    await using hosts = await HubHosts.open(rabbit.url, ['a', 'b', 'c']);
    const sessions = await Promise.all(
      USERS.flatMap((user, index) => [
        open(user),
        open(user, hosts.all[index % 3]),
        open(user, hosts.all[(index + 1) % 3]),
      ]),
    );
    const pids = new Map<string, Set<number>>();
    for (const session of sessions)
      pids.set(session.user, (pids.get(session.user) ?? new Set()).add((await ask(session)).pid));
    expect([...pids.values()].map((each) => each.size)).toEqual(USERS.map(() => 1));
    const [first] = USERS;
    const python = await runPython(['--amqp', rabbit.url, '--call', '[["list"]]', first as string]);
    expect(python.stderr).toBe('');
    expect(pids.get(first as string)).toContain(JSON.parse(python.stdout).pid);
    await Promise.all(sessions.map((session) => session[Symbol.asyncDispose]()));
  });

  test('take over the users of a host that dies or is drained; sessions open again by themselves', async () => {
    await using hosts = await HubHosts.open(rabbit.url, ['a', 'b', 'c']);
    const sessions = await Promise.all(USERS.map((user) => open(user)));
    for (const session of sessions) await ask(session, call('add', 'milk'));
    const away: number[] = [];
    for (const session of sessions) {
      let since = 0;
      session.on('cut', () => {
        since = performance.now();
      });
      session.on('opened', () => away.push(performance.now() - since));
    }
    await hosts.kill('a');
    const answers = await Promise.all(sessions.map(insist));
    expect(answers.map(({ notes }) => notes)).toEqual(USERS.map(() => ['milk']));
    await hosts.start('a');
    await (await hosts.operator('b')).drain();
    await until(() => sessions.every(({ isConnected }) => isConnected));
    await Promise.all(sessions.map(insist));
    expect((await (await hosts.operator('b')).status()).users.filter(({ phase }) => phase === 'running')).toEqual([]);
    away.sort((x, y) => x - y);
    const at = (share: number): number => Math.round(away[Math.floor((away.length - 1) * share)] ?? 0);
    console.info(`time without service: ${away.length} cuts, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
    expect(away.length).toBeGreaterThan(0);
    await Promise.all(sessions.map((session) => session[Symbol.asyncDispose]()));
  });

  test('leave neither a credential nor anything of the mail with the broker', async () => {
    await using hosts = await HubHosts.open(rabbit.url, ['a', 'b']);
    const canary = 'a canary that sings in the mail';
    const sessions = await Promise.all(USERS.map((user) => open(user)));
    for (const session of sessions) await ask(session, call('add', canary));
    const tokens = sessions.map(({ token }) => Buffer.from(token.split('.').at(-1) as string, 'base64url'));
    const scan = new SecretScan([PASSWORD, canary, ...tokens]);
    expect(scan.finds(Buffer.from(JSON.stringify({ token: sessions[0]?.token })))).toBe(true); // the search works
    for (const session of sessions) expect(scan.inProcess((await ask(session)).pid)).toEqual([]);
    for (const { child } of hosts.all) expect(scan.inProcess(child.pid as number)).toEqual([]);
    await Promise.all(sessions.map((session) => session[Symbol.asyncDispose]()));
    const { count, found } = scan.inFolder(rabbit.folder);
    expect(found).toEqual([]);
    expect(count).toBeGreaterThan(10);
    const said = readFileSync(join(rabbit.folder, 'enabled_plugins'), 'utf8');
    expect(said).toContain('[]'); // files of the broker are readable to the search
  });

  test('go on while the broker is away, and place people again when it is back', async () => {
    await using hosts = await HubHosts.open(rabbit.url, ['a', 'b']);
    const session = await open(USERS[0] as string);
    const { pid } = await ask(session, call('add', 'milk'));
    await rabbit.kill();
    expect(await ask(session)).toMatchObject({ notes: ['milk'], pid });
    await rabbit.start();
    // Somebody else is placed as soon as the hosts are back.
    const other = await (async () => {
      for (;;)
        try {
          return await open(USERS[1] as string);
        } catch (error) {
          if (!['late', 'absent', 'unavailable'].includes((error as { code: string }).code)) throw error;
        }
    })();
    expect(await ask(other)).toMatchObject({ notes: [] });
    expect(await ask(session)).toMatchObject({ pid });
    // And both hosts send people to the user server that was here before.
    for (const host of hosts.all) {
      const late = await open(USERS[0] as string, host);
      expect(await ask(late)).toMatchObject({ pid });
      await late[Symbol.asyncDispose]();
    }
    for (const each of [session, other]) await each[Symbol.asyncDispose]();
  });

  test('wake who has asked for it when anything publishes that mail has come, and nobody else', async () => {
    await using hosts = await HubHosts.open(rabbit.url, ['a', 'b'], { idleTimeoutMs: 200 });
    const sleepers = ['asks@home.example', 'rests@home.example'];
    for (const user of sleepers) {
      const session = await open(user);
      if (user === sleepers[0]) await session.request(call('remind', { id: 'mail', at: null, onMail: true }), signal);
      await session[Symbol.asyncDispose]();
    }
    const running = async (): Promise<string[]> => {
      const all = await Promise.all(hosts.all.map(async ({ name }) => (await hosts.operator(name)).status()));
      return all.flatMap(({ users }) => users.map(({ user }) => user));
    };
    // Idle user servers end by the clock of their own processes, which no test moves; nothing tells when they have.
    while ((await running()).length > 0) await pause(POLL_MS);
    // As docs/protocol/hub.md tells whoever has an IMAP server.
    const model = await connectBroker(rabbit.url);
    const channel = await model.createChannel();
    for (const user of sleepers) channel.publish('restante.events', 'mail', Buffer.from(JSON.stringify({ user })));
    channel.publish('restante.events', 'mail', Buffer.from('no JSON'));
    await channel.close();
    await model.close();
    const seen = new Set<string>();
    // Who is woken runs for a moment only, so the hosts are asked without a pause; each question goes to other processes.
    while (seen.size === 0) for (const user of await running()) seen.add(user);
    while ((await running()).length > 0) for (const user of await running()) seen.add(user);
    expect([...seen]).toEqual([sleepers[0]]);
    const after = await open(sleepers[0] as string);
    expect(await ask(after)).toMatchObject({ notes: ['woken by mail'] });
    await after[Symbol.asyncDispose]();
  });

  test('never let a paused host write what another host has taken over', async () => {
    await using hosts = await HubHosts.open(rabbit.url, ['a', 'b']);
    const [a, b] = [hosts.of('a'), hosts.of('b')];
    const user = 'paused@home.example';
    const before = await open(user, a);
    const { pid } = await ask(before, call('add', 'before'));
    a.child.kill('SIGSTOP');
    process.kill(pid, 'SIGSTOP');
    const after = await (async () => {
      for (;;)
        try {
          return await open(user, b);
        } catch (error) {
          if ((error as { code: string }).code !== 'unavailable') throw error;
        }
    })();
    await ask(after, call('add', 'after'));
    const late = ask(before, call('add', 'from the past'));
    late.catch(() => undefined);
    process.kill(pid, 'SIGCONT');
    a.child.kill('SIGCONT');
    await expect(late).rejects.toMatchObject({ code: 'cut' });
    await until(() => !isAlive(pid));
    expect((await ask(after)).notes).toEqual(['before', 'after']);
    expect((await insist(before)).notes).toEqual(['before', 'after']);
    for (const each of [before, after]) await each[Symbol.asyncDispose]();
  });
});
