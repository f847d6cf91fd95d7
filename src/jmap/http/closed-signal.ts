/** Tells that a client went away before it was answered. */
import type { FastifyReply } from 'fastify';

/** By the answer, which ends with its request: the connection is used again, and a request is closed as soon as it was read. */
export function closedSignal({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) controller.abort(new DOMException('the client has gone', 'AbortError'));
  });
  return controller.signal;
}
