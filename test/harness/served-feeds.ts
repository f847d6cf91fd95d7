/** `restante feed serve` in a process of its own, ended by process id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { MAIN } from './program.ts';

export class ServedFeeds implements AsyncDisposable {
  readonly port: number;
  readonly keys: readonly string[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ready: { readonly port: number; readonly keys: readonly string[] }) {
    this.#child = child;
    this.port = ready.port;
    this.keys = ready.keys;
  }

  static async open(folders: readonly string[], port = 0): Promise<ServedFeeds> {
    const args = [MAIN, '--json', 'feed', 'serve', ...folders, '--port', String(port)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    const [line] = (await once(lines, 'line')) as [string];
    return new ServedFeeds(child, JSON.parse(line) as { port: number; keys: string[] });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.kill('SIGTERM')) await once(this.#child, 'exit');
  }
}
