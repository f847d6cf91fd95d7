/**
 * The client's half of the transport: signed requests to the nodes that a home's document names. A node that does not answer,
 * or cannot now, lets the next one try; what else a node says is the home's word. TLS, except to this machine.
 */
import {
  type CryptoSuite,
  createBoundedCache,
  DialError,
  type HttpAnswer,
  type HttpDialer,
  invariant,
  isAbort,
} from '../../base/index.ts';
import {
  type Address,
  BODY_BYTES_MAX,
  type ConversationId,
  FEDERATION_BODY_BYTES_MAX,
  type FeedId,
  type HomeDocument,
  type HomeName,
  homeOf,
  type PduId,
} from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import type { FederationLink, HomeDirectory } from '../ports.ts';
import { nodeOrigins } from './discovery.ts';
import { fromDial, fromRefusal } from './error-table.ts';
import {
  ANSWER_BYTES_MAX,
  HOMES_CACHED_MAX,
  LINK_TIMEOUT_MS,
  LINK_URLS_MAX,
  REFUSAL_BYTES_MAX,
  TRANSFER_BYTES_PER_SECOND,
} from './limits.ts';
import { contentHash, type RequestSigner, signRequest } from './request-signature.ts';
import { FEDERATION_PATH, PROTOBUF } from './server.ts';

export interface HttpLinkDeps {
  readonly dialer: HttpDialer;
  readonly directory: HomeDirectory;
  readonly suite: CryptoSuite;
}

export interface HttpLinkOptions {
  readonly home: HomeName;
  readonly signer: RequestSigner;
}

interface Question {
  readonly method: 'GET' | 'PUT';
  readonly path: string;
  readonly body: Uint8Array | undefined;
  readonly answerBytesMax: number;
}

/** Its disk is full, it starts or stops, it was removed: another node of the home may be able. */
const UNABLE = 503;

export class HttpLink implements FederationLink {
  readonly #deps: HttpLinkDeps;
  readonly #options: HttpLinkOptions;
  /** The origin that answered last, to begin with. */
  readonly #lastGood = createBoundedCache<HomeName, string>(HOMES_CACHED_MAX);

  constructor(deps: HttpLinkDeps, options: HttpLinkOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  send(destination: HomeName, txn: string, body: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const path = `/send/${encodeURIComponent(txn)}`;
    return this.#demand(destination, { method: 'PUT', path, body, answerBytesMax: ANSWER_BYTES_MAX }, signal);
  }

  pull(destination: HomeName, feed: FeedId, after: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#ask(destination, question('/pull', { feed, after: String(after) }), signal);
  }

  pdus(destination: HomeName, ids: readonly PduId[], signal: AbortSignal): Promise<Uint8Array> {
    return this.#demand(destination, question('/pdu', { id: ids }), signal);
  }

  state(
    destination: HomeName,
    conversation: ConversationId,
    after: string | undefined,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const query = after === undefined ? {} : { after };
    return this.#demand(destination, question(`/state/${conversation}`, query), signal);
  }

  backfill(
    destination: HomeName,
    conversation: ConversationId,
    from: readonly PduId[],
    limit: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const query = { v: from, limit: String(limit) };
    return this.#demand(destination, question(`/backfill/${conversation}`, query), signal);
  }

  account(address: Address, after: number, signal: AbortSignal): Promise<Uint8Array> {
    const asked = question(`/account/${encodeURIComponent(address)}`, { after: String(after) });
    return this.#demand(homeOf(address), asked, signal);
  }

  keyLog(destination: HomeName, after: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#demand(destination, question('/keylog', { after: String(after) }), signal);
  }

  blob(destination: HomeName, list: string, number: number, signal: AbortSignal): Promise<Uint8Array> {
    const asked = question(`/blob/${list}`, { number: String(number) });
    return this.#demand(destination, { ...asked, answerBytesMax: BODY_BYTES_MAX }, signal);
  }

  async #demand(destination: HomeName, asked: Question, signal: AbortSignal): Promise<Uint8Array> {
    const answer = await this.#ask(destination, asked, signal);
    if (answer === undefined) throw new FederationError('bad_answer', `${destination} has nothing to say`);
    return answer;
  }

  async #ask(destination: HomeName, asked: Question, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const home = await this.#deps.directory.find(destination, signal);
    const answer = await this.#exchange(destination, this.#origins(home), asked, signal);
    if (answer.status === 204) return undefined;
    if (answer.status !== 200) throw fromRefusal(destination, answer);
    return answer.body;
  }

  /** Tries one origin after the other until one answers. */
  async #exchange(
    destination: HomeName,
    origins: readonly string[],
    asked: Question,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    let failure: DialError | undefined;
    let unable: HttpAnswer | undefined;
    for (const origin of origins) {
      try {
        const answer = await this.#request(origin, destination, asked, signal);
        if (answer.status === UNABLE) {
          unable ??= answer;
          continue;
        }
        this.#lastGood.set(destination, origin);
        return answer;
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        if (!(error instanceof DialError)) throw error;
        failure ??= error;
      }
    }
    this.#lastGood.delete(destination);
    if (unable !== undefined) return unable;
    invariant(failure !== undefined, 'a link tries at least one origin');
    throw fromDial(destination, failure);
  }

  async #request(origin: string, destination: HomeName, asked: Question, signal: AbortSignal): Promise<HttpAnswer> {
    const { dialer, suite } = this.#deps;
    const { home, signer } = this.#options;
    const { method, body, answerBytesMax } = asked;
    const uri = `${FEDERATION_PATH}${asked.path}`;
    const content = body === undefined ? undefined : contentHash(suite, body);
    const authorization = signRequest(suite, { method, uri, origin: home, destination, content }, signer);
    const transferBytes = (body?.length ?? 0) + answerBytesMax;
    return await dialer.request(
      {
        method,
        url: `${origin}${uri}`,
        headers: { authorization, ...(body === undefined ? {} : { 'content-type': PROTOBUF }) },
        body,
        answerBytesMax: Math.max(answerBytesMax, REFUSAL_BYTES_MAX),
        timeoutMs: LINK_TIMEOUT_MS + (1_000 * transferBytes) / TRANSFER_BYTES_PER_SECOND,
      },
      signal,
    );
  }

  #origins(home: HomeDocument): readonly string[] {
    const lastGood = this.#lastGood.get(home.home);
    const ordered = [...nodeOrigins(home)];
    if (lastGood !== undefined && ordered.includes(lastGood))
      ordered.sort((a, b) => rank(a, lastGood) - rank(b, lastGood));
    if (ordered.length === 0)
      throw new FederationError('unreachable', `the home document of ${home.home} names no node to reach`, {
        retry: 'later',
      });
    return ordered.slice(0, LINK_URLS_MAX);
  }
}

function rank(origin: string, first: string): number {
  return origin === first ? 0 : 1;
}

function question(path: string, query: Readonly<Record<string, string | readonly string[]>>): Question {
  const search = new URLSearchParams();
  for (const [name, values] of Object.entries(query))
    for (const value of typeof values === 'string' ? [values] : values) search.append(name, value);
  const text = search.toString();
  return {
    method: 'GET',
    path: text === '' ? path : `${path}?${text}`,
    body: undefined,
    answerBytesMax: FEDERATION_BODY_BYTES_MAX,
  };
}
