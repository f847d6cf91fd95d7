/** What the hub's refusals are in HTTP: one table (RFC 9457 problem details; RFC 8620, section 3.6.1, asks for them). */
import type { ServerResponse } from 'node:http';
import type { HubError, HubErrorCode } from '../hub-error.ts';

export interface Problem {
  readonly status: number;
  readonly title: string;
}

const PROBLEMS: Partial<Record<HubErrorCode, Problem>> = {
  unauthenticated: { status: 401, title: 'Unauthorized' },
  refused: { status: 401, title: 'Unauthorized' },
  forbidden: { status: 403, title: 'Forbidden' },
  absent: { status: 404, title: 'Not Found' },
  malformed: { status: 400, title: 'Bad Request' },
  too_large: { status: 413, title: 'Content Too Large' },
  throttled: { status: 429, title: 'Too Many Requests' },
};
/** Everything else is for later: the user server starts, rests, moves, or the hub stops. */
const LATER: Problem = { status: 503, title: 'Service Unavailable' };

export function problemOf(error: HubError): Problem {
  return error.retry === 'now' ? LATER : (PROBLEMS[error.code] ?? LATER);
}

export function answerProblem(response: ServerResponse, error: HubError): void {
  const { status, title } = problemOf(error);
  const waitMs = typeof error.details.waitMs === 'number' ? error.details.waitMs : 1_000;
  const headers = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    ...(status === 401 ? { 'www-authenticate': ['Basic realm="restante", charset="UTF-8"', 'Bearer'] } : {}),
    ...(status === 429 || status === 503 ? { 'retry-after': String(Math.ceil(waitMs / 1_000)) } : {}),
    // Its body has not been read.
    connection: 'close',
  };
  response.writeHead(status, headers);
  response.end(JSON.stringify({ type: 'about:blank', status, title, code: error.code, detail: error.message }));
}
