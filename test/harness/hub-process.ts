/** A hub host as people run it: the built command line in a process of its own, killed, drained or stopped by process id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connectOperator, OPERATOR_SOCKET } from '../../src/hub/index.ts';
import { MAIN } from './home-process.ts';

export interface HubPlace {
  /** Of this host alone. */
  readonly folder: string;
  /** Of the people, which all hosts share. */
  readonly users: string;
  readonly brokerFile: string;
  readonly nodeUrl: string;
  readonly port: number;
}

export class HubProcess {
  readonly port: number;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #log: readonly string[];

  private constructor(child: ChildProcess, log: readonly string[], { folder, port }: HubPlace) {
    this.#child = child;
    this.#log = log;
    this.#folder = folder;
    this.port = port;
  }

  static async open(place: HubPlace): Promise<HubProcess> {
    const { brokerFile, folder, nodeUrl, port, users } = place;
    const where = ['--data', folder, '--users', users, '--broker-file', brokerFile, '--node', nodeUrl];
    const options = ['hub', 'run', '--json', ...where, '--port', String(port), '--log-level', 'error'];
    const child = spawn(process.execPath, [MAIN, ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
    const log: string[] = [];
    child.stderr.on('data', (data: Buffer) => log.push(data.toString('latin1')));
    const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    if (first.done === true) throw new Error(`the hub did not start: ${log.join('').slice(-4_000)}`);
    return new HubProcess(child, log, place);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it and its user servers wrote to stderr so far. */
  get log(): string {
    return this.#log.join('');
  }

  async operator(): Promise<NonNullable<Awaited<ReturnType<typeof connectOperator>>>> {
    const operator = await connectOperator(join(this.#folder, 'hub', OPERATOR_SOCKET));
    if (operator === undefined) throw new Error(`no hub runs in ${this.#folder}`);
    return operator;
  }

  /** As a power cut ends a host: its user servers end because their control server is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** In order: its user servers write and end. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.isRunning) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exited;
  }
}
