/** Somebody whose `restante import` runs, process after process, whatever becomes of the node: for tests that kill it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Prng } from '../../src/base/index.ts';
import { asPerson, jsonOf, PASSWORD } from './home-process.ts';
import { MAIN } from './program.ts';

/** One in so many messages is kept by the node as a file. */
const LARGE_EVERY = 25;
const LARGE_LINES = 6_000;
/** How an import ends that lost its node: it found none, or the node went while it answered. */
const NODE_GONE: ReadonlySet<string> = new Set(['offline', 'closed', 'timeout']);
const LINES_MAX = 150;

export interface ImporterOptions {
  /** Everything of this person: the profile and the mail to be imported. */
  readonly folder: string;
  readonly address: string;
  readonly to: string;
  /** Messages that one process finds. */
  readonly batchSize: number;
  /** Resolves when a node is there: a process that found none is followed by the next one then. */
  readonly whenUp: () => Promise<unknown>;
}

interface Counts {
  readonly sent: number;
  readonly duplicates: number;
  readonly refused: readonly object[];
}

export class Importer implements AsyncDisposable {
  /** SHA-256 of every message that it was given, hexadecimal. */
  readonly given: string[] = [];
  /** Processes that found no node and ended. */
  gaveUp = 0;
  readonly #options: ImporterOptions;
  readonly #prng: Prng;
  #batches = 0;
  #child: ChildProcess | undefined;
  #stopping = false;
  #running: Promise<void> | undefined;

  private constructor(prng: Prng, options: ImporterOptions) {
    this.#prng = prng;
    this.#options = options;
  }

  static async open(prng: Prng, nodeUrl: string, options: ImporterOptions): Promise<Importer> {
    const importer = new Importer(prng, options);
    await mkdir(importer.#mail, { recursive: true });
    await asPerson(importer.#profile, 'account', 'new', options.address, '--node', nodeUrl);
    return importer;
  }

  /** Imports one batch after the other, until `finish`. Rejects when an import ends for another reason than a missing node. */
  start(): Promise<void> {
    this.#running = this.#run();
    this.#running.catch(() => undefined); // told by finish, too
    return this.#running;
  }

  /** Lets the batch under way be sent, then imports all of it again. The node has to stay from here on. */
  async finish(): Promise<Counts> {
    this.#stopping = true;
    await this.#running;
    return asPerson<Counts>(this.#profile, 'import', this.#mail, '--to', this.#options.to);
  }

  /** When something failed: no process of it stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    this.#child?.kill('SIGKILL');
    await this.#running?.catch(() => undefined); // it failed because it was killed
  }

  get #mail(): string {
    return join(this.#options.folder, 'mail');
  }

  get #profile(): string {
    return join(this.#options.folder, 'profile');
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const batch = await this.#writeBatch();
      for (;;) {
        await this.#options.whenUp();
        const { code, stdout, stderr } = await this.#import(batch);
        if (code === 0) break;
        // Without a node it says so and ends; the next process goes on where this one stopped.
        if (!NODE_GONE.has(jsonOf<{ error?: { code: string } }>(stdout).error?.code ?? ''))
          throw new Error(`${this.#options.address}: ${code}: ${stdout}${stderr}`);
        this.gaveUp += 1;
      }
    }
  }

  async #import(path: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const args = ['--json', 'import', path, '--to', this.#options.to, '--profile', this.#profile];
    const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...PASSWORD } });
    this.#child = child;
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    this.#child = undefined;
    return { code, stdout, stderr };
  }

  /** A folder of single files or an mbox, by turns. */
  async #writeBatch(): Promise<string> {
    const number = this.#batches++;
    const messages = Array.from({ length: this.#options.batchSize }, (_, i) => this.#write(number, i));
    for (const text of messages) this.given.push(createHash('sha256').update(text).digest('hex'));
    const path = join(this.#mail, number % 2 === 0 ? String(number) : `${number}.mbox`);
    if (path.endsWith('.mbox')) {
      await writeFile(path, messages.map((text) => `From a@example.org Thu Aug 22 12:36:23 2002\n${text}\n`).join(''));
      return path;
    }
    await mkdir(path);
    await Promise.all(messages.map((text, i) => writeFile(join(path, `${i}.eml`), text)));
    return path;
  }

  #write(batch: number, i: number): string {
    const lines = this.#prng.below(LARGE_EVERY) === 0 ? LARGE_LINES : 1 + this.#prng.below(LINES_MAX);
    const text = Array.from({ length: lines }, () => `line ${this.#prng.below(1_000_000)} of many\n`).join('');
    return `From: ${this.#options.address}\nSubject: ${batch} ${i}\n\n${text}`;
  }
}
