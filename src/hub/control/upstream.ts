/** Connections from the control server to a user server's Unix socket, with the headers that it alone may set. */
import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
} from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { invariant } from '../../base/index.ts';
import type { Json } from '../../protocol/index.ts';
import type { SessionId } from '../component/ids.ts';
import type { HubScope } from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { SESSION_OBJECT_BYTES_MAX, UPGRADE_TIMEOUT_MS } from './limits.ts';
import type { Session } from './sessions.ts';
import type { Running } from './user-server-options.ts';

export const FRAMES_PATH = '/frames';
export const FRAMES_PROTOCOL = 'restante-hub';
/** In an answer of a user server: its octets are what the ticket is for. */
export const TICKET_HEADER = 'restante-ticket';

/** For whom a request is, and how the hub is reached from where it comes. */
export interface Bearer {
  readonly session: SessionId;
  /** The slot that the session hangs on in the end: what a program leaves here, such as a push subscription, is the login's. */
  readonly login: string;
  readonly scopes: readonly HubScope[];
  /** `https://hub.example`: what URLs in answers begin with. */
  readonly base: string;
}

/** Set by the control server alone: what comes from outside under this prefix is dropped. */
const OWN_PREFIX = 'restante-';
/** Of one connection, not of the request (RFC 9110, section 7.6.1); the credential ends here too. */
const NOT_PASSED_ON = new Set([
  'authorization',
  'connection',
  'cookie',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
]);

export function bearerOf({ id, scopes, slotIds }: Session, base: string): Bearer {
  const login = slotIds.at(-1);
  invariant(login !== undefined, 'a session hangs on a slot');
  return { session: id, login, scopes, base };
}

export function ownHeaders({ base, login, scopes, session }: Bearer): OutgoingHttpHeaders {
  return {
    'restante-session': session,
    'restante-login': login,
    'restante-scopes': scopes.join(' '),
    'restante-base': base,
  };
}

export function passedOn(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  // `Connection` may name more headers that are the connection's own.
  const named = new Set((headers.connection ?? '').toLowerCase().split(/\s*,\s*/));
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => !NOT_PASSED_ON.has(name) && !name.startsWith(OWN_PREFIX) && !named.has(name),
    ),
  );
}

/**
 * A new connection, on which nothing has been said: so whoever is refused one may try the process that follows. None is
 * used twice, for one that waits to be used again may end while it is. Throws HubError `absent`.
 */
export function dial({ socketPath }: Running): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    // An error after that is seen by whoever uses the connection.
    socket.on('error', (cause) => reject(asHubError(cause)));
    socket.once('connect', () => resolve(socket));
  });
}

/** A connection on which the user server speaks what was asked for. Throws HubError `absent`, `late`, `failed`. */
export async function upgrade(
  running: Running,
  path: string,
  headers: OutgoingHttpHeaders,
): Promise<{ readonly response: IncomingMessage; readonly stream: Duplex; readonly head: Uint8Array }> {
  const asked = askOn(await dial(running), path, headers);
  return new Promise((resolve, reject) => {
    asked.once('upgrade', (response, stream, head) => {
      stream.setTimeout(0);
      resolve({ response, stream, head });
    });
    asked.once('response', (response) => {
      response.resume();
      reject(new HubError('failed', `the user server answered ${response.statusCode} to an upgrade`));
    });
    asked.once('error', (cause) => reject(asHubError(cause)));
    asked.end();
  });
}

/** The JMAP session object as this session sees it. Throws HubError `absent`, `late`, `failed`, `too_large`. */
export async function readSessionObject(running: Running, bearer: Bearer): Promise<Json> {
  const asked = askOn(await dial(running), '/jmap/session', ownHeaders(bearer));
  return new Promise((resolve, reject) => {
    asked.once('response', (response) => {
      const chunks: Uint8Array[] = [];
      let size = 0;
      response.on('data', (chunk: Uint8Array) => {
        size += chunk.length;
        if (size > SESSION_OBJECT_BYTES_MAX) asked.destroy(new HubError('too_large', 'a session object is small'));
        else chunks.push(chunk);
      });
      response.once('error', (cause) => reject(asHubError(cause)));
      response.once('end', () => {
        try {
          if (response.statusCode !== 200) throw new HubError('failed', `no session object: ${response.statusCode}`);
          resolve(JSON.parse(Buffer.concat(chunks).toString()) as Json);
        } catch (error) {
          reject(error);
        }
      });
    });
    asked.once('error', (cause) => reject(asHubError(cause)));
    asked.end();
  });
}

function askOn(socket: Socket, path: string, headers: OutgoingHttpHeaders): ClientRequest {
  const asked = request({ createConnection: () => socket, path, headers });
  // Said to the request, since the option of that name is for connections that Node makes itself.
  asked.setTimeout(UPGRADE_TIMEOUT_MS, () =>
    asked.destroy(new HubError('late', 'the user server did not answer in time')),
  );
  return asked;
}

/** Carries bytes both ways until either side ends; then both are closed. How they end is no error of ours. */
export async function join(a: Duplex, b: Duplex): Promise<void> {
  // Both are half-open sockets: the end of one direction does not close the other by itself.
  await Promise.race([pipeline(a, b), pipeline(b, a)].map((way) => way.catch(() => undefined)));
  a.destroy();
  b.destroy();
}

export function asHubError(cause: unknown): HubError {
  if (cause instanceof HubError) return cause;
  return new HubError('absent', 'the user server ended meanwhile', { cause, retry: 'now' });
}
