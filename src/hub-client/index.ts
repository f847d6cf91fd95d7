/**
 * The library by which a program uses a hub, wherever it is.
 *
 * @example
 * const hub = connect({ socket: '/run/restante/hub.sock' }); // or { host, port, tls }, or { amqp: 'amqp://…' }
 * await using session = await hub.open({ user: 'alice@home.example', password });
 * session.on('push', (change) => …);
 * const answer = await session.request({ using, methodCalls }, signal);
 */
import type { Clock } from '../base/index.ts';
import { SystemClock } from '../base/system/index.ts';
import { type HubCredential, HubSession } from './session.ts';
import type { HubTarget } from './target.ts';

export type { Download } from './download.ts';
export * from './framing.ts';
export * from './hub-error.ts';
export { DIRECT_REPLY, LOCATE_QUEUE, type Location } from './locate.ts';
export { type HubCredential, type HubRequest, HubSession, type SessionEvents } from './session.ts';
export type { HubTarget, HubTls } from './target.ts';

export interface Hub {
  /** A new session, or by a token an existing one again. Throws HubError. */
  open(credential: HubCredential, signal?: AbortSignal): Promise<HubSession>;
}

export interface ConnectOptions {
  readonly clock?: Clock;
}

export function connect(target: HubTarget, { clock = new SystemClock() }: ConnectOptions = {}): Hub {
  return {
    open: (credential, signal = new AbortController().signal) => HubSession.open(clock, target, credential, signal),
  };
}
