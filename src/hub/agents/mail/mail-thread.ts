/** Starts the mail agent in a thread of its own, and the joining or making of an account in another. */
import { workerUrl } from '../../../base/system/index.ts';
import { HubError, type HubErrorCode } from '../../hub-error.ts';
import { type AgentThreadDeps, openThread, startAgentThread, stopThread } from '../agent-thread.ts';
import type { StartedAgent } from '../supervisor.ts';
import type { ThreadLine } from '../thread-log.ts';
import type { Enrolment, EnrolmentOutcome } from './enrolling.ts';
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
  deps: AgentThreadDeps,
  place: MailPlace,
  password: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const news = await askThread(deps, { task: 'join', place, password }, signal);
  if (news.type === 'joined') return news.hubKey;
  if (news.type === 'refused') throw new HubError(news.code as HubErrorCode, news.message);
  throw new HubError('failed', 'joining the account ended otherwise than it should');
}

/** Throws HubError `failed`; the signal's reason. */
export async function enrolInThread(
  deps: AgentThreadDeps,
  place: MailPlace,
  enrolment: Enrolment,
  signal: AbortSignal,
): Promise<EnrolmentOutcome> {
  const news = await askThread(deps, { task: 'enrol', place, enrolment }, signal);
  if (news.type === 'enrolment') return news.outcome;
  throw new HubError('failed', 'making the account ended otherwise than it should');
}

/** A thread for one answer. */
async function askThread(
  { clock, log }: AgentThreadDeps,
  work: Exclude<MailWork, { task: 'agent' }>,
  signal: AbortSignal,
): Promise<MailWorkNews> {
  signal.throwIfAborted();
  const worker = openThread(log, { name: work.task, url: mailWorkerUrl() });
  try {
    return await new Promise<MailWorkNews>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      worker.on('error', (cause) => reject(new HubError('failed', `the task ${work.task} failed`, { cause })));
      worker.on('exit', () => reject(new HubError('failed', `the task ${work.task} ended by itself`)));
      worker.on('message', (news: MailWorkNews | ThreadLine) => {
        if (news.type !== 'log') resolve(news);
      });
      worker.postMessage(work);
    });
  } finally {
    await stopThread(clock, worker);
  }
}

function mailWorkerUrl(): URL {
  return workerUrl('./mail-worker.ts', import.meta.url);
}
