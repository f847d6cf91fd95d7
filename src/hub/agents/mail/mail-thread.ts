/** Starts the mail agent in a thread of its own, and the joining of an account in another. */
import type { Log } from '../../../base/index.ts';
import { workerUrl } from '../../../base/system/index.ts';
import { HubError, type HubErrorCode } from '../../hub-error.ts';
import { type AgentThreadDeps, openThread, startAgentThread } from '../agent-thread.ts';
import type { StartedAgent } from '../supervisor.ts';
import type { MailPlace, MailWork, MailWorkNews } from './mail-worker.ts';

export function startMailThread(deps: AgentThreadDeps, place: MailPlace, hubKey: Uint8Array): StartedAgent {
  const work = (port: Extract<MailWork, { task: 'agent' }>['port']): MailWork => ({
    task: 'agent',
    place,
    hubKey,
    port,
  });
  return startAgentThread(deps, { name: 'mail-agent', url: mailWorkerUrl(), work });
}

/** The hub key. Throws HubError `refused`, `home_unreachable` or `failed`; the signal's reason. */
export async function joinInThread(
  log: Log,
  place: MailPlace,
  password: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  signal.throwIfAborted();
  const worker = openThread(log, { name: 'join', url: mailWorkerUrl() });
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

function mailWorkerUrl(): URL {
  return workerUrl('./mail-worker.ts', import.meta.url);
}
