/**
 * Where a hub is, and how to get a connection to it: a local socket, a port, or a broker that says which host has the user.
 * Who uses the connection does not know which it was.
 */
import { connect as connectSocket, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Clock, withDeadline } from '../base/index.ts';
import { HubError } from './hub-error.ts';
import { CONNECT_TIMEOUT_MS } from './limits.ts';
import { locate } from './locate.ts';

export type HubTarget =
  | { readonly socket: string }
  | { readonly host: string; readonly port: number; readonly tls?: HubTls | undefined }
  /** `amqp://user:password@broker/vhost`; the broker says which host, and whether it speaks TLS. */
  | { readonly amqp: string; readonly tls?: Omit<HubTls, 'servername'> | undefined };

export interface HubTls {
  /** PEM, for a certificate of one's own making; default: the system's authorities. */
  readonly ca?: string;
  readonly servername?: string;
}

/** Throws HubError `absent` (nobody answers there), `late`, and what the broker's answer says. */
export async function dial(clock: Clock, target: HubTarget, user: string, signal: AbortSignal): Promise<Socket> {
  if ('socket' in target) return open(clock, () => connectSocket(target.socket), 'connect', signal);
  if ('amqp' in target) {
    const { host, port, tls } = await locate(clock, target.amqp, user, signal);
    return dialPort(clock, { host, port, tls: tls ? (target.tls ?? {}) : undefined }, signal);
  }
  return dialPort(clock, target, signal);
}

function dialPort(
  clock: Clock,
  { host, port, tls }: { readonly host: string; readonly port: number; readonly tls?: HubTls | undefined },
  signal: AbortSignal,
): Promise<Socket> {
  if (tls === undefined) return open(clock, () => connectSocket(port, host), 'connect', signal);
  return open(clock, () => connectTls({ host, port, ...tls }), 'secureConnect', signal);
}

function open(
  clock: Clock,
  begin: () => Socket,
  done: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<Socket> {
  const late = (): Error => new HubError('late', 'the hub did not answer in time', { retry: 'later' });
  return withDeadline(clock, CONNECT_TIMEOUT_MS, signal, late, (inTime) => {
    const socket = begin();
    return new Promise<Socket>((resolve, reject) => {
      const onAbort = (): void => {
        socket.destroy();
        reject(inTime.reason);
      };
      inTime.addEventListener('abort', onAbort, { once: true });
      socket.once(done, () => {
        inTime.removeEventListener('abort', onAbort);
        socket.setNoDelay(true);
        resolve(socket);
      });
      socket.once('error', (cause) => {
        reject(new HubError('absent', 'no hub answers there', { cause, retry: 'later' }));
      });
    });
  });
}
