/** A home as people run it: the built command line in a process of its own, killed or stopped by process id. */
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { type AddressInfo, createServer } from 'node:net';
import { promisify } from 'node:util';
import { MAIN, Program } from './program.ts';

/** Of every person of these tests. */
export const PASSWORD = { RESTANTE_PASSWORD: 'correct horse battery staple' };

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command of the built command line. */
export async function restante(args: readonly string[], env: Record<string, string> = {}): Promise<CommandResult> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [MAIN, ...args], {
      env: { ...process.env, ...env },
      maxBuffer: 256 * 1024 * 1024,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

/** The last line of a command's `--json` output: its result. */
export function jsonOf<Result>(stdout: string): Result {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) as string) as Result;
}

/** Runs a command of the person of a profile; its result. */
export async function asPerson<Result>(profile: string, ...args: string[]): Promise<Result> {
  const { code, stdout, stderr } = await restante(['--json', ...args, '--profile', profile], PASSWORD);
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}: ${stdout.slice(-2_000)}${stderr.slice(-2_000)}`);
  return jsonOf<Result>(stdout);
}

/**
 * Below those that outgoing connections are given: while a program that is killed is away, none of these takes its port, and it
 * finds it free when it comes back.
 */
const PORTS = Object.freeze({ from: 12_000, to: 32_000 });

export async function freePort(): Promise<number> {
  for (;;) {
    const port = await listenable(randomInt(PORTS.from, PORTS.to));
    if (port !== undefined) return port;
  }
}

/** A free port whose next one is free as well: for the home and its hub. */
export async function freePortPair(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if ((await listenable(port + 1)) !== undefined) return port;
  }
}

/** The port that was listened at, if it could be. */
async function listenable(port: number): Promise<number | undefined> {
  const server = createServer();
  const isListening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (!isListening) return undefined;
  const { port: taken } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return taken;
}

export class HomeProcess {
  readonly url: string;
  readonly home: string;
  readonly #program: Program;

  private constructor(program: Program) {
    const { home, node } = jsonOf<{ node: string; home: string }>(program.ready);
    this.#program = program;
    this.url = node;
    this.home = home;
  }

  static async open(folder: string, port: number, args: readonly string[] = []): Promise<HomeProcess> {
    const place = ['--json', '--data', folder, '--port', String(port), '--registration', 'open'];
    return new HomeProcess(await Program.open(['node', ...place, '--log-level', 'error', ...args]));
  }

  get pid(): number {
    return this.#program.pid;
  }

  get isRunning(): boolean {
    return this.#program.isRunning;
  }

  /** What it wrote to stderr so far. */
  get log(): string {
    return this.#program.log;
  }

  ended(): Promise<number | null> {
    return this.#program.ended();
  }

  kill(): Promise<void> {
    return this.#program.kill();
  }

  stop(): Promise<void> {
    return this.#program.stop();
  }
}
