/**
 * The error every subsystem specialises: a closed code that callers test, details for the log, and whether trying again
 * can help. Expected outcomes are return values, not errors; `invariant` is for our own mistakes only.
 */

/** When the same call may succeed: never as it stands, after a wait, or at once. */
export type Retry = 'never' | 'later' | 'now';

export interface ErrorContext {
  /** What the person can do about it, one sentence. */
  readonly fix?: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly retry?: Retry;
  readonly cause?: unknown;
}

export class CodedError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly fix: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly retry: Retry;

  constructor(code: Code, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.name = new.target.name;
    this.code = code;
    this.fix = context.fix;
    this.details = context.details ?? {};
    this.retry = context.retry ?? 'never';
  }
}

/** Stops the program where it is wrong about itself. Kept on in production; never for input from outside. */
export function invariant(condition: unknown, text: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${text}`);
}

/** For the `default` of a switch over a closed union: does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`invariant broken: unexpected ${JSON.stringify(value)}`);
}

/** Whether `error` only says that `signal` was aborted; an abort is not a failure. */
export function isAbort(error: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true && (error === signal.reason || (error as Error | null)?.name === 'AbortError');
}
