/**
 * An agent in a thread of its own: with a heap of its own, so that one that eats memory ends alone; and ended from outside
 * when it does not hear. Its first message says what it is to do; from then on it is spoken to over its line.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Clock, Log } from '../../base/index.ts';
import { AGENT_HEAP_MIB, AGENT_YOUNG_MIB, STOP_TIMEOUT_MS } from './limits.ts';
import type { StartedAgent } from './supervisor.ts';
import { writeThreadLog } from './thread-log.ts';

export interface AgentThreadDeps {
  readonly clock: Clock;
  readonly log: Log;
}

export interface AgentThreadOptions {
  readonly name: string;
  /** Compiled code of the thread. */
  readonly url: URL;
  /** The first message; the port is its end of the line. */
  readonly work: (port: MessagePort) => object;
  readonly heapMib?: number;
}

/** Of a worker that has ended. */
const NO_THREAD = -1;

/** The message after the first: end in order. */
export const STOP = 'stop';

export function startAgentThread({ clock, log }: AgentThreadDeps, options: AgentThreadOptions): StartedAgent {
  const worker = openThread(log, options);
  const { port1, port2 } = new MessageChannel();
  let reason = 'it ended by itself';
  worker.on('error', (error) => {
    reason = error.message;
  });
  const ended = new Promise<{ readonly reason: string }>((resolve) => {
    worker.once('exit', () => resolve({ reason }));
  });
  worker.postMessage(options.work(port2), [port2]);
  return {
    port: port1,
    ended,
    [Symbol.asyncDispose]: async () => {
      await stopThread(clock, worker);
      port1.close();
    },
  };
}

/**
 * Has a thread end in order, and ends it when it does not in time: only then from outside, since SQLite's binding, torn down
 * while it loads or works, aborts the whole process. Resolves when the thread has ended.
 */
export async function stopThread(clock: Clock, worker: Worker): Promise<void> {
  if (worker.threadId === NO_THREAD) return;
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  worker.postMessage(STOP);
  const timer = new AbortController();
  const late = clock.sleep(STOP_TIMEOUT_MS, timer.signal).then(
    () => worker.terminate(),
    () => undefined, // it has ended in time
  );
  await ended;
  timer.abort();
  await late;
}

export function openThread(
  log: Log,
  { heapMib = AGENT_HEAP_MIB, name, url }: Omit<AgentThreadOptions, 'work'>,
): Worker {
  const worker = new Worker(url, {
    name,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: heapMib, maxYoungGenerationSizeMb: AGENT_YOUNG_MIB },
  });
  writeThreadLog(log, worker, name);
  return worker;
}
