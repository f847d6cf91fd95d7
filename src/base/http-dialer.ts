/** HTTP requests to addresses that policy allows, as a port; `UndiciDialer` (base/system) is the one in the world. */

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  /** `http:` leads to loopback addresses only, whatever policy says. */
  readonly url: string;
  /** Lower-case names. A `host` here is also the name that the certificate must have. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  /** A larger answer is given up: DialError `too_large`. */
  readonly answerBytesMax: number;
  /** For everything: resolving, connecting, sending, and the whole answer. */
  readonly timeoutMs: number;
}

/** Any status, redirections included: they are not followed. */
export interface HttpAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

export interface HttpDialer {
  /** Throws DialError. */
  request(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
}
