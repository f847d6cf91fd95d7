/** Tells that a client went away before it was answered. */
import type { FastifyRequest } from 'fastify';

export function closedSignal(request: FastifyRequest): AbortSignal {
  const controller = new AbortController();
  const { socket } = request.raw;
  const abort = (): void => controller.abort(new DOMException('the client has gone', 'AbortError'));
  socket.once('close', abort);
  // Connections are used again: each request takes its listener away.
  request.raw.once('close', () => {
    if (request.raw.complete) socket.off('close', abort);
  });
  return controller.signal;
}
