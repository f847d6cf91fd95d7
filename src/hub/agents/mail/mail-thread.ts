/** Starts the mail agent in a thread of its own, and the joining of an account in another. */
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Clock, Log } from '../../../base/index.ts';
import { workerUrl } from '../../../base/system/index.ts';
import { HubError, type HubErrorCode } from '../../hub-error.ts';
import { AGENT_HEAP_MIB, AGENT_YOUNG_MIB, STOP_TIMEOUT_MS } from '../limits.ts';
import type { StartedAgent } from '../supervisor.ts';
import type { MailPlace, MailWork, MailWorkNews } from './mail-worker.ts';

export interface MailThreadDeps {
  readonly clock: Clock;
  readonly log: Log;
}

export function startMailThread({ clock, log }: MailThreadDeps, place: MailPlace, hubKey: Uint8Array): StartedAgent {
  const worker = openThread(log, 'mail-agent');
  const { port1, port2 } = new MessageChannel();
  let reason = 'it ended by itself';
  worker.on('error', (error) => {
    reason = error.message;
  });
  const ended = new Promise<{ readonly reason: string }>((resolve) => {
    worker.once('exit', () => resolve({ reason }));
  });
  worker.postMessage({ task: 'agent', place, hubKey, port: port2 } satisfies MailWork, [port2]);
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

/** The hub key. Throws HubError `refused`, `home_unreachable` or `failed`; the signal's reason. */
export async function joinInThread(
  log: Log,
  place: MailPlace,
  password: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  signal.throwIfAborted();
  const worker = openThread(log, 'join');
  try {
    return await new Promise<Uint8Array>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      worker.on('error', (cause) => reject(new HubError('failed', 'joining the account failed', { cause })));
      worker.on('exit', () => reject(new HubError('failed', 'joining the account ended by itself')));
      worker.on('message', (news: MailWorkNews) => {
        if (news.type === 'joined') resolve(news.hubKey);
        if (news.type === 'refused') reject(new HubError(news.code as HubErrorCode, news.message));
      });
      worker.postMessage({ task: 'join', place, password } satisfies MailWork);
    });
  } finally {
    await worker.terminate();
  }
}

function openThread(log: Log, name: string): Worker {
  const worker = new Worker(workerUrl('./mail-worker.ts', import.meta.url), {
    name,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: AGENT_HEAP_MIB, maxYoungGenerationSizeMb: AGENT_YOUNG_MIB },
  });
  worker.on('message', (news: MailWorkNews) => {
    if (news.type === 'log') log[news.level]({ ...news.fields, thread: name }, news.message);
  });
  return worker;
}
