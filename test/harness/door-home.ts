/** A home with an SMTP door, as people run it, and its people on the command line. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { type Finished, type Running, Sandbox } from '../cli/command-line.ts';
import type { Certificate } from './certificate.ts';
import { freePortPair } from './home-process.ts';

const PASSWORD = { RESTANTE_PASSWORD: 'correct horse battery staple' };

/** Nobody answers there, and says so at once: a test that needs DNS names a server of its own. */
const NO_DNS = '127.0.0.1:1';

interface Ready {
  readonly node: string;
  readonly smtp: number;
}

function readyOf({ node, smtp }: Record<string, unknown>): Ready {
  if (typeof node !== 'string' || typeof smtp !== 'number') throw new Error('the home has no door');
  return { node, smtp };
}

export interface DoorHomeOptions {
  readonly names: readonly string[];
  readonly args?: readonly string[];
}

export class DoorHome implements AsyncDisposable {
  readonly #sandbox: Sandbox;
  readonly #command: readonly string[];
  #server: Running;
  #ready: Ready;

  private constructor(sandbox: Sandbox, command: readonly string[], server: Running, ready: Ready) {
    this.#sandbox = sandbox;
    this.#command = command;
    this.#server = server;
    this.#ready = ready;
  }

  static async open({ args = [], names }: DoorHomeOptions): Promise<DoorHome> {
    const sandbox = await Sandbox.open();
    const command = [
      ...['up', '--port', String(await freePortPair()), '--registration', 'open', '--json'],
      ...[
        '--data',
        sandbox.path('home'),
        '--home',
        'home.example',
        '--smtp-port',
        '0',
        '--log-level',
        'error',
        '--smtp-dns',
        NO_DNS,
        ...args,
      ],
    ];
    try {
      const server = sandbox.start(command);
      const home = new DoorHome(sandbox, command, server, readyOf(await server.next()));
      for (const name of names) await home.must(['account', 'new', `${name}@home.example`, '--node', home.#ready.node]);
      return home;
    } catch (error) {
      await sandbox[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** As a power cut ends it; and it is started again. */
  async killAndRestart(): Promise<void> {
    await this.#server.stop('SIGKILL');
    this.#server = this.#sandbox.start(this.#command);
    this.#ready = readyOf(await this.#server.next());
  }

  /** The most memory that the server has had since it started, in MiB. */
  get peakMiB(): number {
    const status = readFileSync(`/proc/${this.#server.pid}/status`, 'utf8');
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024);
  }

  /** Of the door; another one after each start. */
  get port(): number {
    return this.#ready.smtp;
  }

  /** Of the server: what a thief of its disk would have. */
  get folder(): string {
    return this.#sandbox.path('home');
  }

  /** Beside the folder of the server. */
  path(name: string): string {
    return this.#sandbox.path(name);
  }

  /** What a person sees of their mail, newest first. */
  async list(name: string): Promise<readonly Record<string, unknown>[]> {
    await this.as(name, ['sync']);
    return (await this.as(name, ['list'])).lines;
  }

  /** The messages of a person as their device opened them. */
  async octets(name: string, args: readonly string[] = []): Promise<readonly Buffer[]> {
    await this.as(name, ['sync']);
    const folder = this.#sandbox.path(`export-${randomBytes(4).toString('hex')}`);
    await this.as(name, ['export', folder, '--format', 'eml', ...args]);
    return Promise.all((await readdir(folder)).map((file) => readFile(`${folder}/${file}`)));
  }

  as(name: string, args: readonly string[]): Promise<Finished> {
    return this.must([...args, '--address', `${name}@home.example`]);
  }

  run(args: readonly string[], input?: string): Promise<Finished> {
    const options = { environment: PASSWORD, ...(input === undefined ? {} : { input }) };
    return this.#sandbox.run([...args, '--json'], options);
  }

  async must(args: readonly string[]): Promise<Finished> {
    const finished = await this.run(args);
    if (finished.code !== 0) throw new Error(`${args.join(' ')}: ${finished.stdout}${finished.stderr}`);
    return finished;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sandbox[Symbol.asyncDispose]();
  }
}

export function starttls(certificate: Certificate): readonly string[] {
  return ['--smtp-tls-cert', certificate.path, '--smtp-tls-key', certificate.keyPath];
}

/** What the door wrote above a message, and the octets below it. */
export function splitTrace(octets: Buffer): { readonly trace: string; readonly message: Buffer } {
  const [trace = ''] =
    /^Return-Path:.*\r\nAuthentication-Results:.*\r\n(\t.*\r\n)*(Restante-Junk:.*\r\n)?Received:.*\r\n(\t.*\r\n)*/.exec(
      octets.toString('latin1'),
    ) ?? [];
  return { trace, message: octets.subarray(trace.length) };
}
