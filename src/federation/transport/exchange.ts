/**
 * One request under way at the server: who asks, and the signal that ends its work when the asker leaves or time is up. What
 * it was let in with is given back when its answer is sent or its connection is gone, whichever comes first.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, invariant } from '../../base/index.ts';
import type { HomeName } from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import { REQUEST_TIMEOUT_MS, TRANSFER_BYTES_PER_SECOND } from './limits.ts';
import type { AuthenticRequest } from './request-authenticator.ts';

export class Exchange {
  readonly #controller = new AbortController();
  #authentic: AuthenticRequest | undefined;
  #letOut: (() => void) | undefined;
  #isOver = false;

  constructor(clock: Clock, request: IncomingMessage, response: ServerResponse, bodyBytes: number) {
    const { signal } = this.#controller;
    response.once('close', () => {
      this.#isOver = true;
      this.#letOut?.();
      this.#controller.abort(new DOMException('the exchange is over', 'AbortError'));
    });
    const timeoutMs = REQUEST_TIMEOUT_MS + (1_000 * bodyBytes) / TRANSFER_BYTES_PER_SECOND;
    const expire = (): void => {
      this.#controller.abort(new FederationError('timeout', 'this took too long', { retry: 'later' }));
      // Nobody waits for a body that does not come: its connection ends.
      if (!request.complete) request.destroy();
    };
    // The wait is over with the exchange, which is no failure.
    clock.sleep(timeoutMs, signal).then(expire, () => undefined);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get origin(): HomeName {
    invariant(this.#authentic !== undefined, 'an exchange begins when its origin is known');
    return this.#authentic.origin;
  }

  get content(): string | undefined {
    return this.#authentic?.content;
  }

  begin(authentic: AuthenticRequest, letOut: () => void): void {
    this.#authentic = authentic;
    this.#letOut = letOut;
    if (this.#isOver) letOut();
  }
}
