/** A node in a process of its own, for benches: prints its URL when it serves, its counters when asked, ends on SIGTERM. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface NodeUsage {
  /** Seconds of CPU since the start. */
  readonly cpuSeconds: number;
  /** Of the main thread; 0 where the system does not tell. */
  readonly mainThreadSeconds: number;
  /** Bytes. */
  readonly rss: number;
}

export class NodeProcess implements AsyncDisposable {
  readonly url: string;
  readonly home: string;
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(
    child: ChildProcess,
    lines: AsyncIterator<string>,
    folder: string,
    ready: { url: string; home: string },
  ) {
    this.#child = child;
    this.#lines = lines;
    this.folder = folder;
    this.url = ready.url;
    this.home = ready.home;
  }

  /** `folder` is kept when given, else temporary. A home that comes back comes back on the port it is named after. */
  static async open(
    options: {
      readonly folder?: string;
      readonly port?: number;
      /** The PostgreSQL database that has the rows. */
      readonly database?: string;
      readonly limits?: object;
      readonly execArgv?: string[];
    } = {},
  ): Promise<NodeProcess> {
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'restante-bench-')));
    const script = fileURLToPath(new URL('./node-child.js', import.meta.url));
    const child = spawn(
      process.execPath,
      [
        ...process.execArgv,
        ...(options.execArgv ?? []),
        script,
        folder,
        JSON.stringify(options.limits ?? {}),
        String(options.port ?? 0),
        ...(options.database === undefined ? [] : [options.database]),
      ],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
    const first = await lines.next();
    return new NodeProcess(child, lines, folder, JSON.parse(first.value as string) as { url: string; home: string });
  }

  async usage(): Promise<NodeUsage> {
    this.#child.stdin?.write('usage\n');
    return JSON.parse((await this.#lines.next()).value as string) as NodeUsage;
  }

  /** Stops it and keeps its folder. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await ended;
  }

  /** Stops it and removes a folder that is temporary. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (this.folder.startsWith(join(tmpdir(), 'restante-bench-')))
      await rm(this.folder, { recursive: true, force: true });
  }
}
