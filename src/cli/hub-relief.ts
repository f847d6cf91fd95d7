/**
 * A hub that runs has another process take its place, of the program as it is on the disk now. The new one loads its code
 * while the old one serves, then gets what the old one knows on a pipe that it inherits, and says on another when it serves.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, createReadStream, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { abortable, type Clock, type Log, withDeadline } from '../base/index.ts';
import type { ControlServer, Relief } from '../hub/index.ts';
import { loadHub } from './hub.ts';
import { RELIEF_LOAD_TIMEOUT_MS, RELIEF_SERVE_TIMEOUT_MS } from './limits.ts';

/** Descriptors of the new process. */
const RELIEF = 3;
const NEWS = 4;

/** What the new process says, a word a line. */
type News = 'loaded' | 'serving';

/** The option by which a process knows that it relieves another. */
export const RELIEVES_OPTION = '--relieves';

/** What a new process is started as: the program that this one is, as it is on the disk now. */
export function sameCommand(): readonly string[] {
  const [, program, ...args] = process.argv;
  const again = args.includes(RELIEVES_OPTION) ? args : [...args, RELIEVES_OPTION];
  return [process.execPath, ...process.execArgv, String(program), ...again];
}

export interface ReliefDeps {
  readonly hub: Pick<ControlServer, 'leave'>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Resolves with the number of the process that serves from now on. Throws HubError `failed`, or `closed` where `signal` stops
 * the hub meanwhile: when the new process does not even load, nothing has changed; otherwise `hub` has left, and this process
 * is to end.
 */
export async function relieve(deps: ReliefDeps, command: readonly string[], signal: AbortSignal): Promise<number> {
  const { clock, hub } = deps;
  const { encodeRelief, endProcess, HubError } = await loadHub();
  const { child, news, relief } = await begin(deps, command);
  const lines = createInterface({ input: news })[Symbol.asyncIterator]();
  const hear = async (wanted: News, timeoutMs: number): Promise<void> => {
    const failure = (): Error =>
      new HubError(
        'failed',
        `the process that is to relieve this one does not get as far as "${wanted}"; its log says why`,
      );
    const said = await withDeadline(clock, timeoutMs, signal, failure, (inTime) => abortable(lines.next(), inTime));
    if (said.value !== wanted) throw failure();
  };
  let left: Relief | undefined;
  try {
    await hear('loaded', RELIEF_LOAD_TIMEOUT_MS);
    left = await hub.leave();
    await pipeline([encodeRelief(left)], relief);
    await hear('serving', RELIEF_SERVE_TIMEOUT_MS);
  } catch (cause) {
    child.kill('SIGKILL');
    // Nobody speaks with these any more, and the hub that starts next has others.
    for (const { bornAt, pid } of left?.userServers ?? []) endProcess(pid, bornAt);
    if (signal.aborted) throw new HubError('closed', 'the hub stops, and nobody relieves it', { cause });
    if (cause instanceof HubError) throw cause;
    throw new HubError('failed', 'what is handed over was not taken', { cause });
  }
  return child.pid as number;
}

/** The process has begun; what it loads may still be wrong. */
async function begin(
  { log }: ReliefDeps,
  [program, ...args]: readonly string[],
): Promise<{ child: ChildProcess; relief: Writable; news: Readable }> {
  const { HubError } = await loadHub();
  const child = spawn(String(program), args, { stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'pipe'] });
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new HubError('failed', 'the process that is to relieve this one cannot be started', { cause });
  }
  const [relief, news] = [child.stdio[RELIEF] as Writable, child.stdio[NEWS] as Readable];
  // It may end at any time, before it has read as after: what it has said is what counts, and this hub goes on or ends by that.
  for (const each of [child, relief, news])
    each.on('error', (error: Error) => log.debug({ err: error }, 'the process that is to relieve this one ended'));
  return { child, relief, news };
}

/** Of the process that this one relieves. Everything is loaded when it is asked for. */
export async function receiveRelief(): Promise<Relief> {
  const { parseRelief } = await loadHub();
  tell('loaded');
  return parseRelief(await buffer(createReadStream('', { fd: RELIEF })));
}

/** Who was relieved may end. */
export function tellServing(): void {
  tell('serving');
  closeSync(NEWS);
}

function tell(news: News): void {
  writeSync(NEWS, `${news}\n`);
}
