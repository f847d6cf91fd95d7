/** What an operator can see and do, in this process or by the operator's socket (`connectOperator`). */
import { request } from 'node:http';
import type { Address } from '../../protocol/index.ts';
import { HubError, type HubErrorCode } from '../hub-error.ts';
import type { SessionStatus } from './sessions.ts';
import type { UserServerStatus } from './user-server-status.ts';

export interface HostStatus {
  readonly host: string;
  readonly isDraining: boolean;
  readonly sessions: number;
  readonly strangers: number;
  /** Messages of the bus that were refused, by reason. */
  readonly refusedMessages: Readonly<Record<string, number>>;
  readonly users: readonly UserServerStatus[];
}

export interface Operator {
  status(): Promise<HostStatus>;
  sessions(): Promise<readonly SessionStatus[]>;
  /** Takes no more users, ends every session and stops every user server: their programs open them again elsewhere. */
  drain(): Promise<{ readonly ended: number }>;
  restart(user: Address): Promise<{ readonly user: Address }>;
  /** Another process takes this one's place; user servers live on. Throws HubError `forbidden`, `failed`. */
  relieve(): Promise<{ readonly pid: number }>;
}

export const OPERATOR_SOCKET = 'operator.sock';

/** The operator of the hub that listens at `path`; undefined when none does. */
export async function connectOperator(path: string): Promise<(Operator & { metrics(): Promise<string> }) | undefined> {
  const call = async <Result>(method: string, url: string, body?: unknown): Promise<Result> =>
    JSON.parse(await ask(path, method, url, body)) as Result;
  try {
    await ask(path, 'GET', '/status');
  } catch (error) {
    if (['ENOENT', 'ECONNREFUSED'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
  return {
    status: () => call('GET', '/status'),
    sessions: () => call('GET', '/sessions'),
    drain: () => call('POST', '/drain', {}),
    restart: (user) => call('POST', '/restart', { user }),
    relieve: () => call('POST', '/relieve', {}),
    metrics: () => ask(path, 'GET', '/metrics'),
  };
}

function ask(socketPath: string, method: string, path: string, body?: unknown): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, headers: { 'content-type': 'application/json' } });
    asked.once('error', reject);
    asked.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(problem(text));
      });
    });
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function problem(text: string): HubError {
  const { code, detail } = JSON.parse(text) as { readonly code: HubErrorCode; readonly detail: string };
  return new HubError(code, detail);
}
