/** Starts the agent of an IMAP account in a thread of its own. */
import { workerUrl } from '../../../base/system/index.ts';
import { type AgentThreadDeps, startAgentThread } from '../agent-thread.ts';
import type { StartedAgent } from '../supervisor.ts';

export function startImapThread(deps: AgentThreadDeps): StartedAgent {
  const url = workerUrl('./imap-worker.ts', import.meta.url);
  return startAgentThread(deps, { name: 'imap-agent', url, work: (port) => ({ port }) });
}
