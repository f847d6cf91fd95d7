/** The event source over HTTP (RFC 8620, section 7.3). */
import { once } from 'node:events';
import type { FastifyInstance } from 'fastify';
import { isAbort } from '../../base/index.ts';
import { PUSH_LISTENERS_MAX } from '../limits.ts';
import { parseEventSourceQuery } from '../push/event-source.ts';
import { callerOf, type MountDeps, Refused } from './mount-deps.ts';

export function eventSourceRoute(scope: FastifyInstance, deps: MountDeps): void {
  let listeners = 0;
  scope.get<{ Querystring: Record<string, unknown> }>('/eventsource', async (request, reply) => {
    await callerOf(deps, request);
    const options = parseEventSourceQuery(request.query);
    if (options === undefined) throw new Refused(400, 'types, closeafter (state or no) and ping (seconds) are needed');
    if (listeners >= PUSH_LISTENERS_MAX) throw new Refused(429, `at most ${PUSH_LISTENERS_MAX} event sources`);
    const lastEventId = request.headers['last-event-id'];
    const controller = new AbortController();
    reply.hijack();
    const response = reply.raw;
    response.once('close', () => controller.abort(new DOMException('the client has gone', 'AbortError')));
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-store',
      'x-accel-buffering': 'no',
    });
    listeners++;
    try {
      const id = typeof lastEventId === 'string' ? lastEventId : undefined;
      for await (const text of deps.jmap.eventSource(options, id, controller.signal))
        if (!response.write(text)) await once(response, 'drain', { signal: controller.signal });
      response.end();
    } catch (error) {
      response.destroy();
      if (!isAbort(error, controller.signal)) deps.log.error({ error }, 'an event source failed');
    } finally {
      listeners--;
    }
  });
}
