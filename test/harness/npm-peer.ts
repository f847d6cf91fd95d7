/** npm's hypercore 7 and hyperdrive 9 in a process of their own, told what to do. Ended by process id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { installPackage } from './npm-package.ts';

const PACKAGE = 'test/interop/hypercore';

interface Waiting {
  readonly resolve: (answer: object) => void;
  readonly reject: (error: Error) => void;
}

export class NpmPeer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;

  private constructor(child: ChildProcess) {
    this.#child = child;
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => this.#take(line));
    child.once('exit', (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the npm peer ended with ${code}`));
    });
  }

  /** Before the first is opened: a slow machine compiles for minutes. */
  static async install(): Promise<void> {
    await installPackage(PACKAGE);
  }

  static async open(): Promise<NpmPeer> {
    const folder = await installPackage(PACKAGE);
    return new NpmPeer(spawn(process.execPath, [join(folder, 'peer.cjs')], { stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  /** Does one command of peer.cjs. */
  tell<Answer extends object>(command: { readonly do: string } & Readonly<Record<string, unknown>>): Promise<Answer> {
    const id = this.#next++;
    return new Promise<object>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify({ ...command, id })}\n`);
    }) as Promise<Answer>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.stdin?.end();
    const ended = once(this.#child, 'exit');
    // Real time: another's program that does not end by itself is ended; the test does not wait for this.
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(patience);
  }

  #take(line: string): void {
    const { id, answer, error } = JSON.parse(line) as { id: number; answer?: object; error?: string };
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(answer ?? {});
    else waiting?.reject(new Error(`the npm peer failed: ${error}`));
  }
}
