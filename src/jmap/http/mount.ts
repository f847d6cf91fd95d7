/** JMAP over HTTP, as a fastify plugin: the session resource, the API, blobs and the event source (RFC 8620). */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../../base/index.ts';
import { UnavailableOctets } from '../blobs/ports.ts';
import { CORE_LIMITS } from '../limits.ts';
import { RequestError } from '../protocol/errors.ts';
import { blobRoutes } from './blob-routes.ts';
import { closedSignal } from './closed-signal.ts';
import { eventSourceRoute } from './event-source-route.ts';
import { callerOf, type MountDeps, problem, Refused } from './mount-deps.ts';

/** Mounts the endpoints below `prefix`, such as `/jmap`. WebSockets are upgrades, which whoever listens hands over. */
export async function mountJmap(fastify: FastifyInstance, deps: MountDeps, prefix: string): Promise<void> {
  await fastify.register(
    async (scope) => {
      // JMAP judges its own bodies: octets, whatever their type says.
      scope.removeAllContentTypeParsers();
      scope.setErrorHandler((error, _request, reply) => answerError(error, reply, deps.log));
      await scope.register(async (api) => apiRoutes(api, deps));
      await scope.register(async (blobs) => {
        blobs.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
        blobRoutes(blobs, deps);
      });
      eventSourceRoute(scope, deps);
    },
    { prefix },
  );
}

function apiRoutes(api: FastifyInstance, deps: MountDeps): void {
  api.addContentTypeParser(
    '*',
    { bodyLimit: Number.MAX_SAFE_INTEGER },
    (_request: FastifyRequest, payload: IncomingMessage) => readBody(payload),
  );
  api.get('/session', async (request, reply) => {
    const caller = await callerOf(deps, request);
    return reply.header('cache-control', 'no-cache, no-store, must-revalidate').send(deps.jmap.session(caller));
  });
  api.post('/api', async (request, reply) => {
    const caller = await callerOf(deps, request);
    const response = await deps.jmap.api(requestBody(request), caller, closedSignal(reply));
    return reply.header('cache-control', 'no-store').send(response);
  });
}

/**
 * A body that is too large is read to its end and forgotten: whoever still sends would lose the answer with the connection.
 * Throws RequestError.
 */
async function readBody(payload: AsyncIterable<Buffer>): Promise<Buffer> {
  let pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of payload) {
    size += piece.length;
    if (size <= CORE_LIMITS.maxSizeRequest) pieces.push(piece);
    else pieces = [];
  }
  if (size > CORE_LIMITS.maxSizeRequest)
    throw new RequestError('limit', `at most ${CORE_LIMITS.maxSizeRequest} octets`, { limit: 'maxSizeRequest' });
  return Buffer.concat(pieces);
}

/** RFC 8620, section 3.1: the request's type is application/json. */
function requestBody(request: FastifyRequest): Uint8Array {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json')
    throw new RequestError('notJSON', 'the content type of a request is application/json');
  return request.body instanceof Uint8Array ? request.body : new Uint8Array(0);
}

function answerError(error: unknown, reply: FastifyReply, log: Log): FastifyReply {
  if (error instanceof RequestError) return problem(reply, error.status, error.problem);
  if (error instanceof Refused)
    return problem(reply, error.status, { type: 'about:blank', status: error.status, detail: error.message });
  if (error instanceof UnavailableOctets)
    return problem(reply, 503, { type: 'about:blank', status: 503, detail: error.message });
  const { statusCode, message } = error as { statusCode?: number; message: string };
  if (statusCode !== undefined && statusCode < 500)
    return problem(reply, statusCode, { type: 'about:blank', status: statusCode, detail: message });
  if (isOfClosedConnection(error, reply)) {
    log.debug({}, 'a JMAP request was given up: whoever asked has gone');
    return reply.hijack();
  }
  log.error({ error }, 'a JMAP request failed');
  return problem(reply, 500, { type: 'about:blank', status: 500, detail: 'the server failed to do this' });
}

/** What was given up because nobody waits for it (closedSignal), or was cut off while it came. */
function isOfClosedConnection(error: unknown, { raw }: FastifyReply): boolean {
  const { name, code } = error as { name?: string; code?: unknown };
  return (name === 'AbortError' || code === 'ECONNRESET') && (raw.closed || raw.socket?.destroyed === true);
}
