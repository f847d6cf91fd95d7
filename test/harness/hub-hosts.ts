/** Hub hosts as processes of their own on one broker, with users' folders that they share. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connectOperator, OPERATOR_SOCKET } from '../../src/hub/index.ts';

const PROGRAM = fileURLToPath(new URL('./hub-host.mjs', import.meta.url));

export interface Host {
  readonly name: string;
  readonly folder: string;
  readonly child: ChildProcess;
  readonly port: number;
}

export class HubHosts implements AsyncDisposable {
  readonly folder: string;
  readonly #amqp: string;
  readonly #options: object;
  readonly #hosts = new Map<string, Host>();
  /** A host that starts again listens where it did: programs that know its port find it. */
  readonly #ports = new Map<string, number>();

  private constructor(folder: string, amqp: string, options: object) {
    this.folder = folder;
    this.#amqp = amqp;
    this.#options = options;
  }

  /** `options` are those of a control server that are not as usual. */
  static async open(amqp: string, names: readonly string[], options: object = {}): Promise<HubHosts> {
    const hosts = new HubHosts(await mkdtemp(join(tmpdir(), 'hosts-')), amqp, options);
    await Promise.all(names.map((name) => hosts.start(name)));
    return hosts;
  }

  get all(): readonly Host[] {
    return [...this.#hosts.values()];
  }

  of(name: string): Host {
    return this.#hosts.get(name) as Host;
  }

  async start(name: string): Promise<Host> {
    const folder = join(this.folder, name);
    await mkdir(folder, { recursive: true });
    const options = {
      folder,
      usersFolder: join(this.folder, 'users'),
      socket: { path: join(folder, 'hub.sock'), mode: 0o600 },
      port: { host: '127.0.0.1', port: this.#ports.get(name) ?? 0 },
      broker: { url: this.#amqp, host: '127.0.0.1', usersMax: 300 },
      ...this.#options,
    };
    const child = spawn(process.execPath, [PROGRAM, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const host: Host = { name, folder, child, port: Number(line) };
    this.#hosts.set(name, host);
    this.#ports.set(name, host.port);
    return host;
  }

  /** In order: its user servers write and end. */
  async stop(name: string): Promise<void> {
    const { child } = this.of(name);
    this.#hosts.delete(name);
    const exited = once(child, 'exit');
    child.stdin?.end();
    await exited;
  }

  /** As a power cut ends a host: its user servers end because their control server is gone. */
  async kill(name: string): Promise<void> {
    const { child } = this.of(name);
    this.#hosts.delete(name);
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async operator(name: string): Promise<NonNullable<Awaited<ReturnType<typeof connectOperator>>>> {
    const operator = await connectOperator(join(this.of(name).folder, OPERATOR_SOCKET));
    if (operator === undefined) throw new Error(`no hub runs at ${name}`);
    return operator;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.all) {
      const exited = once(child, 'exit');
      child.stdin?.end();
      await exited;
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}
