/** What the hub refuses, and what does not reach it. */

/** Of an answer that says no more, such as a proxy's. */
const CODES: Readonly<Record<number, string>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'absent',
  413: 'too_large',
  429: 'throttled',
};

/** The hub has answered, and not what was asked for. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, code: string, detail: string, retryAfterMs?: number) {
    super(detail);
    this.name = 'Refusal';
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** The same request may be answered later. */
  get isForNow(): boolean {
    return this.status === 429 || this.status >= 500;
  }
}

/** One method of a request has refused, or one object of it (RFC 8620, sections 3.6.2 and 5.3). */
export class MethodRefusal extends Error {
  readonly type: string;

  constructor(type: string, description: string) {
    super(description);
    this.name = 'MethodRefusal';
    this.type = type;
  }
}

/** Nothing came back: no network, or no hub. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super('the hub cannot be reached', { cause });
    this.name = 'Unreachable';
  }
}

export function isPassing(error: unknown): boolean {
  return error instanceof Unreachable || (error instanceof Refusal && error.isForNow);
}

export async function refusalOf(response: Response): Promise<Refusal> {
  const seconds = Number(response.headers.get('retry-after'));
  const waitMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
  const problem = await readProblem(response);
  const { status, statusText } = response;
  const code = problem.code ?? CODES[status] ?? (status >= 500 ? 'failed' : 'unknown');
  return new Refusal(status, code, problem.detail ?? statusText, waitMs);
}

async function readProblem(response: Response): Promise<{ readonly code?: string; readonly detail?: string }> {
  const type = response.headers.get('content-type') ?? '';
  if (!type.includes('json')) return {};
  try {
    return (await response.json()) ?? {};
  } catch {
    return {}; // a proxy's answer, cut short: its status is all there is
  }
}

/** `fetch` to the hub with its failures named. No cookies, and no prompt of the browser for a password. */
export async function ask(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, credentials: 'omit', cache: 'no-store' });
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    throw new Unreachable(error);
  }
  if (!response.ok) throw await refusalOf(response);
  return response;
}
