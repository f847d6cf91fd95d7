/** Carries a connection or a request on to the host that has the user: its own door asks for the credential there. */
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect as connectTls } from 'node:tls';
import { utf8, whenAborted } from '../../base/index.ts';
import type { Location } from '../../hub-client/index.ts';
import { encodeFrame } from '../framing.ts';
import { HubError } from '../hub-error.ts';
import type { FirstFrame } from './frames-protocol.ts';
import { FORWARD_TIMEOUT_MS } from './limits.ts';
import { join } from './upstream.ts';

/** Says that the other host was told by us that the user is there: it does not send the request on once more. */
export const FORWARDED_HEADER = 'restante-forwarded';

/** `rest` is what came behind the first frame. */
export async function forwardFrames(
  location: Location,
  socket: Socket,
  first: FirstFrame,
  rest: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const other = await dial(location, signal);
  using _ = whenAborted(signal, () => other.destroy());
  other.write(encodeFrame(utf8(JSON.stringify({ ...first, forwarded: true }))));
  if (rest.length > 0) socket.unshift(rest);
  await join(socket, other);
}

export async function forwardRequest(
  { host, port, tls }: Location,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const asked = (tls ? httpsRequest : httpRequest)({
    host,
    port,
    method: request.method,
    path: request.url,
    headers: { ...request.headers, [FORWARDED_HEADER]: '1' },
    signal,
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve);
    asked.once('error', (cause) => reject(signal.aborted ? signal.reason : unreachable(cause)));
  });
  // The other host may answer before it has read everything: its answer counts.
  const sending = pipeline(request, asked).catch((cause: unknown) => cause);
  const answer = await answered;
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  response.flushHeaders();
  await pipeline(answer, response);
  await sending;
}

/** The request's head goes on as it came, with our word in it; what follows is carried as bytes. */
export async function forwardUpgrade(
  location: Location,
  request: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const other = await dial(location, signal);
  using _ = whenAborted(signal, () => other.destroy());
  const { rawHeaders } = request;
  let lines = `${request.method} ${request.url} HTTP/1.1\r\n`;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) lines += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  other.write(`${lines}${FORWARDED_HEADER}: 1\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
  await join(socket, other);
}

function dial({ host, port, tls }: Location, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = tls ? connectTls({ host, port, servername: host }) : connect(port, host);
    const onAbort = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.setTimeout(FORWARD_TIMEOUT_MS, () => socket.destroy(new HubError('late', 'the host does not answer')));
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      socket.setTimeout(0);
      signal.removeEventListener('abort', onAbort);
      resolve(socket);
    });
    // Errors after that end the stream, which whoever carries it sees.
    socket.on('error', (cause) => reject(unreachable(cause)));
  });
}

function unreachable(cause: unknown): HubError {
  return new HubError('unavailable', 'the host that has the user does not answer', { cause, retry: 'now' });
}
