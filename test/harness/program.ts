/** The built command line in a process of its own that serves until it is told to stop: killed or stopped by process id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

/** From the project's folder, where tests and benches are begun: benches are compiled to elsewhere. */
export const MAIN = resolve('dist/bin/restante.js');

export class Program {
  /** What it said when it was ready: a line of JSON. */
  readonly ready: string;
  readonly #child: ChildProcess;
  readonly #log: readonly string[];

  private constructor(child: ChildProcess, log: readonly string[], ready: string) {
    this.#child = child;
    this.#log = log;
    this.ready = ready;
  }

  /** `environment` is what is not as in ours. */
  static async open(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Program> {
    const env = { ...process.env, ...environment };
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
    const log: string[] = [];
    child.stderr.on('data', (data: Buffer) => log.push(data.toString('latin1')));
    const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    if (first.done === true) throw new Error(`${args[0]} did not start: ${log.join('').slice(-4_000)}`);
    return new Program(child, log, first.value);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What it wrote to stderr so far. */
  get log(): string {
    return this.#log.join('');
  }

  /** Who has started it has read what it wanted. */
  hangUp(): void {
    this.#child.stdout?.destroy();
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** In order: what is under way is done. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** The code with which it ends by itself. */
  async ended(): Promise<number | null> {
    if (this.isRunning) await once(this.#child, 'exit');
    return this.#child.exitCode;
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.isRunning) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exited;
  }
}
