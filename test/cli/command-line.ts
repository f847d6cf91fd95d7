/**
 * The command line as people and scripts run it, in folders of their own. What is stopped, killed or watched runs as they
 * have it, built and in a process of its own; a command that ends by itself runs in this one, which saves its start.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough, Writable } from 'node:stream';
import type { Interruption } from '../../src/cli/interruption.ts';
import { runCommand } from '../../src/cli/run.ts';
import { MAIN } from '../harness/program.ts';

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as JSON lines. */
  readonly lines: readonly Record<string, unknown>[];
}

export interface RunOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A folder for data, and commands that know no other. */
export class Sandbox implements AsyncDisposable {
  readonly folder: string;
  readonly #children = new Set<ChildProcessWithoutNullStreams>();

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<Sandbox> {
    return new Sandbox(await mkdtemp(join(tmpdir(), 'restante-cli-')));
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  start(args: readonly string[], { input, environment }: RunOptions = {}): Running {
    const child = spawn(process.execPath, [MAIN, ...args], { env: this.#environment(environment) });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    child.stdin.on('error', () => child.stdin.destroy()); // it ended without reading
    if (input !== undefined) child.stdin.end(input);
    else child.stdin.end();
    return new Running(child);
  }

  /** Runs a command to its end, in this process. */
  async run(args: readonly string[], { input, environment }: RunOptions = {}): Promise<Finished> {
    const [stdin, stdout, stderr] = [new PassThrough(), new Collected(), new Collected()];
    stdin.end(input ?? '');
    const streams = { stdin, stdout, stderr, environment: this.#environment(environment) };
    const code = await runCommand(args, streams, uninterrupted(), undefined);
    return { code, stdout: stdout.text, stderr: stderr.text, lines: jsonLines(stdout.text) };
  }

  #environment(more: RunOptions['environment']): NodeJS.ProcessEnv {
    const { RESTANTE_PASSWORD: _, NO_COLOR: __, FORCE_COLOR: ___, ...inherited } = process.env;
    return { ...inherited, XDG_DATA_HOME: this.folder, ...more };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Of a command that nobody stops. */
function uninterrupted(): Interruption {
  const { signal } = new AbortController();
  return { signal, expectEnd: () => {}, isExpected: false, [Symbol.dispose]: () => {} };
}

/** What was written to a stream. */
class Collected extends Writable {
  readonly #chunks: Buffer[] = [];

  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#chunks.push(Buffer.from(chunk));
    done();
  }
}

export class Running {
  readonly finished: Promise<Finished>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #stderr = '';
  readonly #stderrWaiters = new Set<() => void>();

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      for (const wake of this.#stderrWaiters) wake();
    });
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    this.finished = once(child, 'close').then(([code]) => {
      for (const wake of this.#stderrWaiters) wake();
      return { code: code as number | null, stdout, stderr: this.#stderr, lines: jsonLines(stdout) };
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** The next JSON line of stdout. */
  async next(): Promise<Record<string, unknown>> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`the command ended: ${this.#stderr}`);
    return JSON.parse(line.value) as Record<string, unknown>;
  }

  /** Resolves when stderr has said something like it, or the command has ended. */
  async said(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#stderr) && this.#child.exitCode === null && this.#child.signalCode === null)
      await new Promise<void>((resolve) => this.#stderrWaiters.add(resolve));
  }

  stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Finished> {
    this.#child.kill(signal);
    return this.finished;
  }

  /** Reads no further line, as `head` does that has had enough. */
  hangUp(): Promise<Finished> {
    this.#child.stdout.destroy();
    return this.finished;
  }
}

function jsonLines(text: string): Record<string, unknown>[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as Record<string, unknown>];
    } catch {
      return []; // a line for people
    }
  });
}
