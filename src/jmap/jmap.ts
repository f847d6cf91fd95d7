/**
 * JMAP for one person (RFC 8620): requests in, responses out, over whatever carries them. Knows nothing of HTTP; `src/jmap/http`
 * mounts it. An answer leaves only after what it says was done is as durable as the store's journal makes it.
 */
import type { Clock, Log, SecureRandom } from '../base/index.ts';
import { Blobs } from './blobs/blobs.ts';
import type { BlobStore, MailSource } from './blobs/ports.ts';
import { CORE_LIMITS } from './limits.ts';
import { ALL_METHODS } from './methods/all-methods.ts';
import type { Permission } from './methods/call.ts';
import { type Answer, Processor } from './methods/processor.ts';
import { RequestError } from './protocol/errors.ts';
import { type JmapRequest, judgeRequest, parseRequest } from './protocol/request.ts';
import { type SessionObject, sessionObject } from './session.ts';
import type { MailStore } from './store/mail-store.ts';

export interface JmapDeps {
  readonly store: MailStore;
  readonly blobStore: BlobStore;
  readonly source: MailSource;
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly log: Log;
}

/** Who asks. */
export interface Caller {
  readonly username: string;
  readonly permissions: ReadonlySet<Permission>;
  /** Where this caller reaches the endpoints, without a slash at the end. */
  readonly baseUrl: string;
}

/** An answer with the state of the session, so that clients notice when that has changed. */
export type JmapResponse = Answer & { readonly sessionState: string };

export class Jmap {
  readonly #deps: JmapDeps;
  readonly #blobs: Blobs;
  readonly #processor: Processor;
  #requestCount = 0;

  constructor(deps: JmapDeps) {
    this.#deps = deps;
    this.#blobs = new Blobs({ store: deps.blobStore, source: deps.source });
    this.#processor = new Processor({ ...deps, blobs: this.#blobs }, ALL_METHODS);
  }

  session(caller: Caller): SessionObject {
    return sessionObject(this.#deps.store, caller);
  }

  /** Throws RequestError. */
  async api(bytes: Uint8Array, caller: Caller, signal: AbortSignal): Promise<JmapResponse> {
    return this.#limited(caller, signal, (session) => parseRequest(bytes, capabilitiesOf(session)));
  }

  /** The same for a request that is JSON already. Throws RequestError. */
  async request(value: unknown, caller: Caller, signal: AbortSignal): Promise<JmapResponse> {
    return this.#limited(caller, signal, (session) => judgeRequest(value, capabilitiesOf(session)));
  }

  async #limited(
    caller: Caller,
    signal: AbortSignal,
    parse: (session: SessionObject) => JmapRequest,
  ): Promise<JmapResponse> {
    if (this.#requestCount >= CORE_LIMITS.maxConcurrentRequests)
      throw new RequestError('limit', `at most ${CORE_LIMITS.maxConcurrentRequests} requests at a time`, {
        limit: 'maxConcurrentRequests',
        status: 429,
      });
    this.#requestCount++;
    try {
      const answer = await this.#processor.run(parse(this.session(caller)), caller.permissions, signal);
      await this.#deps.store.flush();
      return { ...answer, sessionState: this.session(caller).state };
    } finally {
      this.#requestCount--;
    }
  }
}

function capabilitiesOf({ capabilities }: SessionObject): ReadonlySet<string> {
  return new Set(Object.keys(capabilities));
}

export function createJmap(deps: JmapDeps): Jmap {
  return new Jmap(deps);
}
