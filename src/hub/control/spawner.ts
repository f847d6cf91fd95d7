/**
 * Starts the processes of components. A process gets its launch message on descriptor LAUNCH_DESCRIPTOR, nothing secret in
 * its arguments, an environment of its own, and no core dumps. Its log goes where ours goes.
 *
 * Half of a start is loading code, the same for everybody: so one process is started ahead. It is nobody's, has no keys, and
 * waits for the launch message of whoever comes next.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { type Clock, isAbort, type Log } from '../../base/index.ts';
import { LAUNCH_DESCRIPTOR } from '../component/launch.ts';
import { SPARE_DELAY_MS } from './limits.ts';

export interface Child {
  readonly pid: number;
  /** How it ended: a code, or the signal's name. Never rejects. */
  readonly exited: Promise<string>;
  kill(): void;
}

export interface Spawner extends AsyncDisposable {
  spawn(launch: Uint8Array, options: { readonly heapBytes: number }): Child;
}

/** A process that has not heard yet what it is. */
interface Spare {
  readonly heapBytes: number;
  readonly child: Child;
  readonly launch: Writable | null;
  hasEnded: boolean;
}

export interface ProcessFigures {
  readonly residentBytes: number;
  readonly cpuMs: number;
}

const MiB = 1024 * 1024;
const PAGE_BYTES = 4_096;
/** Linux counts CPU time in hundredths of a second, whatever the machine. */
const CPU_TICK_MS = 10;

/** Of glibc: few arenas, and what is free at the end of one goes back to the host at once, since a start leaves much behind. */
const COMPONENT_ENVIRONMENT = Object.freeze({
  NODE_ENV: 'production',
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '32768',
  MALLOC_TRIM_THRESHOLD_: '65536',
  MALLOC_TOP_PAD_: '16384',
  UV_THREADPOOL_SIZE: '2',
});

/** A shell between: only it can forbid core dumps for what it becomes. */
const WITHOUT_CORE_DUMPS = 'ulimit -c 0; exec "$0" "$@"';

export class ProcessSpawner implements Spawner {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #program: string;
  readonly #closing = new AbortController();
  #spare: Spare | undefined;
  /** Whether one is about to be started. */
  #isDue = false;

  /** `program` is the main file of the component. */
  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }, program: string) {
    this.#clock = clock;
    this.#log = log;
    this.#program = program;
  }

  spawn(launch: Uint8Array, { heapBytes }: { readonly heapBytes: number }): Child {
    const spare = this.#takeSpare(heapBytes) ?? this.#start(heapBytes);
    spare.launch?.end(launch);
    void this.#startAhead(heapBytes);
    return spare.child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new DOMException('the hub stops', 'AbortError'));
    this.#spare?.child.kill();
    await this.#spare?.child.exited;
  }

  #takeSpare(heapBytes: number): Spare | undefined {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare === undefined || (spare.heapBytes === heapBytes && !spare.hasEnded)) return spare;
    spare.child.kill();
    return undefined;
  }

  /** A little later: whoever is starting now has the processor first. Of many who start together, one for all. */
  async #startAhead(heapBytes: number): Promise<void> {
    if (this.#isDue) return;
    this.#isDue = true;
    const { signal } = this.#closing;
    try {
      await this.#clock.sleep(SPARE_DELAY_MS, signal);
    } catch (error) {
      if (isAbort(error, signal)) return;
      throw error;
    }
    this.#isDue = false;
    if (this.#spare?.hasEnded === false) return;
    const spare = this.#start(heapBytes);
    this.#spare = spare;
    await spare.child.exited;
    spare.hasEnded = true;
  }

  #start(heapBytes: number): Spare {
    const heap = `--max-old-space-size=${Math.ceil(heapBytes / MiB)}`;
    // Hundreds of these share a host: what a process gains in speed by room to breathe, the others lose. That memory counts more than
    // time it says itself (`favour`): as a flag from the beginning that would halve its young generation, for all its life.
    const flags = [heap, '--max-semi-space-size=2', '--v8-pool-size=1', '--expose-gc'];
    const stdio = ['ignore', 'ignore', 'inherit', 'pipe'] as const;
    const child = spawn('/bin/sh', ['-c', WITHOUT_CORE_DUMPS, process.execPath, ...flags, this.#program], {
      stdio: [...stdio],
      env: COMPONENT_ENVIRONMENT,
    });
    const exited = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? String(code)));
      child.once('error', (error) => {
        this.#log.error({ error }, 'a component cannot be started');
        resolve('unstarted');
      });
    });
    const pipe = child.stdio[LAUNCH_DESCRIPTOR] as Writable | null;
    // It may end before it has read.
    pipe?.on('error', (error) => this.#log.debug({ error }, 'a launch message was not read'));
    const kill = (): void => void child.kill('SIGKILL');
    return { heapBytes, child: { pid: child.pid ?? 0, exited, kill }, launch: pipe, hasEnded: false };
  }
}

/** Undefined where the system does not say (it is Linux that does), or when the process has gone. */
export async function readFigures(pid: number): Promise<ProcessFigures | undefined> {
  try {
    const [statm, stat] = await Promise.all([
      readFile(`/proc/${pid}/statm`, 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ]);
    const resident = Number(statm.split(' ')[1]);
    // After the name in parentheses, which may hold anything: user and system time are the 12th and 13th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { residentBytes: resident * PAGE_BYTES, cpuMs: (Number(fields[11]) + Number(fields[12])) * CPU_TICK_MS };
  } catch {
    return undefined; // no such process, no such system
  }
}
