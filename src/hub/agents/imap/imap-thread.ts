/** Starts the agent of an IMAP account in a thread of its own. */
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Clock, Log } from '../../../base/index.ts';
import { workerUrl } from '../../../base/system/index.ts';
import { AGENT_HEAP_MIB, AGENT_YOUNG_MIB, STOP_TIMEOUT_MS } from '../limits.ts';
import type { StartedAgent } from '../supervisor.ts';
import { writeThreadLog } from '../thread-log.ts';

export function startImapThread({ clock, log }: { readonly clock: Clock; readonly log: Log }): StartedAgent {
  const worker = new Worker(workerUrl('./imap-worker.ts', import.meta.url), {
    name: 'imap-agent',
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: AGENT_HEAP_MIB, maxYoungGenerationSizeMb: AGENT_YOUNG_MIB },
  });
  writeThreadLog(log, worker, 'imap-agent');
  const { port1, port2 } = new MessageChannel();
  let reason = 'it ended by itself';
  worker.on('error', (error) => {
    reason = error.message;
  });
  const ended = new Promise<{ readonly reason: string }>((resolve) => {
    worker.once('exit', () => resolve({ reason }));
  });
  worker.postMessage({ port: port2 }, [port2]);
  return {
    port: port1,
    ended,
    [Symbol.asyncDispose]: async () => {
      worker.postMessage('stop');
      // A thread that loops does not hear: it is ended from outside.
      const timer = new AbortController();
      const late = clock.sleep(STOP_TIMEOUT_MS, timer.signal).then(
        () => worker.terminate(),
        () => undefined, // it has ended in time
      );
      await ended;
      timer.abort();
      await late;
      port1.close();
    },
  };
}
