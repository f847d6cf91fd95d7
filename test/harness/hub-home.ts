/** A home and a hub as people run them, user servers in processes of their own, and somebody with mail. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, type Log, SILENT_LOG } from '../../src/base/index.ts';
import { SystemClock } from '../../src/base/system/index.ts';
import { ThreadedHomeCheck } from '../../src/hub/index.ts';
import { asPerson, HomeProcess, PASSWORD } from './home-process.ts';
import { FrameProgram, openHub, type TestHub } from './hub.ts';

const USER_SERVER = fileURLToPath(new URL('../../dist/bin/hub-user-server-main.js', import.meta.url));

type Arguments = Readonly<Record<string, unknown>>;

export interface HubHomeOptions {
  readonly cache?: 'disk' | 'memory';
  readonly idleTimeoutMs?: number;
  readonly log?: Log;
  /** Of the control server. */
  readonly clock?: Clock;
}

export class HubHome implements AsyncDisposable {
  readonly folder: string;
  home: HomeProcess;
  readonly hub: TestHub;

  private constructor(folder: string, home: HomeProcess, hub: TestHub) {
    this.folder = folder;
    this.home = home;
    this.hub = hub;
  }

  static async open({ cache = 'disk', clock, idleTimeoutMs = 60_000, log }: HubHomeOptions = {}): Promise<HubHome> {
    const folder = await mkdtemp(join(tmpdir(), 'restante-hub-'));
    const home = await HomeProcess.open(join(folder, 'home'), 0);
    const options = { program: USER_SERVER, nodeUrl: home.url, cache, idleTimeoutMs };
    const check = new ThreadedHomeCheck(
      { clock: new SystemClock(), log: log ?? SILENT_LOG },
      { nodeUrl: home.url, allowPrivate: true },
    );
    return new HubHome(folder, home, await openHub(options, log, check, clock));
  }

  /** A new account with a device of its own. Returns its address. */
  async person(name: string): Promise<string> {
    const address = `${name}@${this.home.home}`;
    await asPerson(this.#profileOf(address), 'account', 'new', address, '--node', this.home.url);
    return address;
  }

  /** What a person does at their own device. */
  as<Result>(address: string, ...args: string[]): Promise<Result> {
    return asPerson<Result>(this.#profileOf(address), ...args);
  }

  async session(address: string): Promise<HubProgram> {
    const open = { user: address, password: PASSWORD.RESTANTE_PASSWORD };
    const [program, opened] = await FrameProgram.open(this.hub.socketPath, open);
    if (opened.opened === undefined) throw new Error(`no session: ${JSON.stringify(opened)}`);
    return new HubProgram(program);
  }

  /** The home is gone until `startHome`. */
  async stopHome(): Promise<void> {
    await this.home.stop();
  }

  async startHome(): Promise<void> {
    this.home = await HomeProcess.open(join(this.folder, 'home'), Number(new URL(this.home.url).port));
  }

  /** The process id of a person's user server. */
  async pidOf(address: string): Promise<number> {
    const { users } = await this.hub.control.operator.status();
    const pid = users.find(({ user }) => user === address)?.pid;
    if (pid === undefined) throw new Error(`${address} has no user server`);
    return pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hub[Symbol.asyncDispose]();
    await this.home.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  #profileOf(address: string): string {
    return join(this.folder, 'profiles', address);
  }
}

/** A program of a person that calls JMAP over the hub's frames. */
export class HubProgram implements Disposable {
  readonly frames: FrameProgram;
  #id = 0;

  constructor(frames: FrameProgram) {
    this.frames = frames;
  }

  async call(...calls: readonly (readonly [name: string, args: Arguments])[]): Promise<Arguments[]> {
    const id = ++this.#id;
    const methodCalls = calls.map(([name, args], at) => [name, { accountId: 'encrypted', ...args }, `${at}`]);
    const using = ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'];
    this.frames.send({ id, request: { using, methodCalls } });
    const answer = await this.frames.next((message) => message.id === id);
    const { methodResponses } = (answer.response ?? { methodResponses: [] }) as {
      methodResponses: [string, Arguments][];
    };
    if (methodResponses.length === 0) throw new Error(`no answer: ${JSON.stringify(answer)}`);
    return methodResponses.map(([name, args]) => {
      if (name === 'error') throw new Error(`a method failed: ${JSON.stringify(args)}`);
      return args;
    });
  }

  /** Newest first. */
  async subjects(limit = 50): Promise<string[]> {
    const [, answer] = await this.call(
      ['Email/query', { sort: [{ property: 'receivedAt', isAscending: false }], limit }],
      ['Email/get', { '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' }, properties: ['subject'] }],
    );
    return (answer as { list: { subject: string }[] }).list.map(({ subject }) => subject);
  }

  /** Waits for pushes until it holds. */
  async until(isDone: () => Promise<boolean>): Promise<void> {
    while (!(await isDone())) await this.frames.next((message) => message.push !== undefined);
  }

  [Symbol.dispose](): void {
    this.frames[Symbol.dispose]();
  }
}

/** Resident memory of a process, in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
}

/** The names of a process's threads. */
export async function threadNames(pid: number): Promise<string[]> {
  const tasks = await readdir(`/proc/${pid}/task`);
  return Promise.all(tasks.map(async (task) => (await readFile(`/proc/${pid}/task/${task}/comm`, 'utf8')).trim()));
}
