/**
 * The server's half of the transport: routes of a fastify instance. A request is authenticated by its first lines and let in
 * by its declared size, before a byte of its body is read; what it means is FederationService's business. Every refusal is
 * JSON {code, message, fix}; our own failures tell nobody more than that.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { abortable, type Clock, type CryptoSuite, type Log } from '../../base/index.ts';
import {
  ATTACHMENT_CHUNKS_MAX,
  FEDERATION_BODY_BYTES_MAX,
  type HomeName,
  parseAddress,
  parseConversationId,
  parseFeedId,
  parsePduId,
} from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import type { FederationService, HomeDirectory } from '../ports.ts';
import { Admission } from './admission.ts';
import { asFederationError, toRefusal } from './error-table.ts';
import { Exchange } from './exchange.ts';
import {
  BACKFILL_PDUS_MAX,
  PAGE_CHARACTERS_MAX,
  PDU_IDS_MAX,
  TRANSACTION_ID_CHARACTERS_MAX,
  type TransportLimits,
} from './limits.ts';
import { RequestAuthenticator } from './request-authenticator.ts';
import { contentHash } from './request-signature.ts';

export interface FederationServerDeps {
  readonly service: FederationService;
  readonly directory: HomeDirectory;
  readonly suite: CryptoSuite;
  readonly clock: Clock;
  readonly log: Log;
}

export interface FederationServerOptions {
  readonly home: HomeName;
  readonly limits: TransportLimits;
}

export const FEDERATION_PATH = '/_restante/v1';
export const PROTOBUF = 'application/x-protobuf';

/** Call before `listen`. Routes of other prefixes are untouched. */
export async function mountFederation(
  fastify: FastifyInstance,
  deps: FederationServerDeps,
  options: FederationServerOptions,
): Promise<void> {
  await fastify.register(async (scope) => new FederationServer(deps, options).mount(scope), {
    prefix: FEDERATION_PATH,
  });
}

type Answer = (exchange: Exchange, path: string, query: URLSearchParams) => Promise<Uint8Array | undefined>;

class FederationServer {
  readonly #deps: FederationServerDeps;
  readonly #authenticator: RequestAuthenticator;
  readonly #admission: Admission;
  readonly #exchanges = new WeakMap<FastifyRequest, Exchange>();

  constructor(deps: FederationServerDeps, options: FederationServerOptions) {
    this.#deps = deps;
    this.#authenticator = new RequestAuthenticator(deps, options);
    this.#admission = new Admission(deps.clock, options.limits);
  }

  mount(scope: FastifyInstance): void {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.setErrorHandler((error, request, reply) => this.#refuse(error, request, reply));
    scope.setNotFoundHandler((request, reply) =>
      this.#refuse(new FederationError('not_found', 'no such request'), request, reply),
    );
    scope.addHook('onRequest', (request, reply) => this.#letIn(request, reply));
    this.#mountSend(scope);
    this.#mountQuestions(scope);
  }

  #mountSend(scope: FastifyInstance): void {
    const { service, suite } = this.#deps;
    scope.put('/send/*', { bodyLimit: FEDERATION_BODY_BYTES_MAX }, async (request, reply) => {
      const exchange = this.#exchangeOf(request);
      const txn = pathOf(request);
      if (txn.length === 0 || txn.length > TRANSACTION_ID_CHARACTERS_MAX || !/^[\w.-]+$/.test(txn))
        throw new FederationError('malformed', 'not a transaction id');
      const { body } = request;
      if (!(body instanceof Uint8Array)) throw new FederationError('malformed', 'a transaction has a body');
      if (contentHash(suite, body) !== exchange.content)
        throw new FederationError('bad_signature', 'the body is not the one that was signed');
      const bytes = new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
      return answer(
        reply,
        await abortable(service.send(exchange.origin, txn, bytes, exchange.signal), exchange.signal),
      );
    });
  }

  #mountQuestions(scope: FastifyInstance): void {
    const { service } = this.#deps;
    this.#question(scope, '/pull', ({ origin }, _path, query) =>
      service.pull(
        origin,
        parseFeedId(query.get('feed') ?? ''),
        parseCount(query.get('after'), Number.MAX_SAFE_INTEGER),
      ),
    );
    this.#question(scope, '/pdu', ({ origin }, _path, query) =>
      service.pdus(origin, parseList(query.getAll('id')).map(parsePduId)),
    );
    this.#question(scope, '/state/*', ({ origin }, path, query) =>
      service.state(origin, parseConversationId(path), parsePage(query.get('after'))),
    );
    this.#question(scope, '/backfill/*', ({ origin }, path, query) =>
      service.backfill(
        origin,
        parseConversationId(path),
        parseList(query.getAll('v')).map(parsePduId),
        parseCount(query.get('limit'), BACKFILL_PDUS_MAX),
      ),
    );
    this.#question(scope, '/account/*', (_exchange, path, query) =>
      service.account(parseAddress(path), parseCount(query.get('after') ?? '0', Number.MAX_SAFE_INTEGER)),
    );
    this.#question(scope, '/keylog', (_exchange, _path, query) =>
      service.keyLog(parseCount(query.get('after') ?? '0', Number.MAX_SAFE_INTEGER)),
    );
    this.#question(scope, '/blob/*', ({ origin }, path, query) =>
      service.blob(origin, parseHash(path), parseCount(query.get('number'), ATTACHMENT_CHUNKS_MAX)),
    );
  }

  #question(scope: FastifyInstance, path: string, ask: Answer): void {
    scope.get(path, async (request, reply) => {
      const exchange = this.#exchangeOf(request);
      const query = new URL(request.raw.url ?? '', 'http://home').searchParams;
      return answer(reply, await abortable(ask(exchange, pathOf(request), query), exchange.signal));
    });
  }

  async #letIn(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const bodyBytes = declaredBytes(request);
    const exchange = new Exchange(this.#deps.clock, request.raw, reply.raw, bodyBytes);
    const { method, url } = request.raw;
    const line = { method: method ?? '', uri: url ?? '', authorization: request.headers.authorization };
    const authentic = await abortable(this.#authenticator.authenticate(line, exchange.signal), exchange.signal);
    this.#deps.service.contact(authentic.origin);
    exchange.begin(authentic, this.#admission.admit(authentic.origin, bodyBytes));
    this.#exchanges.set(request, exchange);
  }

  #exchangeOf(request: FastifyRequest): Exchange {
    const exchange = this.#exchanges.get(request);
    // Our own mistake, if ever: a handler ran for a request that was not let in.
    if (exchange === undefined) throw new Error('invariant broken: an exchange that did not begin');
    return exchange;
  }

  #refuse(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const known = asFederationError(error);
    const { method, url } = request.raw;
    if (known === undefined) this.#deps.log.error({ error, method, url }, 'a federation request failed');
    else
      this.#deps.log.debug(
        { code: known.code, message: known.message, method, url },
        'a federation request is refused',
      );
    if (known === undefined) return reply.code(500).send({ code: 'unavailable', message: 'an internal failure' });
    const { status, body, retryAfter } = toRefusal(known, this.#exchanges.has(request));
    if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter));
    return reply.code(status).send(body);
  }
}

function answer(reply: FastifyReply, bytes: Uint8Array | undefined): FastifyReply {
  if (bytes === undefined) return reply.code(204).send();
  return reply.header('content-type', PROTOBUF).send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** A body must say how large it is: what is let in is counted before it is read. */
function declaredBytes(request: FastifyRequest): number {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  if (encoding !== undefined) throw new FederationError('malformed', 'a body declares its content-length');
  const bytes = Number(length ?? 0);
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new FederationError('malformed', 'not a content-length');
  if (bytes > FEDERATION_BODY_BYTES_MAX)
    throw new FederationError('too_large', `a body has at most ${FEDERATION_BODY_BYTES_MAX} bytes`);
  return bytes;
}

/** What the route's wildcard stands for, decoded. (A named parameter would end at fastify's limit of 100 characters.) */
function pathOf(request: FastifyRequest): string {
  return (request.params as { readonly '*'?: string })['*'] ?? '';
}

function parseCount(text: string | null, most: number): number {
  const count = text !== null && /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(count)) throw new FederationError('malformed', 'not a number from 0');
  return Math.min(count, most);
}

function parseHash(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new FederationError('malformed', 'not the hash of a chunk list');
  return text;
}

function parseList(ids: readonly string[]): readonly string[] {
  if (ids.length === 0) throw new FederationError('malformed', 'no PDU is named');
  if (ids.length > PDU_IDS_MAX) throw new FederationError('too_large', `at most ${PDU_IDS_MAX} PDUs are named`);
  return ids;
}

function parsePage(text: string | null): string | undefined {
  if (text === null) return undefined;
  if (text.length > PAGE_CHARACTERS_MAX || !/^[\x21-\x7e]+$/.test(text))
    throw new FederationError('malformed', 'not the end of a page');
  return text;
}
