/**
 * The hub itself is started anew, as after an upgrade, while people are at their mail: another process takes its place. Their
 * user servers live on with what is in them, and programs by socket and by HTTP are without service for less than a second.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { connectOperator, OPERATOR_SOCKET } from '../../src/hub/index.ts';
import { isAlive } from '../harness/daemon.ts';
import { asPerson, HomeProcess, jsonOf, PASSWORD, restante } from '../harness/home-process.ts';
import { basic, FrameProgram, http } from '../harness/hub.ts';
import { HubProgram } from '../harness/hub-home.ts';
import { Program } from '../harness/program.ts';
import { until } from '../harness/until.ts';

const RELIEFS = 2;
/** What the hub may cost anybody. */
const WITHOUT_SERVICE_MS_MAX = 1_000;
/** Between two questions of one program: real programs ask real processes here. */
const ASK_MS = 10;
const JMAP = ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'];

test('a hub that another process relieves keeps its user servers, what waits in them, and its programs', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'relief-'));
  let home = await HomeProcess.open(join(folder, 'home'), 0);
  const hub = await Program.open(hubArgs(folder, home.url));
  hub.hangUp();
  let pid = hub.pid;
  try {
    const alice = `alice@${home.home}`;
    const profile = join(folder, 'alice');
    await asPerson(profile, 'account', 'new', alice, '--node', home.url);
    await asPerson(profile, 'send', '--to', alice, '--subject', 'x', '--body', 'hello');
    const { jmap } = jsonOf<{ jmap: string }>(hub.ready);
    const place = { socketPath: join(folder, 'hub', 'hub', 'hub.sock'), port: Number(new URL(jmap).port) };
    await using programs = await Programs.open(place, alice);
    const { pid: userServer } = await userServerOf(folder);

    // A change that its home has not heard of waits through all of it.
    await programs.frames.until(async () => (await programs.frames.subjects()).includes('x'));
    await home.stop();
    const [found] = await programs.frames.call(['Email/query', {}]);
    const [id] = (found as { ids: string[] }).ids;
    await programs.frames.call(['Email/set', { update: { [String(id)]: { 'keywords/$flagged': true } } }]);

    for (let relief = 0; relief < RELIEFS; relief++) {
      programs.forgetGaps();
      const before = pid;
      const { code, stdout } = await restante(['hub', 'restart', '--json', '--data', join(folder, 'hub')]);
      expect(code).toBe(0);
      ({ pid } = jsonOf<{ pid: number }>(stdout));
      expect(pid).not.toBe(before);
      await programs.servedAgain();
      console.log(`without service for: ${JSON.stringify(programs.gaps)}`);
      for (const [name, ms] of Object.entries(programs.gaps)) expect(ms, name).toBeLessThan(WITHOUT_SERVICE_MS_MAX);
      expect(await userServerOf(folder)).toMatchObject({ pid: userServer, phase: 'running', failures: 0 });
      await until(() => !isAlive(before));
    }

    const { port } = new URL(home.url);
    home = await HomeProcess.open(join(folder, 'home'), Number(port));
    for (let isHeard = false; !isHeard; ) {
      await asPerson(profile, 'sync');
      isHeard = (await asPerson<{ flagged: boolean }>(profile, 'list')).flagged;
    }
    expect(hub.log).toBe('');
  } finally {
    if (isAlive(pid)) process.kill(pid, 'SIGTERM');
    await until(() => !isAlive(pid));
    await home.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

/** What a new process does that relieves a hub, besides what it would: everything else is as it is. */
const FAILURES = {
  'does not load': "throw new Error('broken');",
  'loads, and then does not serve':
    "require('node:net').Server.prototype.listen = () => { throw new Error('broken'); };",
};

test('a hub whose successor does not load goes on; one whose successor then fails ends, with an error and with everything', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'relief-'));
  const home = await HomeProcess.open(join(folder, 'home'), 0);
  const hook = join(folder, 'hook.cjs');
  const breaks = (how: keyof typeof FAILURES) =>
    writeFile(hook, `if (process.argv.includes('--relieves')) { ${FAILURES[how]} }`);
  await writeFile(hook, '');
  const hub = await Program.open(hubArgs(folder, home.url), { NODE_OPTIONS: `--require=${hook}` });
  try {
    const alice = `alice@${home.home}`;
    await asPerson(join(folder, 'alice'), 'account', 'new', alice, '--node', home.url);
    const program = await openFrames({ socketPath: join(folder, 'hub', 'hub', 'hub.sock') }, alice);
    const { pid } = await userServerOf(folder);
    const restart = ['hub', 'restart', '--json', '--data', join(folder, 'hub')];
    const pidFile = join(folder, 'hub', 'hub', 'hub.pid');

    await breaks('does not load');
    expect(await restante(restart)).toMatchObject({ code: 1, stdout: expect.stringContaining('"failed"') });
    await program.call(['Core/echo', {}]); // by the same connection
    expect(await userServerOf(folder)).toMatchObject({ pid, phase: 'running', failures: 0 });
    expect(await readFile(pidFile, 'utf8')).toBe(`${hub.pid}\n`);

    await breaks('loads, and then does not serve');
    expect(await restante(restart)).toMatchObject({ code: 1, stdout: expect.stringContaining('"failed"') });
    // So whoever watches over it starts it anew.
    expect(await hub.ended()).toBe(1);
    await until(() => !isAlive(Number(pid)));
    await expect(readFile(pidFile)).rejects.toMatchObject({ code: 'ENOENT' });
    program[Symbol.dispose]();
  } finally {
    await hub.stop();
    await home.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

function hubArgs(folder: string, nodeUrl: string): string[] {
  const options = ['--json', '--data', join(folder, 'hub'), '--node', nodeUrl, '--port', '0', '--log-level', 'error'];
  return ['hub', 'run', ...options];
}

async function userServerOf(folder: string) {
  const operator = await connectOperator(join(folder, 'hub', 'hub', OPERATOR_SOCKET));
  const { refusedMessages, users } = (await operator?.status()) ?? { users: [] };
  expect([refusedMessages, users.length]).toEqual([{}, 1]);
  return users[0] as (typeof users)[number];
}

interface Place {
  readonly socketPath: string;
  readonly port: number;
}

/** A program by socket and one by HTTP that ask all the time, and one that hears events; each comes back when it is cut. */
class Programs implements AsyncDisposable {
  frames: HubProgram;
  readonly #place: Place;
  readonly #user: string;
  readonly #stop = new AbortController();
  readonly #servedAt = new Map<string, number>();
  readonly #gaps = new Map<string, number>();
  #running: Promise<unknown> = Promise.resolve();

  private constructor(place: Place, user: string, frames: HubProgram) {
    this.#place = place;
    this.#user = user;
    this.frames = frames;
  }

  static async open(place: Place, user: string): Promise<Programs> {
    const programs = new Programs(place, user, await openFrames(place, user));
    programs.#running = Promise.all([
      programs.#again('frames', () => programs.#askByFrames()),
      programs.#again('http', () => programs.#askByHttp()),
      programs.#again('events', () => programs.#hearEvents()),
    ]);
    await programs.servedAgain();
    return programs;
  }

  forgetGaps(): void {
    this.#gaps.clear();
  }

  /** The longest that each was without an answer, in milliseconds. */
  get gaps(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#gaps].map(([name, ms]) => [name, Math.round(ms)]));
  }

  /** Each of them, after this was called. */
  async servedAgain(): Promise<void> {
    const from = performance.now();
    await until(() => ['frames', 'http', 'events'].every((name) => (this.#servedAt.get(name) ?? 0) > from));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.frames[Symbol.dispose]();
    await this.#running;
  }

  async #again(name: string, act: () => Promise<void>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await act();
        this.#served(name);
      } catch {
        // Cut, or not there: the gap says for how long.
      }
      await pause(ASK_MS);
    }
  }

  #served(name: string): void {
    const now = performance.now();
    const gap = now - (this.#servedAt.get(name) ?? now);
    this.#servedAt.set(name, now);
    this.#gaps.set(name, Math.max(gap, this.#gaps.get(name) ?? 0));
  }

  async #askByFrames(): Promise<void> {
    if (this.frames.frames.isEnded) this.frames = await openFrames(this.#place, this.#user);
    await this.frames.call(['Core/echo', {}]);
  }

  async #askByHttp(): Promise<void> {
    const headers = { ...this.#login, 'content-type': 'application/json' };
    const body = JSON.stringify({ using: JMAP, methodCalls: [['Core/echo', {}, '0']] });
    const { status } = await http(this.#place.port, '/jmap/api', { method: 'POST', headers }, body);
    if (status !== 200) throw new Error(`answered with ${status}`);
  }

  /** While the stream is open the program is served. */
  #hearEvents(): Promise<void> {
    const options = { port: this.#place.port, path: '/jmap/eventsource?types=*&closeafter=no&ping=0' };
    return new Promise((_, reject) => {
      const asked = get({ host: '127.0.0.1', agent: false, headers: this.#login, ...options }, (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`answered with ${answer.statusCode}`));
        const timer = setInterval(() => this.#served('events'), ASK_MS);
        this.#stop.signal.addEventListener('abort', () => answer.destroy(), { once: true });
        answer.on('error', () => undefined);
        answer.resume().once('close', () => {
          clearInterval(timer);
          reject(new Error('the stream was cut'));
        });
      });
      asked.once('error', reject);
    });
  }

  get #login(): { authorization: string } {
    return basic(this.#user, PASSWORD.RESTANTE_PASSWORD);
  }
}

async function openFrames({ socketPath }: Pick<Place, 'socketPath'>, user: string): Promise<HubProgram> {
  const [program, opened] = await FrameProgram.open(socketPath, { user, password: PASSWORD.RESTANTE_PASSWORD });
  if (opened.opened === undefined) throw new Error(`no session: ${JSON.stringify(opened)}`);
  return new HubProgram(program);
}
