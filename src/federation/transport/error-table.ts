/** Errors as HTTP and back: the one table of this edge. A refusal travels as JSON {code, message, fix}. */
import { CodedError, type DialError, fromUtf8, type HttpAnswer, type Retry } from '../../base/index.ts';
import { FederationError, type FederationErrorCode } from '../federation-error.ts';

interface Line {
  readonly status: number;
  /** What the other home is told. What we found out elsewhere is no business of theirs: for them we are not available. */
  readonly said: FederationErrorCode;
  /** Whether it may try again as it is. What is said with 401 heals when keys and names do. */
  readonly retry: Retry;
}

const NOT_NOW: Line = { status: 503, said: 'unavailable', retry: 'later' };

const TABLE: Readonly<Record<FederationErrorCode, Line>> = {
  unsigned: { status: 401, said: 'unsigned', retry: 'later' },
  wrong_destination: { status: 401, said: 'wrong_destination', retry: 'later' },
  unknown_key: { status: 401, said: 'unknown_key', retry: 'later' },
  rotated_key: { status: 401, said: 'rotated_key', retry: 'later' },
  bad_signature: { status: 401, said: 'bad_signature', retry: 'later' },
  forbidden: { status: 403, said: 'forbidden', retry: 'never' },
  not_found: { status: 404, said: 'not_found', retry: 'never' },
  malformed: { status: 400, said: 'malformed', retry: 'never' },
  too_large: { status: 413, said: 'too_large', retry: 'never' },
  rate_limited: { status: 429, said: 'rate_limited', retry: 'later' },
  refused: { status: 403, said: 'refused', retry: 'never' },
  unavailable: NOT_NOW,
  unreachable: NOT_NOW,
  timeout: NOT_NOW,
  unknown_home: { status: 401, said: 'unknown_home', retry: 'later' },
  address_refused: { status: 401, said: 'unknown_home', retry: 'later' },
  bad_answer: { status: 401, said: 'unknown_home', retry: 'later' },
  home_forked: { status: 401, said: 'home_forked', retry: 'later' },
  home_rolled_back: { status: 401, said: 'home_rolled_back', retry: 'later' },
};

/** What another home may say; anything else is judged by its status. */
const UNDERSTOOD: ReadonlySet<string> = new Set(Object.values(TABLE).map((line) => line.said));

/** Judgements of a home. Once an asker is let in they are of a third home, and so is whatever another home said. */
const OF_HOMES: ReadonlySet<FederationErrorCode> = new Set([
  'unsigned',
  'wrong_destination',
  'unknown_key',
  'rotated_key',
  'unknown_home',
  'address_refused',
  'bad_answer',
  'home_forked',
  'home_rolled_back',
]);

export interface Refusal {
  readonly status: number;
  readonly body: { readonly code: FederationErrorCode; readonly message: string; readonly fix?: string };
  /** Seconds. */
  readonly retryAfter: number | undefined;
}

/** Bytes from outside that a codec refused, by that codec's code. */
const OF_CODECS: Readonly<Record<string, FederationErrorCode>> = {
  malformed: 'malformed',
  too_large: 'too_large',
  bad_signature: 'bad_signature',
  bad_chain: 'malformed',
};

/** The FederationError that an error of a request is; undefined when it is our own failure, which is nobody's business. */
export function asFederationError(error: unknown): FederationError | undefined {
  if (error instanceof FederationError) return error;
  // This home stops, or the other hung up: no fault of ours, and a reason to come again.
  if ((error as Error | undefined)?.name === 'AbortError')
    return new FederationError('unavailable', 'interrupted', { cause: error, retry: 'later' });
  const { code, statusCode } = (error ?? {}) as { readonly code?: unknown; readonly statusCode?: unknown };
  if (error instanceof CodedError) {
    const known = error.name === 'ProtocolError' ? OF_CODECS[error.code] : undefined;
    return known === undefined ? undefined : new FederationError(known, error.message, { cause: error });
  }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new FederationError('too_large', 'the body is too large');
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return new FederationError('malformed', 'not a request of this protocol', { cause: error });
  return undefined;
}

/** `isLetIn`: the asker is known and admitted, so the error is of what it asked. */
export function toRefusal(error: FederationError, isLetIn: boolean): Refusal {
  const { heardFrom, retryAfterMs } = error.details;
  const isOfOthers = isLetIn && (OF_HOMES.has(error.code) || heardFrom !== undefined);
  const { status, said } = isOfOthers ? NOT_NOW : TABLE[error.code];
  const retryAfter = typeof retryAfterMs === 'number' ? Math.ceil(retryAfterMs / 1_000) : undefined;
  // What we found out about third parties, and how to mend it here, stays in the log.
  if (isOfOthers || said !== error.code) return { status, body: { code: said, message: 'not now' }, retryAfter };
  const fix = error.fix === undefined ? {} : { fix: error.fix };
  return { status, body: { code: said, message: error.message, ...fix }, retryAfter };
}

/** What another home's refusal is to us. */
export function fromRefusal(home: string, answer: HttpAnswer): FederationError {
  const { code, message } = readRefusal(answer.body);
  const known = UNDERSTOOD.has(code) ? (code as FederationErrorCode) : codeOf(answer.status);
  const seconds = Number(answer.headers['retry-after']);
  return new FederationError(known, `${home} says: ${message === '' ? `status ${answer.status}` : message}`, {
    retry: TABLE[known].retry,
    details: {
      heardFrom: home,
      status: answer.status,
      ...(Number.isSafeInteger(seconds) && seconds >= 0 ? { retryAfterMs: seconds * 1_000 } : {}),
    },
  });
}

/** What a dial that came to nothing is to us. */
export function fromDial(home: string, cause: DialError): FederationError {
  const context = { cause, retry: cause.retry, ...(cause.fix === undefined ? {} : { fix: cause.fix }) };
  return new FederationError(OF_DIALS[cause.code], `${home}: ${cause.message}`, context);
}

const OF_DIALS: Readonly<Record<DialError['code'], FederationErrorCode>> = {
  bad_url: 'unreachable',
  address_refused: 'address_refused',
  unreachable: 'unreachable',
  timeout: 'timeout',
  too_large: 'bad_answer',
};

function codeOf(status: number): FederationErrorCode {
  if (status === 404) return 'not_found';
  if (status === 413) return 'too_large';
  if (status === 429) return 'rate_limited';
  if (status >= 500) return 'unavailable';
  return status >= 400 ? 'refused' : 'bad_answer';
}

/** A stranger's words: short, without control characters, or nothing. */
function readRefusal(body: Uint8Array): { readonly code: string; readonly message: string } {
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(body));
  } catch {
    return { code: '', message: '' }; // a proxy's page: the status says enough
  }
  const { code, message } = (value ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  const readable = typeof message === 'string' ? message.replace(/\p{C}+/gu, ' ').slice(0, 300) : '';
  return { code: typeof code === 'string' ? code : '', message: readable };
}
