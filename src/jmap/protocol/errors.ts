/**
 * What a client is told when something cannot be done (RFC 8620, section 3.6): about a whole request as problem details,
 * about one method call, or about one object of a `/set`. The texts are for people; programs read the type.
 */

export type RequestErrorType = 'unknownCapability' | 'notJSON' | 'notRequest' | 'limit';

/** Nothing of the request was done. */
export class RequestError extends Error {
  readonly type: RequestErrorType;
  readonly status: number;
  readonly limit: string | undefined;

  constructor(type: RequestErrorType, detail: string, options: { status?: number; limit?: string } = {}) {
    super(detail);
    this.name = 'RequestError';
    this.type = type;
    this.status = options.status ?? 400;
    this.limit = options.limit;
  }

  /** RFC 7807. */
  get problem(): Record<string, unknown> {
    return {
      type: `urn:ietf:params:jmap:error:${this.type}`,
      status: this.status,
      detail: this.message,
      ...(this.limit === undefined ? {} : { limit: this.limit }),
    };
  }
}

export type MethodErrorType =
  | 'serverUnavailable'
  | 'serverFail'
  | 'serverPartialFail'
  | 'unknownMethod'
  | 'invalidArguments'
  | 'invalidResultReference'
  | 'forbidden'
  | 'accountNotFound'
  | 'accountNotSupportedByMethod'
  | 'accountReadOnly'
  | 'requestTooLarge'
  | 'stateMismatch'
  | 'cannotCalculateChanges'
  | 'anchorNotFound'
  | 'unsupportedSort'
  | 'unsupportedFilter'
  | 'tooManyChanges'
  | 'fromAccountNotFound'
  | 'fromAccountNotSupportedByMethod'
  | 'unknownDataType';

/** This call did nothing, but for `serverPartialFail`; those after it are still done. */
export class MethodError extends Error {
  readonly type: MethodErrorType;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(type: MethodErrorType, description: string, details: Readonly<Record<string, unknown>> = {}) {
    super(description);
    this.name = 'MethodError';
    this.type = type;
    this.details = details;
  }

  get response(): Record<string, unknown> {
    return { type: this.type, description: this.message, ...this.details };
  }
}

export type SetErrorType =
  | 'forbidden'
  | 'overQuota'
  | 'tooLarge'
  | 'rateLimit'
  | 'serverUnavailable'
  | 'notFound'
  | 'invalidPatch'
  | 'willDestroy'
  | 'invalidProperties'
  | 'singleton'
  | 'alreadyExists'
  | 'mailboxHasChild'
  | 'mailboxHasEmail'
  | 'blobNotFound'
  | 'tooManyKeywords'
  | 'tooManyMailboxes'
  | 'invalidEmail'
  | 'tooManyRecipients'
  | 'noRecipients'
  | 'invalidRecipients'
  | 'forbiddenMailFrom'
  | 'forbiddenFrom'
  | 'forbiddenToSend'
  | 'cannotUnsend';

/** One object was not created, changed or destroyed; the others are not touched by that. */
export class SetError extends Error {
  readonly type: SetErrorType;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(type: SetErrorType, description: string, details: Readonly<Record<string, unknown>> = {}) {
    super(description);
    this.name = 'SetError';
    this.type = type;
    this.details = details;
  }

  get response(): Record<string, unknown> {
    return { type: this.type, description: this.message, ...this.details };
  }
}

export function invalidProperties(properties: readonly string[], description: string): SetError {
  return new SetError('invalidProperties', description, { properties });
}
