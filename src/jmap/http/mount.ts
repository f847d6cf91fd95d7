/** JMAP over HTTP, as a fastify plugin: the session resource and the API (RFC 8620, sections 2 and 3.1). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../../base/index.ts';
import type { Caller, Jmap } from '../jmap.ts';
import { CORE_LIMITS } from '../limits.ts';
import { RequestError } from '../protocol/errors.ts';

export interface MountDeps {
  readonly jmap: Jmap;
  readonly log: Log;
  /** Who a request is from; undefined if it may not be here, which is answered with 401. */
  readonly callerOf: (request: FastifyRequest) => Caller | undefined | Promise<Caller | undefined>;
}

/** Mounts the endpoints below `prefix`, such as `/jmap`. */
export async function mountJmap(fastify: FastifyInstance, deps: MountDeps, prefix: string): Promise<void> {
  await fastify.register(
    async (scope) => {
      // JMAP judges its own bodies: octets, whatever their type says.
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser(
        '*',
        { parseAs: 'buffer', bodyLimit: CORE_LIMITS.maxSizeRequest },
        (_request, body, done) => done(null, body),
      );
      scope.setErrorHandler((error, _request, reply) => answerError(error, reply, deps.log));
      scope.get('/session', async (request, reply) => {
        const caller = await callerOf(deps, request);
        return reply.header('cache-control', 'no-cache, no-store, must-revalidate').send(deps.jmap.session(caller));
      });
      scope.post('/api', async (request, reply) => {
        const caller = await callerOf(deps, request);
        const response = await deps.jmap.api(requestBody(request), caller, closedSignal(request));
        return reply.header('cache-control', 'no-store').send(response);
      });
    },
    { prefix },
  );
}

class Unauthorized extends Error {}

async function callerOf({ callerOf }: MountDeps, request: FastifyRequest): Promise<Caller> {
  const caller = await callerOf(request);
  if (caller === undefined) throw new Unauthorized('log in first');
  return caller;
}

/** RFC 8620, section 3.1: the request's type is application/json. */
function requestBody(request: FastifyRequest): Uint8Array {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json')
    throw new RequestError('notJSON', 'the content type of a request is application/json');
  return request.body instanceof Uint8Array ? request.body : new Uint8Array(0);
}

/** Aborted when the client goes away before it was answered. */
export function closedSignal(request: FastifyRequest): AbortSignal {
  const controller = new AbortController();
  request.raw.socket.once('close', () => controller.abort(new DOMException('the client has gone', 'AbortError')));
  return controller.signal;
}

function answerError(error: unknown, reply: FastifyReply, log: Log): FastifyReply {
  if (error instanceof RequestError) return problem(reply, error.status, error.problem);
  if (error instanceof Unauthorized)
    return problem(reply, 401, { type: 'about:blank', status: 401, detail: error.message });
  const { statusCode, code, message } = error as { statusCode?: number; code?: string; message: string };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const tooLarge = new RequestError('limit', `at most ${CORE_LIMITS.maxSizeRequest} octets`, {
      limit: 'maxSizeRequest',
    });
    return problem(reply, tooLarge.status, tooLarge.problem);
  }
  if (statusCode !== undefined && statusCode < 500)
    return problem(reply, statusCode, { type: 'about:blank', status: statusCode, detail: message });
  log.error({ error }, 'a JMAP request failed');
  return problem(reply, 500, { type: 'about:blank', status: 500, detail: 'the server failed to do this' });
}

function problem(reply: FastifyReply, status: number, body: Record<string, unknown>): FastifyReply {
  return reply.code(status).header('content-type', 'application/problem+json').send(body);
}
